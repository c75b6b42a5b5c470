"""Tidying up is the operator's cost, and leaves the books in order at every ending."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.payment.audit import audit
from routstr.payment.consolidation import (
    CONSOLIDATION,
    ConsolidationCompletion,
    Consolidations,
)
from routstr.wallet.mint_errors import MintDown, MintUnclear
from tests.unit.payment.test_refund import SECOND, Till, open_till
from tests.unit.wallet.played_mint import PlayedMint, fail, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    mints = PlayedMint(Signer(fee=100)), PlayedMint(Signer(), url=SECOND)
    async with open_world(tmp_path, *mints, clock=ManualClock()) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
async def till(world: World) -> Till:
    return await open_till(world)


@pytest.fixture
def tidy(world: World) -> Consolidations:
    wallet = world.house.wallet
    wallet.register(CONSOLIDATION, ConsolidationCompletion(world.clock))
    return Consolidations(wallet, world.clock, per_amount_max=8)


async def crowd(till: Till, *, mint: str = "", count: int = 20) -> int:
    """A balance that came in small coins; each deposit costs one sat where there is a fee."""
    owner = await till.account()
    for _ in range(count):
        await till.deposit(owner, 1, 1, mint=mint or till.world.mint.url)
    return owner


async def own(world: World) -> int:
    return int(await world.scalar("SELECT sum(posted) FROM accounts WHERE kind >= 20"))


async def between(world: World) -> int:
    return int(await world.scalar("SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 11"))


async def count(world: World, mint: str) -> int:
    query = (
        "SELECT count(*) FROM proofs p JOIN keysets k ON k.id = p.keyset"
        " WHERE p.status = 0 AND k.mint = :mint"
    )
    return int(await world.scalar(query, mint=mint))


async def test_nothing_is_paid_out_of_customers_money(
    till: Till, world: World, tidy: Consolidations
) -> None:
    owner = await crowd(till)
    before = await count(world, world.mint.url)
    assert await tidy.run() == 0
    assert await count(world, world.mint.url) == before
    assert await till.available(owner) == 20_000
    assert await own(world) == 0
    assert world.mint.circulation == 20, "the deposits"


async def test_the_operator_pays_as_soon_as_there_is_enough(
    till: Till, world: World, tidy: Consolidations
) -> None:
    owner = await crowd(till)
    await till.spend(owner, 1_999)
    assert await tidy.run() == 0, "a fee of 2 sat"
    await till.spend(owner, 1)
    assert await tidy.run() == 1
    assert (await own(world), await between(world)) == (0, 0)
    assert await count(world, world.mint.url) < 20
    assert await till.available(owner) == 18_000
    kinds = await world.scalar("SELECT count(*) FROM transfers WHERE kind IN (50, 52)")
    assert kinds == 2
    refund = await till.refund(owner, mint=world.mint.url)
    assert (refund.amount, refund.mint_fee) == (18, 0), "without a swap"


async def test_where_there_is_no_fee_nothing_is_booked(
    till: Till, world: World, tidy: Consolidations
) -> None:
    await crowd(till, mint=SECOND)
    assert await tidy.run() >= 1
    assert await count(world, SECOND) <= 16
    assert await world.scalar("SELECT count(*) FROM transfers WHERE kind >= 50") == 0


async def test_what_nobody_knows_is_set_aside_until_it_is_known(
    till: Till, world: World, tidy: Consolidations
) -> None:
    owner = await crowd(till)
    await till.spend(owner, 5_000)
    world.mint.next(lose_answer(MintUnclear("lost")))
    world.mint.broken["restore"] = MintDown("gone")
    assert await tidy.run() == 0
    assert (await own(world), await between(world)) == (3_000, 2_000)
    assert (await world.db.read(audit)).holds
    world.mint.broken.clear()
    assert await world.house.wallet.recover(frozenset({1})) == 1
    assert (await own(world), await between(world)) == (3_000, 0)


async def test_what_was_not_done_costs_nothing_and_is_tried_later_and_later(
    till: Till, world: World, tidy: Consolidations
) -> None:
    clock = world.clock
    assert isinstance(clock, ManualClock)
    owner = await crowd(till)
    await till.spend(owner, 5_000)
    for pause_s in (600, 1_200):
        world.mint.next(fail(MintDown("gone")))
        swaps = world.mint.calls["swap"]
        assert await tidy.run() == 0
        assert world.mint.calls["swap"] == swaps + 1
        assert (await own(world), await between(world)) == (5_000, 0)
        clock.advance(seconds=pause_s - 1)
        assert await tidy.run() == 0
        assert world.mint.calls["swap"] == swaps + 1, "left alone for a while"
        clock.advance(seconds=2)
    assert await tidy.run() == 1
