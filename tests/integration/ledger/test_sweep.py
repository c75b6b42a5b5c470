"""Which holds are ended, and which are left to whoever works on them."""

import asyncio

from sqlalchemy import text

from routstr.ledger import instances
from routstr.ledger.entries import Held, HoldState, Settled
from routstr.ledger.sweep import GRACE_MS
from routstr.money import ZERO, Msat
from tests.integration.ledger.bank import STALE_SECONDS, Bank, Branch, request, settlement

YEAR_SECONDS = 365 * 86_400.0


async def held(branch: Branch, account: int, amount: int = 100) -> int:
    answer = await branch.ledger.hold(request(account, amount))
    assert isinstance(answer, Held)
    return answer.hold


async def forget(bank: Bank, branch: Branch) -> Branch:
    """The same instance, whose requests know nothing of its holds any more."""
    ledger = type(branch.ledger)(branch.db, bank.clock, branch.id, branch.ledger.node)
    sweeper = type(branch.sweeper)(branch.db, ledger, bank.clock, branch.id, STALE_SECONDS)
    return branch._replace(ledger=ledger, sweeper=sweeper)


async def silence(bank: Bank, branch: Branch, seconds: float = STALE_SECONDS) -> None:
    change = text("UPDATE instances SET seen_at = seen_at - :ms WHERE id = :id")
    values = {"ms": round(seconds * 1_000) + 1, "id": branch.id}
    await bank.db.write(lambda tx: tx.sql.execute(change, values))


async def states(bank: Bank) -> list[HoldState]:
    rows = await bank.rows("SELECT state FROM holds ORDER BY id")
    return [HoldState(row[0]) for row in rows]


async def test_where_nothing_is_held_nothing_is_ended(bank: Bank) -> None:
    assert await bank.branches[0].sweeper.sweep() == 0


async def test_holds_of_a_stopped_instance_expire_and_can_be_settled_late(bank: Bank) -> None:
    other = await bank.open()
    account = await bank.customer(1_000)
    first, second = await held(other, account), await held(other, account)
    await other.db.write(lambda tx: instances.stop(tx, other.id))
    assert await bank.branches[0].sweeper.sweep() == 2
    assert await states(bank) == [HoldState.EXPIRED] * 2
    assert (await bank.account(account))["held"] == 0
    assert await other.ledger.settle(settlement(first, 60)) == Settled(
        Msat(60), ZERO, Msat(940), ZERO
    )
    assert await states(bank) == [HoldState.LATE, HoldState.EXPIRED]
    assert await bank.branches[0].sweeper.sweep() == 0
    assert (await bank.ledger.release(second)).charged == ZERO


async def test_holds_of_a_silent_instance_expire(bank: Bank) -> None:
    other = await bank.open()
    await held(other, await bank.customer(1_000))
    await silence(bank, other)
    assert await bank.branches[0].sweeper.sweep() == 1
    assert await states(bank) == [HoldState.EXPIRED]


async def test_holds_of_an_instance_last_seen_in_the_future_expire(bank: Bank) -> None:
    """The database's clock was set back by a year, and the instance has not been seen since."""
    other = await bank.open()
    await held(other, await bank.customer(1_000))
    await silence(bank, other, -YEAR_SECONDS)
    assert await bank.branches[0].sweeper.sweep() == 1
    assert await states(bank) == [HoldState.EXPIRED]
    await other.sweeper.beat()
    assert await bank.branches[0].sweeper.alive() == {bank.branches[0].id, other.id}


async def test_a_clock_set_back_keeps_no_forgotten_hold(bank: Bank) -> None:
    account = await bank.customer(1_000)
    me = await forget(bank, bank.branches[0])
    await held(bank.branches[0], account)
    bank.clock.ms -= round(YEAR_SECONDS * 1_000)
    assert await bank.branches[0].sweeper.sweep() == 0  # its request knows it
    assert await me.sweeper.sweep() == 1
    assert await states(bank) == [HoldState.RELEASED]


async def test_a_beat_in_time_keeps_holds(bank: Bank) -> None:
    other = await bank.open()
    await held(other, await bank.customer(1_000))
    await silence(bank, other)
    await other.sweeper.beat()
    assert await bank.branches[0].sweeper.sweep() == 0
    assert await bank.branches[0].sweeper.alive() == {bank.branches[0].id, other.id}


async def test_holds_that_somebody_works_on_are_left_alone_however_old(bank: Bank) -> None:
    other = await bank.open()
    account = await bank.customer(1_000)
    await held(bank.branches[0], account)
    await held(other, account)
    bank.clock.advance(seconds=3 * 86_400)
    for branch in bank.branches:
        assert await branch.sweeper.sweep() == 0
    assert await states(bank) == [HoldState.OPEN] * 2


async def test_an_instance_never_takes_itself_for_dead(bank: Bank) -> None:
    me = bank.branches[0]
    await held(me, await bank.customer(1_000))
    await silence(bank, me)
    assert await me.sweeper.sweep() == 0
    assert await me.sweeper.alive() == {me.id}


async def test_own_holds_that_no_request_knows_are_released_after_a_while(bank: Bank) -> None:
    account = await bank.customer(1_000)
    me = await forget(bank, bank.branches[0])
    await held(bank.branches[0], account)
    bank.clock.advance(ms=GRACE_MS)
    assert await me.sweeper.sweep() == 0
    bank.clock.advance(ms=1)
    assert await me.sweeper.sweep() == 1
    assert await states(bank) == [HoldState.RELEASED]


async def test_holds_that_others_forgot_are_theirs_to_release(bank: Bank) -> None:
    other = await bank.open()
    await held(other, await bank.customer(1_000))
    await forget(bank, other)
    bank.clock.advance(ms=GRACE_MS + 1)
    assert await bank.branches[0].sweeper.sweep() == 0


async def test_two_sweepers_at_once_end_each_hold_once(bank: Bank) -> None:
    third, account = await bank.open(), await bank.customer(1_000)
    second = await bank.open()
    for _ in range(10):
        await held(third, account)
    await silence(bank, third)
    await asyncio.gather(*(b.sweeper.sweep() for b in (bank.branches[0], second) for _ in range(2)))
    assert await states(bank) == [HoldState.EXPIRED] * 10
    assert (await bank.account(account))["held"] == 0


async def test_a_settlement_that_failed_is_made_before_anything_is_swept(bank: Bank) -> None:
    me, account = bank.branches[0], await bank.customer(1_000)
    hold = await held(me, account)
    me.ledger._unsettled[hold] = settlement(hold, 60)  # as after a while without database
    bank.clock.advance(ms=GRACE_MS + 1)
    assert await me.sweeper.sweep() == 0
    assert await states(bank) == [HoldState.SETTLED]
    assert (await bank.account(account))["posted"] == 940
