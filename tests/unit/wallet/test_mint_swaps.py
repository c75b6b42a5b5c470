"""Moves between mints as their table tells them; how they happen stands in ``test_moving.py``."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.money import ZERO, Msat, Unit
from routstr.wallet import mint_swaps
from routstr.wallet.mint_swaps import ORDER_GOOD_MS, Stage
from routstr.wallet.models import QuoteState, SagaKind, SagaState
from tests.unit.wallet.world import World, insert, open_world

NOW = 1_700_000_000_000
SOURCE, TARGET = "https://source.example", "https://target.example"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def run(world: World, statement: str, **values: object) -> None:
    await world.db.write(lambda tx: tx.sql.execute(text(statement), values))


async def order(world: World, amount: int = 10_000, *, at: int = NOW) -> int:
    await run(
        world,
        "INSERT INTO mint_quotes (mint, unit, amount, quote, request, payment_hash, expires_at,"
        " state, purpose, context, polls, polled_at, poll_at, created_at)"
        " VALUES (:mint, 'sat', 10, x'00', '', x'00', 1, 0, 'p', '{}', 0, 0, 0, 1)",
        mint=TARGET,
    )
    quote = int(await world.scalar("SELECT max(id) FROM mint_quotes"))
    return await world.db.write(
        lambda tx: mint_swaps.add(
            tx, source=SOURCE, target=TARGET, amount=Msat(amount), quote=quote, at=at
        )
    )


async def melt(world: World, swap: int) -> int:
    """Begin to pay: 13 sat at most."""
    saga = await insert(world, kind=SagaKind.MELT, gross=13, fee=1, mint=SOURCE, unit=Unit.SAT)
    assert await world.db.write(lambda tx: mint_swaps.begin(tx, swap, saga.id))
    return saga.id


async def paid(world: World, saga: int) -> None:
    await run(
        world,
        "UPDATE sagas SET state = :state, spent = 12 WHERE id = :id",
        state=int(SagaState.DONE),
        id=saga,
    )


async def arrived(world: World) -> None:
    await run(world, "UPDATE mint_quotes SET state = :state", state=int(QuoteState.ISSUED))


async def stage(world: World, swap: int) -> Stage:
    return (await world.db.read(lambda c: mint_swaps.load(c, swap))).stage


async def transit(world: World) -> int:
    return int(await world.db.read(mint_swaps.in_transit))


async def busy(world: World, *, later_ms: int = 0) -> bool:
    return await world.db.read(lambda c: mint_swaps.is_under_way(c, SOURCE, NOW + later_ms))


async def test_a_move_goes_from_stage_to_stage(world: World) -> None:
    swap = await order(world)
    assert (await stage(world, swap), await transit(world)) == (Stage.ORDERED, 0)
    saga = await melt(world, swap)
    assert (await stage(world, swap), await transit(world)) == (Stage.LEAVING, 3_000)
    await paid(world, saga)
    assert (await stage(world, swap), await transit(world)) == (Stage.BETWEEN, -10_000)
    assert [move.id for move in await world.db.read(mint_swaps.between)] == [swap]
    await arrived(world)
    assert (await stage(world, swap), await transit(world)) == (Stage.DONE, 0)
    assert await world.db.read(mint_swaps.between) == []
    move = await world.db.read(lambda c: mint_swaps.load(c, swap))
    assert (move.source, move.target, move.amount) == (SOURCE, TARGET, Msat(10_000))
    assert (move.cost, move.melt) == (Msat(2_000), saga)


async def test_one_saga_pays_a_move_and_another_only_after_it_has_failed(world: World) -> None:
    swap = await order(world)
    first = await melt(world, swap)
    assert not await world.db.write(lambda tx: mint_swaps.begin(tx, swap, first + 1))
    await world.db.write(lambda tx: mint_swaps.give_up(tx, swap))
    assert await stage(world, swap) is Stage.LEAVING, "it is paid already"
    await world.db.write(lambda tx: mint_swaps.give_back(tx, first))
    assert await stage(world, swap) is Stage.ORDERED
    await world.db.write(lambda tx: mint_swaps.give_up(tx, swap))
    assert await stage(world, swap) is Stage.GIVEN_UP
    await melt(world, swap)
    assert await stage(world, swap) is Stage.LEAVING


async def test_a_mint_is_busy_while_something_leaves_it(world: World) -> None:
    assert not await busy(world)
    swap = await order(world)
    assert await busy(world)
    assert not await busy(world, later_ms=ORDER_GOOD_MS), "whoever ordered it died before it paid"
    saga = await melt(world, swap)
    assert await busy(world, later_ms=ORDER_GOOD_MS)
    await paid(world, saga)
    assert await busy(world, later_ms=ORDER_GOOD_MS)
    await arrived(world)
    assert not await busy(world)
    other = await order(world)
    await world.db.write(lambda tx: mint_swaps.give_up(tx, other))
    assert not await busy(world)


async def test_what_was_paid_for_counts_as_moved(world: World) -> None:
    old = await order(world, 5_000, at=NOW - 10)
    await melt(world, old)
    await order(world, 7_000)
    assert await world.db.read(lambda c: mint_swaps.moved_since(c, NOW - 10)) == Msat(5_000)
    assert await world.db.read(lambda c: mint_swaps.moved_since(c, NOW)) == ZERO
    newest = await world.db.read(lambda c: mint_swaps.newest(c, 1))
    assert [move.amount for move in newest] == [Msat(7_000)]


async def test_what_somebody_else_paid_for_has_arrived(world: World) -> None:
    await order(world)
    await arrived(world)
    assert await transit(world) == 10_000


async def test_fees_of_consolidations_are_between_as_long_as_they_are_open(world: World) -> None:
    saga = await insert(world, kind=SagaKind.CONSOLIDATE, gross=20, fee=2)
    await insert(world, kind=SagaKind.CONSOLIDATE, gross=20, fee=7, unit=Unit.MSAT)
    assert await transit(world) == 2_007
    await paid(world, saga.id)
    assert await transit(world) == 7
