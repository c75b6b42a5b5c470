"""Structured logs: JSON lines in daily files and on standard output, one stream for everything.

``get_logger(__name__).info("what happened", field=value)`` goes through the standard library's
loggers, as do uvicorn, aiohttp, SQLAlchemy and Alembic; :func:`start_logging` hangs one handler
on their root. Every line carries timestamp, level, event, logger and, inside a request, its id.
"""

import logging
import sys
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from types import TracebackType
from typing import Any, Final, TextIO, final

from routstr.core.access_log import AccessLog
from routstr.core.clock import Clock
from routstr.core.log_files import DailyFile
from routstr.core.log_writer import Console, LogLine, LogWriter, as_text, iso_time
from routstr.core.redaction import LogValue, clean, loggable_fields
from routstr.core.request_id import REQUEST_ID
from routstr.core.settings import Settings

_FIELDS: Final = "routstr_fields"
_LEAST_LEVELS: Final = {  # chatter of libraries; this node has an access line of its own
    "aiohttp.access": logging.WARNING,
    "alembic": logging.WARNING,
    "asyncio": logging.INFO,
    "sqlalchemy": logging.WARNING,
    "uvicorn.access": logging.WARNING,
}
_ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


@final
class Logger:
    """Logs events with fields. Positional arguments fill in what ``%`` leaves open in an event."""

    __slots__ = ("_standard",)

    def __init__(self, standard: logging.Logger) -> None:
        self._standard = standard

    def debug(self, event: str, *values: object, **fields: object) -> None:
        self._log(logging.DEBUG, event, values, fields)

    def info(self, event: str, *values: object, **fields: object) -> None:
        self._log(logging.INFO, event, values, fields)

    def warning(self, event: str, *values: object, **fields: object) -> None:
        self._log(logging.WARNING, event, values, fields)

    def error(self, event: str, *values: object, **fields: object) -> None:
        self._log(logging.ERROR, event, values, fields)

    def critical(self, event: str, *values: object, **fields: object) -> None:
        self._log(logging.CRITICAL, event, values, fields)

    def exception(self, event: str, *values: object, **fields: object) -> None:
        """An error, with the traceback of what is being handled."""
        self._log(logging.ERROR, event, values, {"exc_info": True, **fields})

    def _log(
        self, level: int, event: str, values: tuple[object, ...], fields: dict[str, Any]
    ) -> None:
        """Hand an event to the standard library's logger, its fields untouched."""
        if self._standard.isEnabledFor(level):
            exc_info = fields.pop("exc_info", None)
            self._standard.log(level, event, *values, exc_info=exc_info, extra={_FIELDS: fields})


def get_logger(name: str) -> Logger:
    """The logger of a module. Values are plain data; a secret is not handed over at all."""
    return Logger(logging.getLogger(name))


@final
@dataclass(frozen=True, slots=True)
class _Entry:
    """A log call. Texts are taken when it is made, a traceback is formatted by the thread."""

    ms: int
    level: str
    event: str
    logger: str
    request_id: str | None
    worker: int | None
    fields: dict[str, LogValue]
    exc_info: _ExcInfo | None

    def line(self) -> LogLine:
        line: LogLine = {
            "timestamp": iso_time(self.ms),
            "level": self.level,
            "event": self.event,
            "logger": self.logger,
        }
        if self.request_id is not None:
            line["request_id"] = self.request_id
        if self.worker is not None:
            line["worker"] = self.worker
        for name, value in self.fields.items():
            line[f"{name}_" if name in line else name] = value
        if self.exc_info is not None:
            line["exception"] = clean("".join(traceback.format_exception(*self.exc_info)))
        return line


@final
class _QueueHandler(logging.Handler):
    """Turns a record into an entry and queues it."""

    def __init__(self, writer: LogWriter, worker: int | None) -> None:
        super().__init__()
        self._writer = writer
        self._worker = worker

    def handle(self, record: logging.LogRecord) -> bool:
        # without the base class's lock: the queue takes entries from any thread
        self.emit(record)
        return True

    def emit(self, record: logging.LogRecord) -> None:
        try:
            event = record.getMessage()
        except (TypeError, ValueError, KeyError):  # a library's format does not fit its arguments
            event = f"{record.msg} {record.args}"
        exc_info = record.exc_info
        entry = _Entry(
            ms=int(record.created * 1_000),
            level=record.levelname.lower(),
            event=clean(event),
            logger=record.name,
            request_id=REQUEST_ID.get(),
            worker=self._worker,
            fields=loggable_fields(getattr(record, _FIELDS, {})),
            exc_info=exc_info if exc_info and exc_info[0] else None,
        )
        self._writer.put(entry, urgent=record.levelno >= logging.WARNING)


@final
class Logs:
    """Running logs: the access log, and the way to end them."""

    __slots__ = ("_handler", "_level_before", "_writer", "access")

    def __init__(
        self, writer: LogWriter, clock: Clock, level: str, worker: int | None = None
    ) -> None:
        self._writer = writer
        self._handler = _QueueHandler(writer, worker)
        self.access = AccessLog(writer, clock, worker)
        root = logging.getLogger()
        self._level_before = root.level
        root.addHandler(self._handler)
        root.setLevel(level)
        for name, least in _LEAST_LEVELS.items():
            logging.getLogger(name).setLevel(least)
        for name in ("uvicorn", "uvicorn.error", "uvicorn.access"):
            library = logging.getLogger(name)
            library.handlers.clear()  # set by uvicorn's own command line; they would print twice
            library.propagate = True

    def set_level(self, level: str) -> None:
        """Log what has at least this level from now on."""
        logging.getLogger().setLevel(level)

    def close(self, timeout_seconds: float = 5) -> bool:
        """Take the handler away and write what is queued; False when the time was too short."""
        root = logging.getLogger()
        root.removeHandler(self._handler)
        root.setLevel(self._level_before)
        return self._writer.close(timeout_seconds)


def _shown(stream: TextIO) -> Callable[[LogLine], str]:
    """How lines look to people: in colour if they look on."""
    if not stream.isatty():
        return as_text
    from routstr.core.log_colours import Painter  # noqa: PLC0415 - only for a terminal

    return Painter(stream)


def start_logging(
    settings: Settings, clock: Clock, stdout: TextIO | None = None, worker: int | None = None
) -> Logs:
    """Begin to log as the settings say; call ``close`` on the result at the end.

    ``worker`` stands in every line: the process's number among those that share an address.
    A folder that cannot be written is a warning, and all lines then go to standard output.
    """
    stream = sys.stdout if stdout is None else stdout
    file: DailyFile | None = DailyFile(settings.log_dir, settings.log_days)
    problem: OSError | None = None
    try:
        assert file is not None
        file.open(datetime.now(UTC).date())
    except OSError as error:
        file, problem = None, error
    console = None
    if settings.enable_console_logging or file is None:
        text = settings.console_log_format == "text"
        console = Console(stream, text=text, show=_shown(stream) if text else as_text)
    writer = LogWriter(file, console)
    writer.start()
    logs = Logs(writer, clock, settings.log_level, worker)
    if problem is not None:
        get_logger(__name__).warning(
            "the log folder cannot be written; logging to standard output only",
            folder=str(settings.log_dir),
            reason=problem.strerror,
        )
    return logs
