"""Reading the daily log files from their end, newest first, some bytes at a time.

A file may be larger than memory: no call reads more than it was allowed to, and says where it
stopped. What is looked for is first looked for in the bytes; only lines that may fit are decoded.
"""

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final

import msgspec
from msgspec import Struct

from routstr.core.log_writer import iso_time

LEVELS: Final = ("debug", "info", "warning", "error", "critical")
READ_MAX: Final = 8 << 20
"""How many bytes one call reads."""

Line = Mapping[str, Any]
_NAME: Final = re.compile(r"app_(\d{4}-\d{2}-\d{2})\.log")
_POSITION: Final = re.compile(r"(\d{4}-\d{2}-\d{2})\.(\d{1,15})", re.ASCII)
_STAMP: Final = re.compile(rb'\n\{"timestamp":"([0-9T:.Z-]{24})"')
_ACCESS: Final = b'"event":"api_request"'
_BLOCK: Final = 256 << 10
_LINE_MAX: Final = 1 << 20
_AFTER_MS: Final = 5_000


class Position(Struct, frozen=True):
    """A place in the files: what lies before it is older. ``offset`` None: the end of the day."""

    day: date
    offset: int | None = None

    @classmethod
    def read(cls, text: str) -> "Position | None":
        """Read what :meth:`__str__` wrote; None for anything else."""
        if (match := _POSITION.fullmatch(text)) is None:
            return None
        try:
            return cls(date.fromisoformat(match[1]), int(match[2]))
        except ValueError:
            return None

    def __str__(self) -> str:
        return f"{self.day.isoformat()}.{self.offset or 0}"


class LogQuery(Struct, frozen=True):
    """Which lines; empty: any. ``level``: this one and worse. ``text``: anywhere in the line.

    Letters of ASCII are the same in both cases.
    """

    request_id: str = ""
    level: str = ""
    text: str = ""
    statuses: Sequence[int] = ()
    methods: Sequence[str] = ()
    endpoints: Sequence[str] = ()

    def needles(self) -> list[tuple[bytes, ...]]:
        """What the bytes of a line must hold: one of each. Only ``text`` is in lower case."""
        found: list[tuple[bytes, ...]] = []
        if self.request_id:
            found.append((msgspec.json.encode(self.request_id),))
        if self.level:
            worse = LEVELS[LEVELS.index(self.level) :]
            found.append(tuple(b'"level":"%s"' % one.encode() for one in worse))
        if self.statuses or self.methods or self.endpoints:
            found.append((_ACCESS,))
        return found

    def fits(self, line: Line) -> bool:
        """Whether a decoded line is one of these; what :meth:`needles` has found may lie."""
        return (
            self.request_id in {"", line.get("request_id")}
            and (not self.level or line.get("level") in LEVELS[LEVELS.index(self.level) :])
            and (not self.statuses or line.get("status") in self.statuses)
            and (not self.methods or line.get("method") in self.methods)
            and (not self.endpoints or line.get("endpoint") in self.endpoints)
        )


class Found(Struct, frozen=True):
    """Lines, newest first. ``older``: where the search goes on, None: all was searched."""

    lines: list[dict[str, Any]]
    older: Position | None


def days(folder: Path) -> list[date]:
    """List the days of which there is a file, newest first."""
    try:
        found = [_NAME.fullmatch(file.name) for file in folder.iterdir()]
    except OSError:
        return []
    names = [match[1] for match in found if match]
    return sorted((date.fromisoformat(name) for name in names if _is_day(name)), reverse=True)


def search(
    folder: Path,
    query: LogQuery,
    *,
    start: Position | None = None,
    only: date | None = None,
    limit: int = 100,
    read_max: int = READ_MAX,
) -> Found:
    """Find lines before ``start``, of all days or ``only`` of one."""
    found: list[dict[str, Any]] = []
    left = read_max
    for day in days(folder):
        if (only is not None and day != only) or (start is not None and day > start.day):
            continue
        end = start.offset if start is not None and day == start.day else None
        if left <= 0:
            return Found(found, Position(day, _size(folder, day)))
        with _opened(folder, day) as (file, size):
            rest = size if end is None else min(end, size)
            for at, lines in _backwards(file, rest, left):
                for offset, line in _fitting(at, lines, query):
                    found.append(line)
                    if len(found) == limit:
                        return Found(found, Position(day, offset))
                left -= rest - at
                rest = at
            if rest > 0:
                return Found(found, Position(day, rest))
    return Found(found, None)


def around(folder: Path, request_id: str, at_ms: int) -> Found:
    """Find a request's lines near a moment, ms since the epoch."""
    day = datetime.fromtimestamp(at_ms / 1_000, UTC).date()
    with _opened(folder, day) as (file, size):
        offset = _since(file, size, iso_time(at_ms + _AFTER_MS).encode())
    start = Position(day, min(size, offset + READ_MAX // 2))
    return search(folder, LogQuery(request_id), start=start)


def _is_day(name: str) -> bool:
    try:
        date.fromisoformat(name)
    except ValueError:
        return False
    return True


def _size(folder: Path, day: date) -> int:
    with _opened(folder, day) as (_, size):
        return size


@contextmanager
def _opened(folder: Path, day: date) -> Iterator[tuple[int, int]]:
    """Descriptor and size; a file that is not there, or not any more, is an empty one."""
    try:
        file = os.open(folder / f"app_{day.isoformat()}.log", os.O_RDONLY | os.O_NOFOLLOW)
    except OSError:
        file = os.open(os.devnull, os.O_RDONLY)
    try:
        yield file, os.fstat(file).st_size
    finally:
        os.close(file)


def _backwards(file: int, end: int, read_max: int) -> Iterator[tuple[int, bytes]]:
    """Whole lines before ``end`` and where they begin, the last ones first."""
    rest = b""
    while end > 0 and read_max > 0:
        begin = max(0, end - _BLOCK)
        data = os.pread(file, end - begin, begin) + rest
        read_max -= end - begin
        # what stands first may have begun before
        cut = data.find(b"\n", 0, len(data) - 1) + 1 if begin else 0
        if begin and not cut:
            rest = data if len(data) <= _LINE_MAX else b""
            yield begin, b""
        else:
            rest = data[:cut]
            yield begin + cut, data[cut:]
        end = begin


def _fitting(at: int, lines: bytes, query: LogQuery) -> Iterator[tuple[int, dict[str, Any]]]:
    """Decode the lines that fit, the last first, each with where it begins."""
    needles, text = query.needles(), msgspec.json.encode(query.text)[1:-1].lower()
    if not all(any(one in lines for one in each) for each in needles):
        return
    end = at + len(lines)
    for line in reversed(lines.splitlines(keepends=True)):
        end -= len(line)
        if text not in line.lower() or not all(any(o in line for o in each) for each in needles):
            continue
        try:
            decoded = msgspec.json.decode(line)
        except msgspec.MsgspecError:
            continue  # it is just being written, or was cut by a full disk
        if isinstance(decoded, dict) and query.fits(decoded):
            yield end, decoded


def _since(file: int, size: int, stamp: bytes) -> int:
    """Where lines of a moment begin: found by halving, as lines stand in the order of time."""
    low, high = 0, size
    while high - low > _BLOCK:
        middle = (low + high) // 2
        match = _STAMP.search(os.pread(file, _BLOCK, middle))
        if match is None or match[1] >= stamp:
            high = middle
        else:
            low = middle
    return high
