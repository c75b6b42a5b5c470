import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sqlalchemy.exc import OperationalError

from routstr.core.clock import ManualClock
from routstr.money import Unit
from routstr.wallet.keysets import KeysetInfo, input_fee
from routstr.wallet.mint_errors import MintBusy, MintDown
from routstr.wallet.mints import Mints
from routstr.wallet.offers import AGE_S_MAX, AWAY_AGE_S_MAX, Offer, Offers, face_value
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world

FIRST, SECOND = "https://first.example", "https://second.example"
BOTH = (Offer(FIRST, {Unit.SAT: 100}), Offer(SECOND, {Unit.MSAT: 300}))


class Freezing(PlayedMint):
    """A mint that may take its time."""

    thawed: asyncio.Event | None = None

    async def keysets(self, **_: float | None) -> tuple[KeysetInfo, ...]:
        if self.thawed:
            await self.thawed.wait()
        return await super().keysets()


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    free, dear = Signer(version=2), Signer(version=1, fee=100)
    gone = Signer((1, 2), version=1, fee=900, active=False)
    first = Freezing(free, dear, gone, url=FIRST)
    second = Freezing(Signer(unit="msat", fee=300), url=SECOND)
    async with open_world(tmp_path, first, second, clock=clock) as world:
        yield world


@pytest.fixture
async def offers(world: World, clock: ManualClock) -> AsyncIterator[Offers]:
    offers = Offers(world.house.mints, clock, patience_s=30)
    yield offers
    await offers.close()


def questions(world: World) -> list[int]:
    return [mint.calls["keysets"] for mint in world.played.values()]


async def test_each_unit_costs_what_its_dearest_active_keyset_does(offers: Offers) -> None:
    assert await offers.current() == BOTH


async def test_nobody_is_asked_before_somebody_must_be_told(world: World, offers: Offers) -> None:
    assert questions(world) == [0, 0]
    await offers.current()
    assert questions(world) == [1, 1]


async def test_one_look_serves_all_who_ask_until_it_is_old(
    world: World, offers: Offers, clock: ManualClock
) -> None:
    await asyncio.gather(*(offers.current() for _ in range(50)))
    clock.advance(seconds=AGE_S_MAX - 1)
    await offers.current()
    assert questions(world) == [1, 1]
    clock.advance(seconds=1)
    await offers.current()
    assert questions(world) == [2, 2]


@pytest.mark.parametrize("error", [MintDown("gone"), MintBusy(30)])
async def test_a_mint_that_does_not_answer_is_left_out_until_it_does(
    world: World, offers: Offers, clock: ManualClock, error: MintDown
) -> None:
    world.mint.broken["keysets"] = error
    assert await offers.current() == BOTH[1:]
    del world.mint.broken["keysets"]
    assert await offers.current() == BOTH[1:], "it is not asked again at once"
    clock.advance(seconds=AWAY_AGE_S_MAX)
    assert await offers.current() == BOTH
    assert questions(world) == [2, 1]


async def test_a_slow_mint_is_waited_for_once_and_told_when_it_has_answered(
    world: World, clock: ManualClock
) -> None:
    assert isinstance(world.mint, Freezing)
    world.mint.thawed = asyncio.Event()
    offers = Offers(world.house.mints, clock, patience_s=0.5)
    found = await asyncio.gather(*(offers.current() for _ in range(50)))
    assert all(one == BOTH[1:] for one in found)

    async with asyncio.timeout(0.4):
        assert await offers.current() == BOTH[1:], "nobody waits again"
    world.mint.thawed.set()
    await asyncio.wait(offers._looking.values())
    assert await offers.current() == BOTH
    assert questions(world) == [1, 1]


async def test_as_long_as_nothing_is_known_of_any_mint_a_slow_one_is_waited_for(
    world: World, clock: ManualClock
) -> None:
    thawed = asyncio.Event()
    for mint in world.played.values():
        assert isinstance(mint, Freezing)
        mint.thawed = thawed
    offers = Offers(world.house.mints, clock, patience_s=0.01)
    asking = asyncio.create_task(offers.current())
    await asyncio.sleep(0.1)
    assert not asking.done()
    thawed.set()
    assert all(offer in BOTH for offer in await asking)
    await asyncio.wait(offers._looking.values() or [asking])
    assert await offers.current() == BOTH


async def test_closing_ends_the_look_at_a_slow_mint(world: World, clock: ManualClock) -> None:
    assert isinstance(world.mint, Freezing)
    world.mint.thawed = asyncio.Event()
    offers = Offers(world.house.mints, clock, patience_s=0, first_patience_s=0)
    await offers.current()
    assert len(offers._looking) == 2
    await offers.close()
    assert not offers._looking
    assert questions(world)[0] == 0


async def test_when_none_answers_all_are_named_with_what_is_known_of_them(
    world: World, offers: Offers, clock: ManualClock
) -> None:
    first, second = world.played.values()
    second.broken["keysets"] = MintDown("gone")
    await offers.current()
    first.broken["keysets"] = MintDown("gone")
    clock.advance(seconds=AGE_S_MAX)
    assert await offers.current() == (BOTH[0], Offer(SECOND))


async def test_a_database_that_is_away_stops_nobody_from_being_told(
    world: World, clock: ManualClock
) -> None:
    class Forgetful(Mints):
        async def keysets(self, *_: object, **__: object) -> NoReturn:
            raise OperationalError("SELECT", {}, Exception("locked"))

    mints = Forgetful((FIRST,), lambda url: world.played[url], world.db, clock)
    assert await Offers(mints, clock).current() == (Offer(FIRST),)


async def test_without_listed_mints_there_is_nothing_to_offer(
    world: World, clock: ManualClock
) -> None:
    mints = Mints((), lambda url: world.played[url], world.db, clock)
    assert await Offers(mints, clock).current() == ()


@given(net=st.integers(1, 1 << 40), fee_ppk=st.integers(0, 5_000))
def test_the_face_value_is_the_smallest_of_which_enough_arrives(net: int, fee_ppk: int) -> None:
    def arrives(amount: int) -> int:
        return amount - input_fee([fee_ppk] * amount.bit_length())

    amount = face_value(net, fee_ppk)
    assert arrives(amount) >= net
    assert amount == net or arrives(amount - 1) < net
    split = amount.bit_count()
    assert amount - input_fee([fee_ppk] * split) >= net, "a token of few proofs pays less"


@pytest.mark.parametrize(
    ("net", "fee_ppk", "amount"),
    [
        (1, 0, 1),
        (1, 100, 2),
        (63, 100, 64),
        (64, 100, 65),
        (1_023, 100, 1_025),
        (1, 1_000_000, 14_001),
    ],
)
def test_face_values(net: int, fee_ppk: int, amount: int) -> None:
    assert face_value(net, fee_ppk) == amount
