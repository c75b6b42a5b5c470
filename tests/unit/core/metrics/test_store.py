from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.db import Database
from routstr.core.metrics import store
from routstr.core.metrics.family import Family, counter, seconds
from routstr.core.metrics.meters import Histogram, Meters
from routstr.core.metrics.store import Growth, MetricStore, sums
from tests.unit.upstream.storing import database

CALLS = counter("calls_total", "Calls.", "who")
TIME = seconds("time_seconds", "Time.", (0.001, 0.01))


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as db:
        yield db


async def stored(db: Database, *families: Family) -> dict[str, list[int]]:
    found = await db.read(lambda c: sums(c, families or (CALLS, TIME)))
    return {",".join((name, *labels)): list(cell) for (name, labels), cell in found.items()}


async def test_sums_are_those_of_all_processes_that_ever_counted(db: Database) -> None:
    for _ in range(2):  # one after the other, or beside each other
        meters = Meters()
        process = MetricStore(db, meters)
        meters.cell(CALLS, "a")[0] += 2
        Histogram(meters, TIME).add_seconds(0.005)
        await process.flush()
        await process.flush()
        meters.cell(CALLS, "a")[0] += 1
        await process.flush()
    assert await stored(db) == {"calls_total,a": [6], "time_seconds": [0, 2, 0, 10_000]}


async def test_many_series_are_stored_in_parts(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PART_ROWS", 3)
    meters = Meters()
    for number in range(8):
        meters.cell(CALLS, str(number))[0] += number + 1
    await MetricStore(db, meters).flush()
    assert sum(cell[0] for cell in (await stored(db)).values()) == 36


async def test_a_part_that_failed_is_stored_the_next_time_and_the_others_once(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "PART_ROWS", 1)
    meters = Meters()
    process = MetricStore(db, meters)
    for who in "ab":
        meters.cell(CALLS, who)[0] += 1
    usual = store.store

    def second_fails(tx: object, part: list[Growth]) -> None:
        if part[0].labels == '["b"]':
            raise OSError
        usual(tx, part)  # type: ignore[arg-type]

    monkeypatch.setattr(store, "store", second_fails)
    with pytest.raises(OSError):  # noqa: PT011 - as it was raised
        await process.flush()
    monkeypatch.setattr(store, "store", usual)
    await process.flush()
    assert await stored(db) == {"calls_total,a": [1], "calls_total,b": [1]}


async def test_what_another_version_counted_otherwise_is_left_out(db: Database) -> None:
    meters = Meters()
    meters.cell(CALLS, "a")[0] += 1
    Histogram(meters, TIME).add(1)
    await MetricStore(db, meters).flush()
    other = counter("calls_total", "Calls.", "who", "what"), seconds("time_seconds", "T.", (1.0,))
    assert await stored(db, *other) == {"time_seconds": [1, 0, 0]}
    assert await stored(db, counter("others_total", "Others.")) == {}


async def test_a_label_that_is_too_long_to_store_is_left_out(db: Database) -> None:
    meters = Meters()
    meters.cell(CALLS, "x" * 2_000)[0] += 1
    await MetricStore(db, meters).flush()
    assert await stored(db) == {}
