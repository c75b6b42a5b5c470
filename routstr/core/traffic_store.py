"""Keeps what the counters of requests grow by, as sums over hours and days of all instances.

A crash loses the counts of the last seconds. They belong to the span in which they are stored.
"""

import asyncio
from collections.abc import Mapping
from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Table, func, select
from sqlmodel import col

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.db.upsert import insert_into
from routstr.core.traffic import BUCKETS, Measure, Outcome, Traffic
from routstr.core.traffic_models import LatencySum, TrafficSum

_HOUR_MS: Final = 3_600_000
SPANS: Final = (_HOUR_MS, 24 * _HOUR_MS)
_NAME_LENGTH: Final = 64
_Times = Mapping[tuple[int, int], int]  # by measure and bucket


class Seen(Struct, frozen=True):
    """Counts of one moment, or what was between two."""

    outcomes: Mapping[Outcome, int]
    times: _Times

    def since(self, earlier: "Seen") -> "Seen":
        """What was counted since."""
        return Seen(_grown(self.outcomes, earlier.outcomes), _grown(self.times, earlier.times))


_NOTHING: Final = Seen({}, {})


class TrafficStore:
    """Stores the counts of one process, and tells those of all."""

    def __init__(self, db: Database, clock: Clock, traffic: Traffic) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self.counters: Final = traffic
        self._stored = _NOTHING
        self._turn: Final = asyncio.Lock()

    def pending(self) -> Seen:
        """What this process has counted and not stored yet."""
        return _copy(self.counters).since(self._stored)

    async def flush(self) -> None:
        """Store what was counted since the last time. Raises what the database raises."""
        async with self._turn:
            seen, at = _copy(self.counters), self._clock.now_ms()
            grown = seen.since(self._stored)
            if grown.outcomes:
                await self._db.write(lambda tx: store(tx, grown, at))
                self._stored = seen


def store(tx: Tx, grown: Seen, at: int) -> None:
    """Add counts to the sums of the spans of a moment (ms)."""
    for span in SPANS:
        place = {"span": span, "start": at // span * span}
        _add(
            tx,
            TrafficSum,
            ("span", "start", "endpoint", "status", "code"),
            [
                {
                    **place,
                    "endpoint": endpoint[:_NAME_LENGTH],
                    "status": status,
                    "code": code[:_NAME_LENGTH],
                    "requests": count,
                }
                for (endpoint, status, code), count in grown.outcomes.items()
            ],
        )
        _add(
            tx,
            LatencySum,
            ("span", "start", "measure", "bucket"),
            [
                {**place, "measure": measure, "bucket": bucket, "requests": count}
                for (measure, bucket), count in grown.times.items()
            ],
        )


def outcomes(
    connection: Connection, since: int, until: int, span: int
) -> Mapping[tuple[int, Outcome], int]:
    """Stored requests by the start of their span and their outcome, in ``[since, until)``."""
    table = TrafficSum
    rows = connection.execute(
        select(
            col(table.start),
            col(table.endpoint),
            col(table.status),
            col(table.code),
            col(table.requests),
        ).where(col(table.span) == span, col(table.start) >= since, col(table.start) < until)
    )
    return {
        (start, (endpoint, status, code)): count for start, endpoint, status, code, count in rows
    }


def times(connection: Connection, since: int, until: int, span: int) -> dict[Measure, list[int]]:
    """Stored histograms of the spans that begin in ``[since, until)``."""
    table = LatencySum
    rows = connection.execute(
        select(col(table.measure), col(table.bucket), func.sum(col(table.requests)))
        .where(col(table.span) == span, col(table.start) >= since, col(table.start) < until)
        .group_by(col(table.measure), col(table.bucket))
    )
    found = {measure: [0] * BUCKETS for measure in Measure}
    for measure, bucket, count in rows:
        found[Measure(measure)][bucket] += int(count)
    return found


def _copy(traffic: Traffic) -> Seen:
    buckets = {
        (int(measure), place): count
        for measure, counts in traffic.times.items()
        for place, count in enumerate(counts)
        if count
    }
    return Seen(dict(traffic.outcomes), buckets)


def _grown(now: Mapping[Any, int], before: Mapping[Any, int]) -> dict[Any, int]:
    grown = {key: count - before.get(key, 0) for key, count in now.items()}
    return {key: count for key, count in grown.items() if count}


def _add(
    tx: Tx, model: type[TrafficSum | LatencySum], keys: tuple[str, ...], rows: list[dict[str, Any]]
) -> None:
    if not rows:
        return
    table: Table = model.__table__  # type: ignore[union-attr]  # it has one
    new = insert_into(tx, model)
    added = {"requests": table.c.requests + new.excluded.requests}
    tx.sql.execute(new.on_conflict_do_update(index_elements=keys, set_=added), rows)
