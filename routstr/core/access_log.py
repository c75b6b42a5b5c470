"""One line per request, written off the hot path: making the record and queueing it is all."""

from functools import lru_cache
from typing import Final, final

import msgspec

from routstr.core.clock import Clock
from routstr.core.log_writer import LogLine, LogWriter, iso_time
from routstr.core.redaction import clean


@final
class AccessRecord(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """What is told about a request. ``None`` fields are left out of the line.

    ``endpoint`` is the route's pattern, not the path that was sent: a path may hold a claim secret.
    ``key_id`` is the public id of a key. ``error`` is the error's code. ``upstream_ms`` is the time
    from asking the first provider until the last one's last byte.
    """

    request_id: str
    endpoint: str
    status: int
    duration_ms: float
    method: str = "POST"
    key_id: str | None = None
    model: str | None = None
    input_tokens: int | None = None
    output_tokens: int | None = None
    cost_msat: int | None = None
    response_bytes: int | None = None
    error: str | None = None
    first_byte_ms: float | None = None
    provider: str | None = None
    upstream_ms: float | None = None


@final
class _AccessEntry(msgspec.Struct, frozen=True, gc=False):
    ms: int
    record: AccessRecord

    def line(self) -> LogLine:
        record = self.record
        line: LogLine = {
            "timestamp": iso_time(self.ms),
            "level": "info",
            "event": "api_request",
            "logger": "routstr.access",
            "request_id": record.request_id,  # the node's own, and new each time
        }
        for name in _TOLD:
            value = getattr(record, name)
            if value is None:
                continue
            if isinstance(value, str):
                line[name] = _cleaned(value)  # model and endpoint are the client's words
            elif isinstance(value, float):
                line[name] = round(value, 3)
            else:
                line[name] = int(value)
        return line


_TOLD: Final = AccessRecord.__struct_fields__[1:]
_cleaned: Final = lru_cache(maxsize=4_096)(clean)
"""What stands in one line stands in many; looking for secrets takes longer than all the rest."""


@final
class AccessLog:
    """Writes ``api_request`` lines, whatever ``LOG_LEVEL`` is."""

    __slots__ = ("_clock", "_writer")

    def __init__(self, writer: LogWriter, clock: Clock) -> None:
        self._writer = writer
        self._clock = clock

    def write(self, record: AccessRecord) -> None:
        """Queue the line of a finished request; about a microsecond."""
        self._writer.put(_AccessEntry(self._clock.now_ms(), record))
