from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import SurplusTooSmall
from routstr.ledger.entries import AccountKind
from routstr.money import ZERO, Msat, Unit
from routstr.payment.surplus import payable, require_surplus, surplus
from routstr.wallet.holdings import Holding
from tests.unit.payment.lightning import Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as desk:
        yield desk


async def test_the_surplus_is_assets_less_everything_owed(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.hold(owner, 5)
    assert await desk.world.db.read(surplus) == ZERO, "what is held is the customer's"
    await desk.earn(owner, 20)
    found = await desk.world.db.read(surplus)
    owed = await desk.booked(AccountKind.KEY)
    assert (found, owed) == (20_000, 44_000)
    assert -(await desk.booked(AccountKind.ASSET)) == int(found) + owed


async def test_more_than_the_surplus_is_refused_in_the_very_transaction(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.earn(owner, 20)
    await desk.world.db.write(lambda tx: require_surplus(tx, Msat(20_000)))
    with pytest.raises(SurplusTooSmall) as refused:
        await desk.world.db.write(lambda tx: require_surplus(tx, Msat(20_001)))
    assert refused.value.details == {"surplus_msat": 20_000, "needed_msat": 20_001}


@given(
    liquid=st.lists(st.integers(0, 10**6), max_size=4),
    msat=st.integers(-(10**6), 10**9),
    unit=st.sampled_from(list(Unit)),
)
def test_payable_is_never_more_than_free_proofs_or_surplus(
    liquid: list[int], msat: int, unit: Unit
) -> None:
    holdings = [Holding(f"m{n}", unit, amount, 5, 5) for n, amount in enumerate(liquid)]
    places = payable(holdings, Msat(msat))
    by_mint = {holding.mint: holding.liquid for holding in holdings}
    assert all(0 < place.amount <= by_mint[place.mint] for place in places)
    assert all(ZERO < place.worth <= Msat(max(msat, 0)) for place in places)
    assert places == sorted(places, key=lambda place: -int(place.worth))
