"""The ledger's calls on a real database: cancelled at any moment, full disk, database away."""

import asyncio

import pytest
from sqlalchemy import text

from routstr.core.db import Tx
from routstr.core.db.sqlite import SqliteBackend
from routstr.errors import DatabaseUnavailable
from routstr.ledger.entries import Held, HoldState
from tests.integration.ledger.bank import Bank, request, settlement


async def held(bank: Bank) -> int:
    rows = await bank.rows("SELECT coalesce(sum(held), 0) FROM accounts")
    return int(rows[0][0])


async def test_a_hold_cancelled_at_any_moment_leaves_none(bank: Bank) -> None:
    account = await bank.customer(100_000)
    for steps in range(24):
        task = asyncio.create_task(bank.ledger.hold(request(account, 300)))
        for _ in range(steps % 8):
            await asyncio.sleep(0 if steps < 8 else 0.0004)
        task.cancel()
        [outcome] = await asyncio.gather(task, return_exceptions=True)
        if isinstance(outcome, Held):
            await bank.ledger.release(outcome.hold)
        else:
            assert isinstance(outcome, asyncio.CancelledError)
    for _ in range(3):  # the orphan's release is queued by the loop, behind the hold
        await bank.db.write(lambda _tx: None)
    assert await held(bank) == 0
    assert bank.ledger.live_holds() == frozenset()


async def test_a_settlement_that_was_cancelled_is_made_all_the_same(bank: Bank) -> None:
    account = await bank.customer(1_000)
    answer = await bank.ledger.hold(request(account, 300))
    assert isinstance(answer, Held)
    task = asyncio.create_task(bank.ledger.settle(settlement(answer.hold, 60)))
    await asyncio.sleep(0)
    task.cancel()
    [outcome] = await asyncio.gather(task, return_exceptions=True)
    assert isinstance(outcome, asyncio.CancelledError)
    assert (await bank.ledger.release(answer.hold)).charged == 60  # it was first
    assert (await bank.hold_row(answer.hold))["state"] == HoldState.SETTLED
    assert (await bank.account(account))["posted"] == 940


class SmallDisk(SqliteBackend):
    """A file that may not grow until somebody makes room."""

    def limit(self, tx: Tx, pages: int) -> None:
        used = tx.raw.execute("PRAGMA page_count").fetchone()[0]
        tx.raw.execute(f"PRAGMA max_page_count = {used + pages}")


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_full_disk_stops_everything_breaks_nothing_and_settles_later(bank: Bank) -> None:
    backend = SmallDisk(bank.url)
    small = await bank.open(backend)
    account = await bank.customer(1_000_000)
    await small.db.write(lambda tx: backend.limit(tx, 2))
    holds: list[int] = []

    async def spend() -> None:
        while True:
            answer = await small.ledger.hold(request(account, 10))
            assert isinstance(answer, Held)
            holds.append(answer.hold)
            await small.ledger.settle(settlement(answer.hold, 3))

    outcomes = await asyncio.gather(*(spend() for _ in range(8)), return_exceptions=True)
    assert [type(outcome) for outcome in outcomes] == [DatabaseUnavailable] * 8
    await bank.prove()
    known = await bank.rows("SELECT count(*) FROM holds")
    assert known == [(len(holds),)]  # each that was answered is there, and no other
    await small.db.write(lambda tx: backend.limit(tx, 1_000))
    [(unsettled,)] = await bank.rows("SELECT count(*) FROM holds WHERE state = 0")
    assert len(small.ledger.live_holds()) == unsettled
    assert await small.ledger.settle_late() == unsettled
    assert await bank.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
    assert (await bank.account(account))["posted"] == 1_000_000 - 3 * len(holds)


async def test_open_books_can_be_opened_again(bank: Bank) -> None:
    at = bank.clock.now_ms()
    again = await type(bank.ledger).open_books(bank.db, bank.clock)
    assert again == bank.ledger.node
    query = text("SELECT count(*) FROM accounts WHERE created_at > :at")
    assert await bank.db.read(lambda c: c.execute(query, {"at": at}).scalar_one()) == 0
