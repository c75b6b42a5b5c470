"""Earnings and requests over a time, in the words of the admin API."""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import Final, Literal

from msgspec import Struct
from sqlalchemy import Connection

from routstr.core import traffic_store
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.traffic import Measure, Outcome, quantile_ms
from routstr.core.traffic_store import TrafficStore
from routstr.ledger.usage import DAY, HOUR, Dimension, Figures, Group, Usage, usage

HOURS_MAX: Final = 8_760
FINE_HOURS: Final = 24 * 8
"""Up to here the times of a chart are hours; beyond they are days."""
_FAILED: Final = 400

Span = Literal["hour", "day", "month"]


class Requests(Struct, frozen=True):
    """How requests went. Times in ms; None when nothing was answered.

    ``failed`` are those that ended in an error, whoever was to blame.
    """

    total: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    first_byte_p50_ms: float | None
    first_byte_p95_ms: float | None


class Period(Struct, frozen=True):
    """What was earned from ``since`` to ``until`` (ms, UTC), and how requests went.

    ``whole``: nothing is left out; false for a while after an older node's books were taken over.
    """

    since: int
    until: int
    figures: Figures
    requests: Requests
    whole: bool


class Failure(Struct, frozen=True):
    """Requests to one endpoint that ended with one error."""

    endpoint: str
    status: int
    code: str
    count: int


class Window(Struct, frozen=True):
    """Whole spans of time: ``[since, until)``, in steps of ``span`` ms."""

    since: int
    until: int
    span: int


class Statistics:
    """Reads what was added up."""

    def __init__(self, db: Database, clock: Clock, traffic: TrafficStore) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._traffic: Final = traffic

    def last(self, hours: int, span: int | None = None) -> Window:
        """The last hours with the present one; in days when they are many or that is asked for."""
        span = span or (HOUR if hours <= FINE_HOURS else DAY)
        until = self._clock.now_ms() // span * span + span
        return Window(until - max(1, -(-hours * HOUR // span)) * span, until, span)

    def today(self) -> Window:
        """This day, UTC, by the hour."""
        since = self._clock.now_ms() // DAY * DAY
        return Window(since, since + DAY, HOUR)

    async def period(self, window: Window) -> Period:
        """Everything in one."""
        seen, outcomes, times = await self._db.read_statistics(partial(self._read, window=window))
        waiting = self._traffic.pending() if self._is_now(window) else None
        if waiting is not None:
            for (measure, bucket), count in waiting.times.items():
                times[Measure(measure)][bucket] += count
            outcomes = _merged(outcomes, waiting.outcomes)
        requests = Requests(
            total=sum(outcomes.values()),
            failed=sum(count for one, count in outcomes.items() if one[1] >= _FAILED),
            p50_ms=quantile_ms(times[Measure.WHOLE], 0.5),
            p95_ms=quantile_ms(times[Measure.WHOLE], 0.95),
            first_byte_p50_ms=quantile_ms(times[Measure.FIRST_BYTE], 0.5),
            first_byte_p95_ms=quantile_ms(times[Measure.FIRST_BYTE], 0.95),
        )
        return Period(window.since, window.until, seen.total, requests, seen.whole)

    async def earned(self, window: Window, by: Sequence[Dimension]) -> Usage:
        """What was earned, by time, model or provider."""
        return await self._db.read_statistics(partial(self._usage, window=window, by=by))

    async def failures(self, window: Window) -> list[Failure]:
        """The errors, most frequent first."""
        found = await self._db.read_statistics(partial(_outcomes, window=window))
        if self._is_now(window):
            found = _merged(found, self._traffic.pending().outcomes)
        failed = [
            Failure(endpoint, status, code, count)
            for (endpoint, status, code), count in found.items()
            if status >= _FAILED
        ]
        return sorted(failed, key=lambda one: (-one.count, one.endpoint, one.status, one.code))

    async def by_time(self, window: Window) -> Mapping[int, tuple[int, int]]:
        """Requests and errors by the start of their span."""
        rows = await self._db.read_statistics(
            lambda c: traffic_store.outcomes(c, window.since, window.until, window.span)
        )
        found: dict[int, tuple[int, int]] = {}
        for (start, (_, status, _)), count in rows.items():
            total, failed = found.get(start, (0, 0))
            found[start] = (total + count, failed + (count if status >= _FAILED else 0))
        return found

    def _is_now(self, window: Window) -> bool:
        return window.since <= self._clock.now_ms() < window.until

    def _usage(self, connection: Connection, window: Window, by: Sequence[Dimension]) -> Usage:
        return usage(connection, window.since, window.until, by, span=window.span)

    def _read(
        self, connection: Connection, window: Window
    ) -> tuple[Usage, Mapping[Outcome, int], dict[Measure, list[int]]]:
        times = traffic_store.times(connection, window.since, window.until, window.span)
        return self._usage(connection, window, ()), _outcomes(connection, window), times


def starts(window: Window) -> list[int]:
    """The beginnings of the spans of a window."""
    return list(range(window.since, window.until, window.span))


def by_start(found: Usage) -> Mapping[int, Figures]:
    """Figures by the start of their span."""
    return {group.start: figures for group, figures in found.groups.items()}


def largest(found: Usage, count: int) -> list[tuple[Group, Figures]]:
    """The groups that brought most."""
    ordered = sorted(
        found.groups.items(),
        key=lambda one: (-one[1].revenue, -one[1].requests, one[0].model, one[0].provider),
    )
    return ordered[:count]


def _outcomes(connection: Connection, window: Window) -> Mapping[Outcome, int]:
    rows = traffic_store.outcomes(connection, window.since, window.until, window.span)
    found: dict[Outcome, int] = {}
    for (_, outcome), count in rows.items():
        found[outcome] = found.get(outcome, 0) + count
    return found


def _merged(one: Mapping[Outcome, int], more: Mapping[Outcome, int]) -> Mapping[Outcome, int]:
    return {key: one.get(key, 0) + more.get(key, 0) for key in (*one, *more)}
