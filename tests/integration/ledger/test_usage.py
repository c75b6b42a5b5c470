"""What was earned: sums and rest equal the revenue account at any moment, whoever adds them up."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest
from msgspec.structs import replace
from sqlalchemy import Connection

from routstr.core.db import Tx
from routstr.ledger import accounts, usage
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import Held, TransferKind
from routstr.ledger.usage import DAY, HOUR, Figures, Group, Usage
from routstr.ledger.usage_fold import UsageFold, store
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement

FOREVER = 1 << 53


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    async with Bank(url) as bank:
        yield bank


async def spend(bank: Bank, account: int, cost: int, model: str, provider: str) -> int:
    """One request of an account."""
    asked = replace(request(account, 1_000, minimum=0), model=model)
    held = await bank.ledger.hold(asked)
    assert isinstance(held, Held)
    paid = settlement(held.hold, cost)
    await bank.ledger.settle(replace(paid, provider=provider, own_cost=cost // 2))
    return held.hold


async def late(bank: Bank, account: int) -> None:
    """A request that is settled after its hold had expired and its money was gone, in part."""
    held = await bank.ledger.hold(replace(request(account, 900), model="late"))
    assert isinstance(held, Held)
    await bank.ledger.release(held.hold, expire=True)
    await bank.db.write(lambda tx: drain(tx, bank, account))
    await bank.ledger.settle(replace(settlement(held.hold, 900), provider="p", own_cost=70))


def drain(tx: Tx, bank: Bank, account: int) -> None:
    """Sell a child key for nearly all that an account has."""
    entry = bank.entry(tx, account, 5_900, 0)
    revenue = bank.ledger.node.revenue
    sold = Entry(
        account, revenue, entry.amount, TransferKind.CHILD_KEYS, b"N" + b"1" * 8, 1, entry.at
    )
    assert accounts.post(tx, sold)


async def told(bank: Bank, *by: usage.Dimension, span: int = HOUR) -> Usage:
    """What is told of all times; it is what the books say, on the same snapshot."""

    def look(connection: Connection) -> tuple[Usage, int]:
        query = "SELECT posted FROM accounts WHERE name = 'revenue'"
        booked = connection.exec_driver_sql(query).scalar_one()
        return usage.usage(connection, bank.ledger.node.revenue, 0, FOREVER, by, span=span), booked

    seen, booked = await bank.db.read(look)
    assert seen.whole
    assert seen.total.booked == booked
    return seen


async def test_sums_and_rest_are_the_revenue_account(bank: Bank) -> None:
    fold = UsageFold(bank.db, bank.ledger.node.revenue, rows=4)
    assert (await told(bank)).total == Figures()
    assert await fold.run() == 0
    account, other = await bank.customer(9_000), await bank.customer(6_000)
    await spend(bank, account, 100, "a", "p")
    await spend(bank, account, 31, "a", "q")
    bank.clock.advance(ms=HOUR)
    await spend(bank, account, 7, "b", "p")
    await spend(bank, account, 0, "free", "p")
    unfolded = await told(bank, "start", "model", "provider")
    start = bank.clock.now_ms() // HOUR * HOUR
    assert unfolded.groups == {
        Group(start - HOUR, "a", "p"): Figures(1, 12, 34, 100, own_cost=50),
        Group(start - HOUR, "a", "q"): Figures(1, 12, 34, 31, own_cost=15),
        Group(start, "b", "p"): Figures(1, 12, 34, 7, own_cost=3),
    }
    assert await fold.run() > 0
    assert await told(bank, "start", "model", "provider") == unfolded
    await late(bank, other)
    for _ in range(6):
        await spend(bank, account, 1_000, "a", "p")
    before = await told(bank, "model")
    assert before.groups[Group(model="late")] == Figures(1, 12, 34, 100, 800, own_cost=70)
    assert before.groups[Group()].other == 5_900
    await fold.run()
    assert await told(bank, "model") == before
    assert await told(bank, "model", span=DAY) == before
    assert before.total.revenue == Msat(100 + 31 + 7 + 100 + 6_000 + 5_900)
    assert before.total.margin == int(before.total.revenue) - 50 - 15 - 3 - 70 - 3_000
    await bank.prove()


async def test_a_part_is_added_once_whoever_else_adds_it(bank: Bank) -> None:
    """Two instances, of which either may die between any two steps, and one on old news."""
    second = await bank.open()
    folds = [UsageFold(b.db, b.ledger.node.revenue, rows=3) for b in bank.branches]
    account = await bank.customer(50_000)
    for round_ in range(3):
        await asyncio.gather(
            *(spend(bank, account, random.randint(1, 99), "m", "p") for _ in range(12)),
            *(fold.run() for fold in folds),
        )
        old = await second.db.read(
            partial(usage.next_part, revenue=second.ledger.node.revenue, rows=5)
        )
        assert (await told(bank)).total.requests == 12 * (round_ + 1)
        await asyncio.gather(*(fold.run() for fold in folds))
        if old.upto > old.after:
            assert not await second.db.write(partial(store, part=old))
        assert await told(bank, "model") == await told(bank, "model", span=DAY)
    reach = await bank.db.read(usage.reach)
    assert reach == (await bank.row("SELECT max(id) AS id FROM transfers"))["id"]
    parts = await bank.rows("SELECT span, sum(charged), sum(requests) FROM usage_sums GROUP BY 1")
    spent = (await bank.account(account))["spent"]
    assert sorted((int(span), int(total), int(n)) for span, total, n in parts) == [
        (HOUR, spent, 36),
        (DAY, spent, 36),
    ]


async def test_a_crash_within_the_transaction_adds_nothing(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await spend(bank, account, 10, "m", "p")
    part = await bank.db.read(partial(usage.next_part, revenue=bank.ledger.node.revenue, rows=100))

    def crash(tx: Tx) -> None:
        assert store(tx, part)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bank.db.write(crash)
    assert (await told(bank)).total.charged == 10
    assert await UsageFold(bank.db, bank.ledger.node.revenue).run() > 0
    assert (await told(bank)).total.charged == 10


async def test_only_the_spans_that_were_asked_for_are_told(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await spend(bank, account, 10, "m", "p")
    start = bank.clock.now_ms() // HOUR * HOUR
    revenue = bank.ledger.node.revenue
    for _ in range(2):
        for since, found in ((start, 10), (start + HOUR, 0), (start - HOUR, 0)):
            seen = await bank.db.read(
                partial(usage.usage, revenue=revenue, since=since, until=since + HOUR)
            )
            assert seen.total.charged == found
        await UsageFold(bank.db, revenue).run()


async def test_more_than_can_be_added_at_once_is_not_called_whole(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "TAIL_MAX", 2)
    account = await bank.customer(1_000)
    for _ in range(3):
        await spend(bank, account, 10, "m", "p")
    revenue = bank.ledger.node.revenue
    look = partial(usage.usage, revenue=revenue, since=0, until=FOREVER)
    assert not (await bank.db.read(look)).whole
    await UsageFold(bank.db, revenue).run()
    assert (await bank.db.read(look)).whole
