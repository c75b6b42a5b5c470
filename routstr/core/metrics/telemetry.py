"""Where the parts of a process tell what is counted: each of them sees one small function of it."""

from collections.abc import Container
from typing import Final, final

from routstr.core.access_log import AccessRecord
from routstr.core.db.retries import Retry
from routstr.core.metrics.counted import (
    BATCH_SIZE,
    COMMIT_SECONDS,
    DATABASE_RETRIES,
    LOOP_LAG,
    MINT_CALLS,
    MINT_SECONDS,
    UPSTREAM_FAILURES,
)
from routstr.core.metrics.family import OTHER
from routstr.core.metrics.meters import Histogram, Meters
from routstr.core.metrics.requests import RequestMeter
from routstr.core.traffic import Lines


@final
class Telemetry:
    """The counters of a process, and who counts what in them."""

    __slots__ = ("_batches", "_codes", "_commits", "_lag", "_retries", "meters", "requests")

    def __init__(self, codes: Container[str]) -> None:
        """``codes`` are the errors that are told apart."""
        meters = self.meters = Meters()
        self.requests: Final = RequestMeter(meters, codes)
        self._codes: Final = codes
        self._commits: Final = Histogram(meters, COMMIT_SECONDS)
        self._batches: Final = Histogram(meters, BATCH_SIZE)
        self._retries: Final = {why: meters.cell(DATABASE_RETRIES, why.value) for why in Retry}
        self._lag: Final = Histogram(meters, LOOP_LAG)

    def committed(self, operations: int, seconds: float) -> None:
        """A batch is written; called by its thread or by the loop, one at a time."""
        self._batches.add(operations)
        self._commits.add_seconds(seconds)

    def retried(self, why: Retry) -> None:
        """The writer has to begin again, or ask about a commit; called by its thread alone."""
        self._retries[why][0] += 1

    def late(self, seconds: float) -> None:
        """A timer of the event loop came too late by this."""
        self._lag.add_seconds(seconds)

    def failed_attempt(self, provider: str, code: str) -> None:
        """A provider failed, once."""
        known = code if code in self._codes else OTHER
        self.meters.cell(UPSTREAM_FAILURES, provider, known)[0] += 1

    def mint_called(self, mint: str, operation: str, result: str, seconds: float) -> None:
        """A call to a mint is over."""
        self.meters.cell(MINT_CALLS, mint, operation, result)[0] += 1
        Histogram(self.meters, MINT_SECONDS, mint).add_seconds(seconds)


@final
class MeteredLines:
    """Writes access lines and counts them for monitoring."""

    __slots__ = ("_count", "_write")

    def __init__(self, lines: Lines, telemetry: Telemetry) -> None:
        self._write: Final = lines.write
        self._count: Final = telemetry.requests.count

    def write(self, record: AccessRecord) -> None:
        """Queue the line of a finished request, and count it."""
        self._count(record)
        self._write(record)
