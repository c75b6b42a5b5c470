"""The one thread that formats and writes log lines, so that no request ever waits for a disk.

Callers append to a queue and go on; the thread empties it ten times a second, and at once for a
warning. A queue that grows too long (a blocked disk or pipe) drops lines and says how many.
"""

import sys
import threading
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from typing import Final, Protocol, TextIO, final

import msgspec

from routstr.core.log_files import DailyFile
from routstr.core.redaction import LogValue, clean

LogLine = dict[str, LogValue]
Line = LogLine | msgspec.Struct
"""A struct is written as the object of its fields, without those that say nothing."""

_PAUSE_SECONDS: Final = 0.1
_RETRY_SECONDS: Final = 60
_BATCH_LINES: Final = 500
_QUEUE_LINES_MAX: Final = 100_000
_ENCODER: Final = msgspec.json.Encoder()
HEAD: Final = ("timestamp", "level", "event", "logger")
"""What every line begins with."""


class LogEntry(Protocol):
    """What is queued: cheap to make, turned into a line by the thread."""

    def line(self) -> Line:
        """Plain, redacted data, starting with timestamp, level, event and logger."""
        ...


def iso_time(ms: int) -> str:
    """UTC in ISO 8601 with milliseconds: ``2026-01-31T12:00:00.000Z``."""
    return f"{_iso_second(ms // 1_000)}.{ms % 1_000:03d}Z"


@lru_cache(maxsize=8)
def _iso_second(second: int) -> str:
    return f"{datetime.fromtimestamp(second, UTC):%Y-%m-%dT%H:%M:%S}"


def as_json(lines: Iterable[Line]) -> bytes:
    """Each line as a JSON object and a line end; nothing inside can break a line."""
    return _ENCODER.encode_lines(lines)


def _plain(line: Line) -> LogLine:
    if isinstance(line, dict):
        return line
    plain: LogLine = msgspec.to_builtins(line)
    return plain


def as_text(line: LogLine) -> str:
    """A line for a person at a terminal; only a traceback takes further, indented lines."""
    rest = " ".join(
        f"{name}={word(value)}"
        for name, value in line.items()
        if name not in HEAD and name != "exception"
    )
    head = f"{line['timestamp']} {line['level']!s:<8} {flat(str(line['event']))} "
    text = f"{head}[{line['logger']}] {rest}".rstrip()
    trace = str(line.get("exception") or "")
    return "\n    ".join([text, *map(flat, trace.splitlines())]) + "\n"


def flat(text: str) -> str:
    """A text without control characters, which could forge lines or command the terminal."""
    return text if text.isprintable() else msgspec.json.encode(text).decode()


def word(value: LogValue) -> str:
    """A value as one word, or in quotes."""
    if isinstance(value, str) and value.isprintable() and " " not in value:
        return value
    return msgspec.json.encode(value).decode()


@final
class Console:
    """Lines on standard output, as JSON or as text."""

    __slots__ = ("_show", "_stream")

    def __init__(
        self, stream: TextIO, *, text: bool, show: Callable[[LogLine], str] = as_text
    ) -> None:
        """``show`` is how a line looks as text."""
        self._stream = stream
        self._show = show if text else None

    def write(self, lines: Sequence[Line]) -> None:
        """Write a batch; raises ``OSError`` or ``ValueError`` when the stream is gone."""
        show = self._show
        output = as_json(lines).decode() if show is None else "".join(map(show, map(_plain, lines)))
        encoding = self._stream.encoding or "utf-8"  # LANG=C: a terminal without UTF-8
        self._stream.write(output.encode(encoding, "backslashreplace").decode(encoding))
        self._stream.flush()


@final
class LogWriter:
    """Queue and thread; ``put`` may be called from any thread and never blocks."""

    def __init__(
        self,
        file: DailyFile | None,
        console: Console | None,
        *,
        lines_max: int = _QUEUE_LINES_MAX,
    ) -> None:
        self._lines_max = lines_max
        self._file = file
        self._console = console
        self._queue: deque[LogEntry] = deque()
        self._dropped = 0
        self._file_retry_at = 0.0
        self._wake = threading.Event()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="routstr-log", daemon=True)

    def start(self) -> None:
        """Start the thread; lines put earlier are kept."""
        self._thread.start()

    def put(self, entry: LogEntry, *, urgent: bool = False) -> None:
        """Hand a line over."""
        if len(self._queue) >= self._lines_max:
            self._dropped += 1
            return
        self._queue.append(entry)
        if urgent:
            self._wake.set()

    def close(self, timeout_seconds: float = 5) -> bool:
        """Write what is queued and end the thread; False when the time was too short."""
        self._closing = True
        self._wake.set()
        self._thread.join(timeout_seconds)
        return not self._thread.is_alive()

    def _run(self) -> None:
        while True:
            self._wake.wait(_PAUSE_SECONDS)
            self._wake.clear()
            closing = self._closing  # read first: what was queued before close() is then written
            while self._queue:
                batch = [self._queue.popleft() for _ in range(min(len(self._queue), _BATCH_LINES))]
                self._write([entry.line() for entry in batch])
            if closing:
                break
        if self._file is not None:
            self._file.close()

    def _write(self, lines: list[Line]) -> None:
        now = datetime.now(UTC)
        dropped, self._dropped = self._dropped, 0
        if dropped:
            lines.append(_own_line(now, f"{dropped} log lines were dropped: the output is blocked"))
        complaint = self._write_file(lines, now)
        if complaint:
            lines.append(_own_line(now, complaint))
            self._console = self._console or Console(sys.stdout, text=False)
        if self._console is not None:
            try:
                self._console.write(lines)
            except (OSError, ValueError):
                self._console = None  # standard output is closed; the file goes on

    def _write_file(self, lines: list[Line], now: datetime) -> str:
        """Append the lines; an error is returned as text and pauses the file."""
        if self._file is None or now.timestamp() < self._file_retry_at:
            return ""
        try:
            self._file.open(now.date())
            self._file.write(as_json(lines))
        except OSError as error:
            self._file.close()
            self._file_retry_at = now.timestamp() + _RETRY_SECONDS
            return f"the log file cannot be written: {clean(str(error))}"
        return ""


def _own_line(now: datetime, event: str) -> LogLine:
    return {
        "timestamp": iso_time(int(now.timestamp() * 1_000)),
        "level": "warning",
        "event": event,
        "logger": __name__,
    }
