"""Limits of keys on a real database: exact, whoever writes, and counted in periods of UTC."""

import asyncio
import random
from collections import Counter

import pytest
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.ledger import key_limits
from routstr.ledger.entries import Held, KeyMark, Refused, Settled
from routstr.ledger.key_limits import LimitState
from routstr.ledger.limits import Reset
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement

DAY_SECONDS = 86_400


@pytest.fixture
async def both(bank: Bank) -> Bank:
    """A bank with two instances."""
    await bank.open()
    return bank


async def state(bank: Bank, mark: KeyMark) -> LimitState:
    at, limit = bank.clock.now_ms(), mark.limit or 0
    return (await bank.db.read(lambda c: key_limits.read_limits(c, [limit], at)))[limit]


async def test_of_fifty_holds_as_many_are_placed_as_the_limit_allows(both: Bank) -> None:
    account = await both.customer(1_000_000)
    mark = await both.limit(account, 1_000)
    answers = await asyncio.gather(
        *(both.branches[n % 2].ledger.hold(request(account, 100, mark=mark)) for n in range(50))
    )
    assert Counter(type(answer) for answer in answers) == {Held: 10, Refused: 40}
    told = {answer.allowance for answer in answers if isinstance(answer, Refused)}
    assert told == {Msat(0)}
    assert (await both.account(account))["held"] == 1_000
    await both.prove()


async def test_of_fifty_requests_the_charges_stay_inside_the_limit(both: Bank) -> None:
    """Each asks for what it can get, costs more than that, and ends while others begin."""
    account = await both.customer(1_000_000)
    mark = await both.limit(account, 1_000, Reset.MONTHLY)
    luck = random.Random(3)

    async def spend(number: int) -> int:
        ledger = both.branches[number % 2].ledger
        await asyncio.sleep(luck.random() / 50)
        held = await ledger.hold(request(account, luck.randrange(1, 200), minimum=1, mark=mark))
        if isinstance(held, Refused):
            return 0
        await asyncio.sleep(luck.random() / 50)
        if luck.random() < 0.2:
            return int((await ledger.release(held.hold)).charged)
        return int((await ledger.settle(settlement(held.hold, luck.randrange(250)))).charged)

    charged = sum(await asyncio.gather(*(spend(number) for number in range(50))))
    limit = await state(both, mark)
    assert charged == limit.spent == limit.total_spent <= 1_000
    assert limit.left == Msat(1_000) - limit.spent
    await both.prove()


async def test_a_period_ends_and_its_late_charges_stay_in_it(both: Bank) -> None:
    account = await both.customer(1_000_000)
    mark = await both.limit(account, 500, Reset.DAILY)
    first, second = both.branches[0].ledger, both.branches[1].ledger
    old = await first.hold(request(account, 500, mark=mark))
    assert isinstance(old, Held)
    assert isinstance(await second.hold(request(account, 1, mark=mark)), Refused)
    both.clock.advance(seconds=DAY_SECONDS)
    new = await second.hold(request(account, 400, mark=mark))
    assert isinstance(new, Held)
    assert (await first.settle(settlement(old.hold, 450))).charged == Msat(450)
    assert (await second.settle(settlement(new.hold, 300))).charged == Msat(300)
    limit = await state(both, mark)
    assert (limit.spent, limit.left, limit.total_spent) == (300, 200, 750)
    assert limit.total_requests == 2
    assert (await both.account(account))["spent"] == 750, "over its whole life"
    await both.prove()
    both.clock.advance(seconds=DAY_SECONDS)
    assert (await state(both, mark)).left == Msat(500), "told before anything is spent"


async def test_a_late_charge_takes_what_the_limit_leaves(bank: Bank) -> None:
    account = await bank.customer(1_000_000)
    mark = await bank.limit(account, 500)
    expired = await bank.ledger.hold(request(account, 400, mark=mark))
    assert isinstance(expired, Held)
    await bank.ledger.release(expired.hold, expire=True)
    later = await bank.ledger.hold(request(account, 450, mark=mark))
    assert isinstance(later, Held)
    late = await bank.ledger.settle(settlement(expired.hold, 400))
    assert late == Settled(Msat(50), Msat(350), Msat(999_500), Msat(450))
    await bank.ledger.settle(settlement(later.hold, 450))
    assert (await state(bank, mark)).left == Msat(0)
    await bank.prove()


async def test_a_reset_by_hand_forgets_what_was_spent_and_not_what_is_held(bank: Bank) -> None:
    account = await bank.customer(1_000_000)
    mark = await bank.limit(account, 500, Reset.WEEKLY)
    for wanted, cost in ((300, 300), (200, None)):
        held = await bank.ledger.hold(request(account, wanted, mark=mark))
        assert isinstance(held, Held)
        if cost is not None:
            await bank.ledger.settle(settlement(held.hold, cost))
    assert (await state(bank, mark)).left == Msat(0)
    await bank.db.write(lambda tx: key_limits.forgive(tx, mark.limit or 0))
    limit = await state(bank, mark)
    assert (limit.spent, limit.left, limit.total_spent) == (0, 300, 300)
    await bank.prove()


async def test_what_was_read_of_a_key_is_read_again_once_it_has_changed(both: Bank) -> None:
    account = await both.customer(1_000)
    limited = await both.limit(account, 500)
    plain = KeyMark(0)
    ledger = both.branches[1].ledger
    for mark in (plain, limited):
        assert isinstance(await ledger.hold(request(account, 10, mark=mark)), Held)
    await both.db.write(lambda tx: key_limits.renew(tx, account))
    for mark in (plain, limited):
        answer = await ledger.hold(request(account, 10, mark=mark))
        assert isinstance(answer, Refused)
        assert answer.stale
        renewed = KeyMark(mark.version + 1, mark.limit)
        assert isinstance(await ledger.hold(request(account, 10, mark=renewed)), Held)


async def test_holds_without_a_limit_name_none(bank: Bank) -> None:
    account = await bank.customer(1_000)
    mark = await bank.limit(account)
    answers = await asyncio.gather(
        bank.ledger.hold(request(account, 100)),
        bank.ledger.hold(request(account, 200, mark=mark)),
    )
    named = [
        (await bank.hold_row(one.hold))["limit_id"] for one in answers if isinstance(one, Held)
    ]
    assert named == [None, mark.limit]
    limit = await state(bank, mark)
    assert (limit.cap, limit.left) == (None, None)
    await bank.prove()


def harm(tx: Tx, change: str) -> None:
    tx.sql.exec_driver_sql(f"UPDATE key_limits SET {change}")


@pytest.mark.parametrize(
    "change", ["held = -1", "forgiven = spent + 1", "spent = total_spent + 1", "cap = -1"]
)
async def test_the_database_refuses_limits_that_cannot_be(bank: Bank, change: str) -> None:
    await bank.limit(await bank.customer(), 500)
    with pytest.raises(IntegrityError):
        await bank.db.write(lambda tx: harm(tx, change))
