"""How the node stands at each mint."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.money import Msat, Unit
from routstr.payment.standing import Homes, MintStanding, Standing, outline, standing
from routstr.wallet.mint_errors import MintDown, MintUnclear
from tests.unit.payment.test_refund import FIRST, SECOND, Till, open_till
from tests.unit.wallet.played_mint import PlayedMint, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    mints = PlayedMint(Signer(), Signer(unit="msat")), PlayedMint(Signer(), url=SECOND)
    async with open_world(tmp_path, *mints) as world:
        yield world


@pytest.fixture
async def till(world: World) -> Till:
    return await open_till(world)


def at(found: Standing, mint: str, unit: Unit = Unit.SAT) -> MintStanding:
    (place,) = [p for p in found.positions if (p.mint, p.unit) == (mint, unit)]
    return place


def require_sums(found: Standing) -> None:
    """What is owed everywhere is what is owed somewhere."""
    leaving = sum(int(p.unit.to_msat(p.given_out + p.going_out)) for p in found.positions)
    homes = sum(p.owed_msat for p in found.positions)
    assert found.owed_msat == homes + leaving + found.homeless_msat
    assert found.surplus_msat == found.held_msat + found.between_msat - found.owed_msat
    surpluses = sum(p.surplus_msat for p in found.positions)
    assert surpluses == found.surplus_msat + found.homeless_msat - found.between_msat


async def test_a_balance_is_owed_where_its_first_deposit_went(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.deposit(owner, 16, mint=SECOND)
    await till.account(512, unit="msat")
    found = await world.db.read(standing)
    require_sums(found)
    assert (at(found, FIRST).owed_msat, at(found, FIRST).surplus_msat) == (24_000, -16_000)
    assert (at(found, SECOND).owed_msat, at(found, SECOND).surplus_msat) == (0, 16_000)
    assert at(found, FIRST, Unit.MSAT).owed_msat == 512
    assert (found.owed_msat, found.homeless_msat, found.surplus_msat) == (24_512, 0, 0)
    assert [place.payable for place in found.positions] == [0, 0, 0]


async def test_what_was_spent_is_the_operators_and_payable_where_proofs_are(
    till: Till, world: World
) -> None:
    owner = await till.account(8)
    await till.deposit(owner, 16, mint=SECOND)
    await till.spend(owner, 10_500)
    found = await world.db.read(standing)
    require_sums(found)
    assert (found.owed_msat, found.surplus_msat) == (13_500, 10_500)
    assert (at(found, FIRST).payable, at(found, SECOND).payable) == (8, 10)


async def test_what_was_given_out_is_owed_at_its_mint_as_a_token(till: Till, world: World) -> None:
    owner = await till.account(8, 4)
    await till.account(64, mint=SECOND)
    await till.spend(owner, 4_000)
    await till.refund(owner)
    found = await world.db.read(standing)
    require_sums(found)
    here = at(found, FIRST)
    assert (here.liquid, here.given_out, here.owed_msat, here.surplus_msat) == (4, 8, 0, 4_000)


async def test_what_is_on_its_way_out_is_owed_to_whoever_gets_it(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 3_000)
    world.mint.next(lose_answer(MintUnclear("lost")))
    world.mint.broken["restore"] = MintDown("gone")
    with pytest.raises(Exception, match="not confirmed"):
        await till.refund(owner)
    found = await world.db.read(standing)
    require_sums(found)
    here = at(found, FIRST)
    assert (here.reserved, here.going_out, here.surplus_msat) == (8, 5, 3_000)
    assert (found.surplus_msat, here.payable) == (3_000, 0)


async def test_a_place_that_is_owed_and_has_nothing_is_told(till: Till, world: World) -> None:
    owner = await till.account(8)
    rich = await till.account(64, mint=SECOND)
    await till.spend(rich, 56_000)
    refund = await till.refund(rich, mint=FIRST)  # takes what the owner deposited
    till.redeem(refund.token)
    await till.refunds.watch_claims()
    found = await world.db.read(standing)
    require_sums(found)
    here = at(found, FIRST)
    assert (here.liquid, here.owed_msat, here.surplus_msat) == (0, 8_000, -8_000)
    assert await till.available(owner) == Msat(8_000)


async def test_the_outline_tells_the_same_sums(till: Till, world: World) -> None:
    owner = await till.account(8, 16)
    await till.account(512, unit="msat")
    await till.refund(owner)
    whole, quick = await world.db.read(standing), await world.db.read(outline)
    assert (whole.held_msat, whole.between_msat) == (quick.held_msat, quick.between_msat)
    assert (whole.owed_msat, whole.surplus_msat) == (quick.owed_msat, quick.surplus_msat)


async def test_what_is_owed_where_is_looked_up_now_and_then(till: Till, world: World) -> None:
    clock = ManualClock()
    homes = Homes(world.db, clock)
    await till.account(8)
    assert await homes.owed() == {(FIRST, Unit.SAT): 8_000}
    await till.account(16)
    assert await homes.owed() == homes.known == {(FIRST, Unit.SAT): 8_000}
    clock.advance(seconds=61)
    assert await homes.owed() == {(FIRST, Unit.SAT): 24_000}
