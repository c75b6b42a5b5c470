from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.ledger.spending import Spent, glances, spending
from routstr.money import Msat
from tests.unit.auth.keyring import DAY_SECONDS, Keyring, keyring


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def test_charges_are_added_up_by_day_and_model_the_newest_only(ring: Keyring) -> None:
    payer, other = await ring.key(64), await ring.key(8)
    await ring.spend(payer, 500)
    await ring.spend(payer, 300)
    await ring.spend(other, 7)
    ring.clock.advance(seconds=DAY_SECONDS)
    await ring.spend(payer, 200)
    day = ring.clock.now_ms() // 86_400_000
    found = await ring.world.db.read(lambda c: spending(c, payer.account))
    assert found.spent == [
        Spent(day, "m", 1, 1, 1, Msat(200)),
        Spent(day - 1, "m", 2, 2, 2, Msat(800)),
    ]
    assert (found.charges, found.complete) == (3, True)
    newest = await ring.world.db.read(lambda c: spending(c, payer.account, newest=2))
    assert [one.amount for one in newest.spent] == [Msat(200), Msat(300)]
    assert (newest.charges, newest.complete) == (2, False)


async def test_many_accounts_are_seen_at_a_glance(ring: Keyring) -> None:
    payer, other = await ring.key(8), await ring.key(4)
    await ring.spend(payer, 500)
    await ring.hold(other, 100)
    seen = await ring.world.db.read(lambda c: glances(c, [payer.account, other.account, 999]))
    assert seen.keys() == {payer.account, other.account}
    assert (seen[payer.account].total, seen[payer.account].requests) == (Msat(7_500), 1)
    assert (seen[other.account].total, seen[other.account].reserved) == (Msat(4_000), Msat(100))
    assert await ring.world.db.read(lambda c: glances(c, [])) == {}
