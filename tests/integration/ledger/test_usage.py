"""What was earned: sums and rest equal the revenue accounts at any moment."""

from collections.abc import AsyncIterator
from functools import partial

import pytest

from routstr.ledger import books, usage
from routstr.ledger.entries import AccountKind, Held
from routstr.ledger.usage import DAY, HOUR, Figures, Group
from routstr.ledger.usage_fold import UsageFold
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement
from tests.integration.ledger.sales import FOREVER, late, spend, told


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    async with Bank(url) as bank:
        yield bank


async def test_sums_and_rest_are_the_revenue_account(bank: Bank) -> None:
    fold = UsageFold(bank.db, rows=4)
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


async def test_only_the_spans_that_were_asked_for_are_told(bank: Bank) -> None:
    account = await bank.customer(1_000)
    await spend(bank, account, 10, "m", "p")
    start = bank.clock.now_ms() // HOUR * HOUR
    for _ in range(2):
        for since, found in ((start, 10), (start + HOUR, 0), (start - HOUR, 0)):
            seen = await bank.db.read(partial(usage.usage, since=since, until=since + HOUR))
            assert seen.total.charged == found
        await UsageFold(bank.db).run()


async def test_more_than_can_be_added_at_once_is_not_called_whole(
    bank: Bank, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(usage, "TAIL_MAX", 2)
    account = await bank.customer(1_000)
    for _ in range(3):
        await spend(bank, account, 10, "m", "p")
    look = partial(usage.usage, since=0, until=FOREVER)
    assert not (await bank.db.read(look)).whole
    await UsageFold(bank.db).run()
    assert (await bank.db.read(look)).whole


@pytest.mark.slow
async def test_what_every_instance_earned_is_told(bank: Bank) -> None:
    """On PostgreSQL each credits an account of its own."""
    account, second = await bank.customer(1_000), await bank.open()
    for ledger, cost in ((bank.ledger, 10), (second.ledger, 25)):
        held = await ledger.hold(request(account, 100))
        assert isinstance(held, Held)
        await ledger.settle(settlement(held.hold, cost))
    assert (await told(bank)).total.charged == 35
    await UsageFold(bank.db).run()
    assert (await told(bank)).total.charged == 35
    booked = await bank.db.read(books.node_balances)
    assert booked[AccountKind.REVENUE] == Msat(35)
    await bank.prove()
