"""One line per request, written off the hot path: making the record and queueing it is all."""

from functools import lru_cache
from typing import Final, final

import msgspec

from routstr.core.clock import Clock
from routstr.core.log_writer import LogWriter, iso_time
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
class AccessLine(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A record as it is written. There is one for each request, so no dictionary is filled."""

    timestamp: str
    level: str
    event: str
    logger: str
    request_id: str
    endpoint: str
    status: int
    duration_ms: float
    method: str
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
    worker: int | None = None


@final
class _AccessEntry(msgspec.Struct, frozen=True, gc=False):
    ms: int
    record: AccessRecord
    worker: int | None

    def line(self) -> AccessLine:
        record = self.record
        key, model, error, provider = record.key_id, record.model, record.error, record.provider
        cost, first, upstream = record.cost_msat, record.first_byte_ms, record.upstream_ms
        return AccessLine(
            iso_time(self.ms),
            "info",
            "api_request",
            "routstr.access",
            record.request_id,  # the node's own, and new each time
            _cleaned(record.endpoint),  # endpoint and model are the client's words
            record.status,
            round(record.duration_ms, 3),
            _cleaned(record.method),
            None if key is None else _cleaned(key),
            None if model is None else _cleaned(model),
            record.input_tokens,
            record.output_tokens,
            None if cost is None else int(cost),
            record.response_bytes,
            None if error is None else _cleaned(error),
            None if first is None else round(first, 3),
            None if provider is None else _cleaned(provider),
            None if upstream is None else round(upstream, 3),
            self.worker,
        )


_cleaned: Final = lru_cache(maxsize=512)(clean)
"""What stands in one line stands in many; looking for secrets takes longer than all the rest.

Who pays with tokens has a new name in each line: those fill a cache up to its size.
"""


@final
class AccessLog:
    """Writes ``api_request`` lines, whatever ``LOG_LEVEL`` is."""

    __slots__ = ("_clock", "_worker", "_writer")

    def __init__(self, writer: LogWriter, clock: Clock, worker: int | None = None) -> None:
        """``worker`` is this process's number among those that share an address."""
        self._writer = writer
        self._clock = clock
        self._worker = worker

    def write(self, record: AccessRecord) -> None:
        """Queue the line of a finished request; about a microsecond."""
        self._writer.put(_AccessEntry(self._clock.now_ms(), record, self._worker))
