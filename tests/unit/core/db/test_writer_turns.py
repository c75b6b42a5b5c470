"""Where functions may not share a transaction (PostgreSQL), they take turns with hot batches."""

import asyncio
from collections.abc import AsyncIterator

import pytest

from routstr.core.db import Database
from routstr.core.db.writer import BATCH_JOBS_MAX
from tests.unit.core.db.fake_backend import FakeBackend
from tests.unit.core.db.test_writer import behind_a_gate, insert, insert_all, queued


@pytest.fixture
async def lonely(backend: FakeBackend) -> AsyncIterator[Database]:
    backend.shares_transactions = False
    db = Database("sqlite:///unused", backend)
    db.start()
    yield db
    await db.stop()


async def test_each_function_has_a_transaction_of_its_own(
    lonely: Database, backend: FakeBackend
) -> None:
    gate, _ = await behind_a_gate(lonely)
    tasks = await queued(*(lonely.write(insert(n)) for n in range(5)))
    gate.open()
    assert await asyncio.gather(*tasks) == list(range(5))
    assert backend.rows == list(range(5))
    assert backend.count("commit") == 6


async def test_hot_jobs_share_one_and_come_first(lonely: Database, backend: FakeBackend) -> None:
    gate, _ = await behind_a_gate(lonely)
    tasks = await queued(*(lonely.write(insert(f"cold {n}")) for n in range(3)))
    hot = [lonely.hot(insert_all, n, full=False) for n in range(3)]
    await queued()
    gate.open()
    await asyncio.gather(*hot, *tasks)
    assert backend.rows == [0, 1, 2, "cold 0", "cold 1", "cold 2"]
    assert backend.count("commit") == 5
    assert backend.count("begin") == 1  # the hot ones need not wait for the disk


async def test_neither_kind_starves_the_other(lonely: Database, backend: FakeBackend) -> None:
    gate, _ = await behind_a_gate(lonely)
    tasks = await queued(*(lonely.write(insert(f"cold {n}")) for n in range(3)))
    hot = [lonely.hot(insert_all, n, full=False) for n in range(2 * BATCH_JOBS_MAX + 1)]
    await queued()
    gate.open()
    await asyncio.gather(*hot, *tasks)
    places = [backend.rows.index(f"cold {n}") for n in range(3)]
    assert places == [BATCH_JOBS_MAX, 2 * BATCH_JOBS_MAX + 1, 2 * BATCH_JOBS_MAX + 3]
    assert len(backend.rows) == 2 * BATCH_JOBS_MAX + 4


async def test_stop_finishes_both_kinds(backend: FakeBackend) -> None:
    backend.shares_transactions = False
    db = Database("sqlite:///unused", backend)
    db.start()
    gate, _ = await behind_a_gate(db)
    tasks = await queued(*(db.write(insert(n)) for n in range(10)))
    hot = [db.hot(insert_all, n, full=False) for n in range(600)]
    stopping = asyncio.create_task(db.stop())
    await asyncio.sleep(0)
    gate.open()
    await stopping
    assert all(job.done() for job in [*tasks, *hot])
    assert len(backend.rows) == 610
