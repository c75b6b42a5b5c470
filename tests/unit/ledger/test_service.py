"""What the ledger asks of the database, and what it makes of the answers."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.errors import DatabaseUnavailable, NodeError, OutcomeUnknown
from routstr.ledger.entries import (
    Answer,
    Held,
    NodeAccounts,
    Operation,
    Refused,
    Release,
    Settled,
    UnknownHold,
)
from routstr.ledger.service import Ledger
from routstr.money import ZERO, Msat
from tests.unit.ledger.shelf import expiry, request, settlement

HELD = Held(7, Msat(300), Msat(700))
SETTLED = Settled(Msat(60), ZERO, Msat(940), ZERO)


class FakeDatabase:
    """Hot operations wait here until a test answers them."""

    def __init__(self) -> None:
        self.queued: list[tuple[Operation, bool, asyncio.Future[Any]]] = []
        self.orphan: Callable[[Any], None] | None = None

    def hot(
        self,
        batch: object,
        op: Operation,
        *,
        full: bool,
        orphan: Callable[[Any], None] | None = None,
    ) -> "asyncio.Future[Any]":
        assert callable(batch)
        future: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        self.queued.append((op, full, future))
        self.orphan = orphan
        return future

    @property
    def operations(self) -> list[Operation]:
        return [op for op, _, _ in self.queued]

    def answer(self, outcome: Answer | Exception) -> None:
        """Answer the last operation."""
        future = self.queued[-1][2]
        if isinstance(outcome, Exception):
            future.set_exception(outcome)
        else:
            future.set_result(outcome)


@pytest.fixture
def db() -> FakeDatabase:
    return FakeDatabase()


@pytest.fixture
def ledger(db: FakeDatabase) -> Ledger:
    return Ledger(cast("Database", db), ManualClock(), 1, NodeAccounts(2, 3))


async def begin(work: Any) -> "asyncio.Task[Any]":
    task: asyncio.Task[Any] = asyncio.ensure_future(work)
    await asyncio.sleep(0)
    return task


async def placed(ledger: Ledger, db: FakeDatabase) -> None:
    task = await begin(ledger.hold(request(1, 300)))
    db.answer(HELD)
    assert await task == HELD


async def test_a_hold_need_not_wait_for_the_disk_and_a_settlement_must(
    ledger: Ledger, db: FakeDatabase
) -> None:
    await placed(ledger, db)
    task = await begin(ledger.settle(settlement(7, 60)))
    db.answer(SETTLED)
    assert await task == SETTLED
    task = await begin(ledger.release(7))
    db.answer(SETTLED)
    assert await task == SETTLED
    task = await begin(ledger.release(7, expire=True))
    db.answer(SETTLED)
    await task
    assert [(op, full) for op, full, _ in db.queued] == [
        (request(1, 300), False),
        (settlement(7, 60), True),
        (Release(7), False),
        (expiry(7), False),
    ]


@pytest.mark.parametrize("how", ["settle", "release"])
async def test_a_hold_is_live_until_it_ends(ledger: Ledger, db: FakeDatabase, how: str) -> None:
    await placed(ledger, db)
    assert ledger.live_holds() == {7}
    ending = ledger.settle(settlement(7, 60)) if how == "settle" else ledger.release(7)
    task = await begin(ending)
    assert ledger.live_holds() == {7}
    db.answer(SETTLED)
    await task
    assert ledger.live_holds() == frozenset()


async def test_a_refusal_is_no_hold(ledger: Ledger, db: FakeDatabase) -> None:
    task = await begin(ledger.hold(request(1, 300)))
    db.answer(Refused(ZERO, ZERO, closed=False))
    assert await task == Refused(ZERO, ZERO, closed=False)
    assert ledger.live_holds() == frozenset()


async def test_a_hold_whose_caller_left_while_it_was_placed_is_released(
    ledger: Ledger, db: FakeDatabase
) -> None:
    task = await begin(ledger.hold(request(1, 300)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert db.operations == [request(1, 300)]
    assert db.orphan is not None
    db.orphan(HELD)  # the writer tells so when it carried it out
    assert db.operations[1:] == [Release(7)]
    assert ledger.live_holds() == frozenset()


async def test_a_hold_whose_caller_left_when_the_answer_was_there_is_released(
    ledger: Ledger, db: FakeDatabase
) -> None:
    task = await begin(ledger.hold(request(1, 300)))
    db.answer(HELD)
    task.cancel()  # after the answer, before the caller could hear it
    with pytest.raises(asyncio.CancelledError):
        await task
    assert db.operations[1:] == [Release(7)]
    assert ledger.live_holds() == frozenset()


@pytest.mark.parametrize(
    "outcome", [Refused(ZERO, ZERO, closed=False), DatabaseUnavailable()], ids=["refused", "error"]
)
async def test_what_placed_no_hold_leaves_none_to_release(
    ledger: Ledger, db: FakeDatabase, outcome: Answer | Exception
) -> None:
    task = await begin(ledger.hold(request(1, 300)))
    db.answer(outcome)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert db.orphan is not None
    db.orphan(Refused(ZERO, ZERO, closed=False))
    assert db.operations == [request(1, 300)]


async def test_an_unknown_hold_is_told(ledger: Ledger, db: FakeDatabase) -> None:
    task = await begin(ledger.settle(settlement(9, 1)))
    db.answer(UnknownHold(9))
    with pytest.raises(NodeError, match="hold 9 does not exist"):
        await task


@pytest.mark.parametrize("error", [DatabaseUnavailable(), OutcomeUnknown()])
async def test_a_settlement_is_kept_while_the_database_is_away(
    ledger: Ledger, db: FakeDatabase, error: Exception
) -> None:
    await placed(ledger, db)
    task = await begin(ledger.settle(settlement(7, 60)))
    db.answer(error)
    with pytest.raises(type(error)):
        await task
    assert ledger.live_holds() == {7}  # the sweeper must leave it
    late = await begin(ledger.settle_late())
    db.answer(SETTLED)
    assert await late == 1
    assert db.operations[1:] == [settlement(7, 60)] * 2
    assert [full for _, full, _ in db.queued] == [False, True, True]
    assert ledger.live_holds() == frozenset()
    assert await ledger.settle_late() == 0


async def test_kept_settlements_wait_until_the_database_is_back(
    ledger: Ledger, db: FakeDatabase
) -> None:
    await placed(ledger, db)
    task = await begin(ledger.settle(settlement(7, 60)))
    db.answer(DatabaseUnavailable())
    with pytest.raises(DatabaseUnavailable):
        await task
    for error in (DatabaseUnavailable(), OutcomeUnknown()):
        late = await begin(ledger.settle_late())
        db.answer(error)
        with pytest.raises(type(error)):
            await late
        assert ledger.live_holds() == {7}
    late = await begin(ledger.settle_late())
    db.answer(UnknownHold(7))  # lost by a crash of the database server: nothing is left to settle
    assert await late == 1
    assert ledger.live_holds() == frozenset()


async def test_a_settlement_that_fails_for_another_reason_is_not_kept(
    ledger: Ledger, db: FakeDatabase
) -> None:
    await placed(ledger, db)
    task = await begin(ledger.settle(settlement(7, 60)))
    db.answer(OverflowError("no column takes this"))
    with pytest.raises(OverflowError):
        await task
    assert ledger.live_holds() == frozenset()
    assert await ledger.settle_late() == 0


async def test_a_cancelled_end_is_not_waited_for_and_no_hold_of_ours_any_more(
    ledger: Ledger, db: FakeDatabase
) -> None:
    await placed(ledger, db)
    task = await begin(ledger.settle(settlement(7, 60)))
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ledger.live_holds() == frozenset()
