"""Transfers are added to the sums each once, whoever adds them and dies on the way."""

import asyncio
import random
from collections.abc import AsyncIterator
from functools import partial

import pytest

from routstr.core.db import Tx
from routstr.ledger import usage
from routstr.ledger.usage import DAY, HOUR
from routstr.ledger.usage_fold import UsageFold, store
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.sales import spend, told


@pytest.fixture
async def bank(url: str) -> AsyncIterator[Bank]:
    async with Bank(url) as bank:
        yield bank


async def test_a_part_is_added_once_whoever_else_adds_it(bank: Bank) -> None:
    """Two instances, of which either may die between any two steps, and one on old news."""
    second = await bank.open()
    folds = [UsageFold(b.db, rows=3) for b in bank.branches]
    account = await bank.customer(50_000)
    for round_ in range(3):
        await asyncio.gather(
            *(spend(bank, account, random.randint(1, 99), "m", "p") for _ in range(12)),
            *(fold.run() for fold in folds),
        )
        old = await second.db.read(partial(usage.next_part, rows=5))
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
    part = await bank.db.read(partial(usage.next_part, rows=100))

    def crash(tx: Tx) -> None:
        assert store(tx, part)
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await bank.db.write(crash)
    assert (await told(bank)).total.charged == 10
    assert await UsageFold(bank.db).run() > 0
    assert (await told(bank)).total.charged == 10
