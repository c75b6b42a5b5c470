"""Batches: what is done together, in which order, and what reaches whom."""

import asyncio
import threading
import time
from collections.abc import Callable, Coroutine, Sequence
from typing import Any

import pytest

from routstr.core.db import Database, Tx
from routstr.core.db.writer import BATCH_JOBS_MAX
from routstr.errors import DatabaseUnavailable
from tests.unit.core.db.fake_backend import FakeBackend, Gate


def insert(row: object) -> Callable[[Tx], object]:
    def run(tx: Tx) -> object:
        tx.raw.append(row)
        return row

    return run


def insert_all(tx: Tx, rows: Sequence[Any]) -> Sequence[Any]:
    """A hot batch: answers each row with how many came with it."""
    for row in rows:
        tx.raw.append(row)
    return [(row, len(rows)) for row in rows]


async def behind_a_gate(db: Database) -> tuple[Gate, "asyncio.Task[None]"]:
    """The writer is inside of a batch and takes no other until the gate opens."""
    gate = Gate()
    task = asyncio.create_task(db.write(gate))
    await asyncio.to_thread(gate.wait_entered)
    return gate, task


async def queued(*writes: Coroutine[Any, Any, object]) -> "list[asyncio.Task[Any]]":
    tasks = [asyncio.ensure_future(write) for write in writes]
    for _ in range(2):  # each has made its job, and all of them were handed over
        await asyncio.sleep(0)
    return tasks


async def test_a_result_follows_the_commit(db: Database, backend: FakeBackend) -> None:
    waiting = threading.Event()
    backend.on_commit = lambda: waiting.wait(5)
    task = asyncio.create_task(db.write(insert("row")))
    await asyncio.sleep(0.02)
    assert not task.done()
    waiting.set()
    assert await task == "row"
    assert backend.rows == ["row"]


async def test_what_waits_is_one_transaction(db: Database, backend: FakeBackend) -> None:
    gate, first = await behind_a_gate(db)
    tasks = await queued(*(db.write(insert(n)) for n in range(20)))
    gate.open()
    assert await asyncio.gather(first, *tasks) == [None, *range(20)]
    assert backend.rows == list(range(20))
    assert backend.count("commit") == 2


async def test_all_is_done_by_one_thread_that_is_not_the_loops(
    db: Database, backend: FakeBackend
) -> None:
    backend.threads.clear()
    await db.write(insert(1))
    await db.hot(insert_all, 2, full=True)
    assert len(backend.threads) == 1
    assert threading.get_ident() not in backend.threads


async def test_a_batch_has_its_limit_and_loses_nobody(db: Database, backend: FakeBackend) -> None:
    gate, _ = await behind_a_gate(db)
    futures = [db.hot(insert_all, n, full=True) for n in range(3 * BATCH_JOBS_MAX)]
    gate.open()
    answers = await asyncio.gather(*futures)
    assert [row for row, _ in answers] == list(range(3 * BATCH_JOBS_MAX))
    assert max(size for _, size in answers) <= BATCH_JOBS_MAX
    assert backend.count("commit") == 5  # the gate's, three full ones and a rest


async def test_hot_jobs_come_first_and_together(db: Database, backend: FakeBackend) -> None:
    def other(tx: Tx, rows: Sequence[Any]) -> Sequence[Any]:
        return [("other", answer) for answer in insert_all(tx, rows)]

    gate, _ = await behind_a_gate(db)
    await queued(db.write(insert("cold 1")), db.write(insert("cold 2")))
    hot = [
        db.hot(insert_all, "a", full=True),
        db.hot(other, "x", full=True),
        db.hot(insert_all, "b", full=True),
    ]
    await queued()
    gate.open()
    assert await asyncio.gather(*hot) == [("a", 2), ("other", ("x", 1)), ("b", 2)]
    assert backend.rows == ["a", "b", "x", "cold 1", "cold 2"]


async def test_hot_jobs_pass_any_number_of_others(db: Database, backend: FakeBackend) -> None:
    gate, _ = await behind_a_gate(db)
    cold = await queued(*(db.write(insert(n)) for n in range(2 * BATCH_JOBS_MAX)))
    hot = db.hot(insert_all, "hot", full=True)
    await queued()
    gate.open()
    await asyncio.gather(hot, *cold)
    assert backend.rows == ["hot", *range(2 * BATCH_JOBS_MAX)]


async def test_hot_jobs_leave_a_place_for_whoever_waits_the_longest(
    db: Database, backend: FakeBackend
) -> None:
    gate, _ = await behind_a_gate(db)
    cold = await queued(db.write(insert("cold 1")), db.write(insert("cold 2")))
    hot = [db.hot(insert_all, n, full=True) for n in range(2 * BATCH_JOBS_MAX)]
    await queued()
    gate.open()
    await asyncio.gather(*hot, *cold)
    assert backend.rows.index("cold 1") == BATCH_JOBS_MAX - 1
    assert backend.rows.index("cold 2") == 2 * BATCH_JOBS_MAX - 1


async def test_the_time_limit_leaves_the_rest_to_the_next_batch(
    db: Database, backend: FakeBackend
) -> None:
    def slow(n: int) -> Callable[[Tx], object]:
        def run(tx: Tx) -> object:
            time.sleep(0.006)
            return insert(n)(tx)

        return run

    gate, _ = await behind_a_gate(db)
    tasks = await queued(*(db.write(slow(n)) for n in range(4)))
    gate.open()
    assert await asyncio.gather(*tasks) == list(range(4))
    assert backend.rows == list(range(4))  # nobody was overtaken
    assert backend.count("commit") == 5


@pytest.mark.parametrize(
    ("hold_only", "begun"), [(True, "begin"), (False, "begin full")], ids=["holds", "mixed"]
)
async def test_one_job_that_must_reach_the_disk_decides_for_its_batch(
    db: Database, backend: FakeBackend, *, hold_only: bool, begun: str
) -> None:
    gate, _ = await behind_a_gate(db)
    futures = [db.hot(insert_all, n, full=full) for n, full in enumerate([False, not hold_only])]
    gate.open()
    await asyncio.gather(*futures)
    assert [call for call in backend.journal if call.startswith("begin")] == ["begin full", begun]


async def test_a_failing_function_undoes_only_itself(db: Database, backend: FakeBackend) -> None:
    def fail(tx: Tx) -> None:
        tx.raw.append("never")
        raise ValueError("mine")

    gate, _ = await behind_a_gate(db)
    tasks = await queued(db.write(insert(1)), db.write(fail), db.write(insert(2)))
    gate.open()
    one, failed, two = await asyncio.gather(*tasks, return_exceptions=True)
    assert (one, two) == (1, 2)
    assert isinstance(failed, ValueError)
    assert str(failed) == "mine"
    assert backend.rows == [1, 2]
    assert backend.count("commit") == 2


async def test_a_function_whose_work_cannot_be_kept_undoes_only_itself(
    db: Database, backend: FakeBackend
) -> None:
    backend.fail("release", None, None, ValueError("the transaction is aborted"))
    gate, _ = await behind_a_gate(db)
    tasks = await queued(*(db.write(insert(n)) for n in range(3)))
    gate.open()
    first, failed, last = await asyncio.gather(*tasks, return_exceptions=True)
    assert (first, last) == (0, 2)
    assert isinstance(failed, ValueError)
    assert backend.rows == [0, 2]


async def test_even_an_empty_iterator_reaches_its_caller(db: Database) -> None:
    def fail(_tx: Tx) -> object:
        return next(iter(()))

    with pytest.raises(RuntimeError, match="StopIteration") as raised:
        await db.write(fail)
    assert isinstance(raised.value.__cause__, StopIteration)


async def test_a_hot_job_that_cannot_be_stored_fails_alone(
    db: Database, backend: FakeBackend
) -> None:
    def particular(tx: Tx, rows: Sequence[Any]) -> Sequence[Any]:
        answers = insert_all(tx, rows)
        if "poison" in rows:
            raise OverflowError("no column takes this")
        return answers

    gate, _ = await behind_a_gate(db)
    futures = [db.hot(particular, row, full=False) for row in ("a", "poison", "b")]
    cold = await queued(db.write(insert("cold")))
    gate.open()
    a, poison, b, other = await asyncio.gather(*futures, *cold, return_exceptions=True)
    assert (a, b, other) == (("a", 1), ("b", 1), "cold")
    assert isinstance(poison, OverflowError)
    assert backend.rows == ["a", "b", "cold"]
    assert backend.count("rollback") == 1


async def test_a_queued_write_is_carried_out_though_its_caller_left(
    db: Database, backend: FakeBackend
) -> None:
    gate, _ = await behind_a_gate(db)
    leaving, staying = await queued(db.write(insert("left")), db.write(insert("stayed")))
    leaving.cancel()
    gate.open()
    assert await staying == "stayed"
    with pytest.raises(asyncio.CancelledError):
        await leaving
    assert backend.rows == ["left", "stayed"]


async def test_an_orphan_is_told_the_answer_on_the_loop(db: Database) -> None:
    told: list[tuple[object, int]] = []
    gate, _ = await behind_a_gate(db)
    leaving = db.hot(
        insert_all, 1, full=False, orphan=lambda a: told.append((a, threading.get_ident()))
    )
    staying = db.hot(insert_all, 2, full=False, orphan=lambda _: told.append(("never", 0)))
    leaving.cancel()
    gate.open()
    assert await staying == (2, 2)
    assert told == [((1, 2), threading.get_ident())]


async def test_an_orphan_without_an_answer_is_not_told(db: Database, backend: FakeBackend) -> None:
    told: list[object] = []
    backend.fail("commit", None, ValueError("no"), ValueError("still no"))
    gate, _ = await behind_a_gate(db)
    leaving = db.hot(insert_all, 1, full=False, orphan=told.append)
    staying = db.hot(insert_all, 2, full=False)
    leaving.cancel()
    gate.open()
    with pytest.raises(ValueError, match="still no"):
        await staying
    assert told == []


async def test_stop_finishes_what_is_queued_and_refuses_the_rest(backend: FakeBackend) -> None:
    db = Database("sqlite:///unused", backend)
    db.start()
    gate, _ = await behind_a_gate(db)
    tasks = await queued(*(db.write(insert(n)) for n in range(2 * BATCH_JOBS_MAX)))
    hot = db.hot(insert_all, "hot", full=True)
    stopping = asyncio.create_task(db.stop())
    await asyncio.sleep(0)
    with pytest.raises(DatabaseUnavailable, match="stopping"):
        await db.write(insert("too late"))
    gate.open()
    await stopping
    assert await asyncio.gather(*tasks) == list(range(2 * BATCH_JOBS_MAX))
    assert await hot == ("hot", 1)
    assert "too late" not in backend.rows
    assert backend.journal[-1] == "close"
    await db.stop()  # again: nothing happens


async def test_what_never_started_can_be_stopped(backend: FakeBackend) -> None:
    await Database("sqlite:///unused", backend).stop()
    assert backend.journal == []


def test_loops_that_are_gone_do_not_disturb_others(backend: FakeBackend) -> None:
    db = Database("sqlite:///unused", backend)
    db.start()

    async def leave_something() -> Gate:
        gate, _ = await behind_a_gate(db)
        db.hot(insert_all, "nobody waits", full=False)
        return gate

    gate = asyncio.run(leave_something())

    async def use_it() -> None:
        gate.open()
        assert await db.write(insert(2)) == 2
        await db.stop()

    asyncio.run(use_it())
    assert backend.rows == ["nobody waits", 2]


async def test_whoever_counts_is_told_of_every_batch(backend: FakeBackend) -> None:
    told: list[tuple[int, float]] = []
    db = Database("sqlite:///unused", backend, committed=lambda *batch: told.append(batch))
    db.start()
    gate, task = await behind_a_gate(db)
    tasks = await queued(db.write(insert(1)), db.write(insert(2)))
    gate.open()
    await asyncio.gather(task, *tasks)
    await db.stop()
    assert [operations for operations, _ in told] == [1, 2]
    assert all(seconds >= 0 for _, seconds in told)


async def test_what_one_turn_of_the_loop_brings_is_one_transaction(
    db: Database, backend: FakeBackend
) -> None:
    before = backend.count("commit")
    hot = [db.hot(insert_all, n, full=False) for n in range(20)]
    assert await asyncio.gather(*hot) == [(n, 20) for n in range(20)]
    assert backend.count("commit") == before + 1


async def test_what_was_queued_in_the_turn_that_stops_is_carried_out(
    db: Database, backend: FakeBackend
) -> None:
    hot = db.hot(insert_all, "hot", full=False)
    await db.stop()
    assert await hot == ("hot", 1)
    assert backend.rows == ["hot"]
