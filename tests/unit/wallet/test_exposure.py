"""A limit to what lies at one mint: deposits respect it, and nothing else does."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import MintExposureReached
from routstr.money import Msat, Unit
from routstr.wallet.exposure import Exposure, exposures
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.offers import Offers
from routstr.wallet.ordering import Order
from tests.unit.wallet.played_mint import PlayedMint, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import PURPOSE, World, insert, open_world

FIRST, SECOND, THIRD = (f"https://{name}.example" for name in ("first", "second", "third"))
SAT = 1_000


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Ten sat at the first mint, a hundred at the second, as much as there is at the third."""
    first = PlayedMint(Signer(fee=100), Signer(unit="msat"), url=FIRST)
    mints = (first, PlayedMint(Signer(), url=SECOND), PlayedMint(Signer(), url=THIRD))
    async with open_world(tmp_path, *mints) as world:
        world.house.mints.exposure = Exposure(
            world.db, tuple(world.played), most_sat=10, by_mint={SECOND: 100, THIRD: 0}
        )
        yield world


async def lying(world: World, mint: str = FIRST) -> int:
    return int((await world.db.read(exposures)).get(mint, Msat(0)))


async def test_what_would_pass_the_limit_is_refused_before_its_mint_is_asked(world: World) -> None:
    token = world.mint.token(8, 4)
    with pytest.raises(MintExposureReached) as raised:
        await world.house.receive(token)
    assert raised.value.details == {
        "mint": FIRST,
        "room_msat": 10 * SAT,
        "mints": [SECOND, THIRD],
    }
    assert not world.mint.calls
    assert await world.states() == []


async def test_deposits_up_to_the_limit_are_taken(world: World) -> None:
    await world.house.receive(world.mint.token(8))
    with pytest.raises(MintExposureReached) as raised:
        await world.house.receive(world.mint.token(4))
    assert raised.value.details["room_msat"] == 3 * SAT, "the mint's fee was no deposit"
    await world.house.receive(world.mint.token(2, 1))
    await world.house.receive(world.played[SECOND].token(64, 32))
    await world.house.receive(world.played[THIRD].token(1024, 512))


async def test_a_token_that_was_taken_is_known_when_it_comes_again(world: World) -> None:
    token = world.mint.token(8)
    saga = await world.house.receive(token)
    world.house.mints.exposure = Exposure(world.db, (FIRST,), most_sat=1)
    assert await world.house.receive(token) == saga


async def test_many_at_once_do_not_pass_it_together(world: World) -> None:
    tokens = [world.mint.token(4) for _ in range(12)]
    done = await asyncio.gather(
        *(world.house.receive(token) for token in tokens), return_exceptions=True
    )
    taken = [one for one in done if not isinstance(one, BaseException)]
    assert {type(one) for one in done if isinstance(one, BaseException)} == {MintExposureReached}
    assert 1 <= len(taken) <= 3
    assert await lying(world) <= 10 * SAT


async def test_units_are_added_up(world: World) -> None:
    msat = next(one for one in world.mint.signers.values() if one.info.unit == "msat")
    await world.house.receive(world.mint.token(4, 2, signer=msat))
    await world.house.receive(world.mint.token(8))
    assert await lying(world) == 7 * SAT + 6


async def test_what_is_coming_in_counts_and_what_was_given_out_does_not(world: World) -> None:
    await world.house.receive(world.mint.token(8, 1))
    assert await lying(world) == 8 * SAT
    await insert(world, mint=FIRST, gross=3, fee=1)
    await insert(world, mint=FIRST, gross=2, fee=0, kind=SagaKind.MINT)
    await insert(world, mint=FIRST, gross=5, fee=0, kind=SagaKind.SEND)
    assert await lying(world) == 12 * SAT
    await world.house.send(8)  # all there is, in one proof
    assert await lying(world) == 4 * SAT


async def test_what_leaves_a_full_mint_leaves_it(world: World) -> None:
    await world.house.receive(world.mint.token(8, 2))
    world.house.mints.exposure = Exposure(world.db, (FIRST,), most_sat=1)
    saga, _ = await world.house.send(3)
    assert saga.state is SagaState.DONE


async def test_what_was_begun_is_finished_above_the_limit(world: World) -> None:
    world.mint.next(lose_answer(MintUnclear("lost")))
    world.mint.broken["restore"] = MintDown("gone")
    with pytest.raises(Exception, match="not confirmed"):
        await world.house.receive(world.mint.token(8))
    world.house.mints.exposure = Exposure(world.db, (FIRST,), most_sat=1)
    world.mint.broken.clear()
    await world.house.wallet.recover(frozenset({1}))
    assert await world.states() == [SagaState.DONE]


async def test_ecash_is_not_ordered_beyond_it(world: World) -> None:
    order = Order(FIRST, Unit.SAT, 11, PURPOSE, None, {})
    with pytest.raises(MintExposureReached):
        await world.house.wallet.request_quote(order)
    assert not world.mint.calls


async def test_payers_are_told_how_much_may_come_in(world: World) -> None:
    offers = Offers(world.house.mints, ManualClock())
    rooms = {offer.mint: offer.room for offer in await offers.current()}
    assert rooms == {FIRST: 10 * SAT, SECOND: 100 * SAT, THIRD: None}
    await world.house.receive(world.mint.token(8))
    rooms = {offer.mint: offer.room for offer in await offers.current()}
    assert rooms[FIRST] == 3 * SAT, "what was looked at a moment ago is not good enough"
    await offers.close()
