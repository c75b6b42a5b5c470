from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from routstr.core import traffic_store
from routstr.core.access_log import AccessRecord
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.traffic import Measure, Traffic
from routstr.core.traffic_store import SPANS, TrafficStore
from tests.unit.upstream.storing import database

HOUR, DAY = SPANS
ALL: dict[str, Any] = {"since": 0, "until": 1 << 53}


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as db:
        yield db


def count(store: TrafficStore, status: int = 200, code: str | None = None) -> None:
    store.counters.count(AccessRecord("r", "/v1/x", status, 3, error=code, first_byte_ms=1.5))


async def test_what_was_counted_is_stored_once_by_any_number_of_processes(db: Database) -> None:
    clock = ManualClock()
    first, second = (TrafficStore(db, clock, Traffic()) for _ in range(2))
    count(first)
    count(first, 402, "insufficient_balance")
    assert first.pending().outcomes[("/v1/x", 200, "")] == 1
    await first.flush()
    await first.flush()
    assert not first.pending().outcomes
    count(first)
    count(second)
    await first.flush()
    await second.flush()
    clock.advance(ms=HOUR)
    count(second)
    await second.flush()
    start = ManualClock().now_ms() // HOUR * HOUR
    for span, found in ((HOUR, {start: 3, start + HOUR: 1}), (DAY, {start // DAY * DAY: 4})):
        rows = await db.read(partial(traffic_store.outcomes, span=span, **ALL))
        good = {at: n for (at, one), n in rows.items() if one == ("/v1/x", 200, "")}
        assert good == found
        times = await db.read(partial(traffic_store.times, span=span, **ALL))
        assert sum(times[Measure.WHOLE]) == sum(times[Measure.FIRST_BYTE]) == 4


async def test_long_names_are_cut_to_what_fits(db: Database) -> None:
    store = TrafficStore(db, ManualClock(), Traffic())
    store.counters.count(AccessRecord("r", "/v1/" + "x" * 99, 500, 3, error="e" * 99))
    await store.flush()
    ((_, (endpoint, _, code)),) = await db.read(partial(traffic_store.outcomes, span=HOUR, **ALL))
    assert (len(endpoint), len(code)) == (64, 64)
