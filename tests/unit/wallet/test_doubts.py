"""What is written down of comparing proofs with their mints."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.wallet import doubts
from routstr.wallet.doubts import Standing
from routstr.wallet.models import ProofStatus
from tests.unit.wallet.world import World, open_world

MINT = "https://mint.example"
OTHER = "https://other.example"


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def standing(world: World, after: int = 0) -> list[Standing]:
    return await world.db.read(partial(doubts.proofs, mint=world.mint.url, after=after, limit=9))


async def change(world: World, statement: str) -> None:
    await world.db.write(lambda tx: tx.sql.execute(text(statement)))


async def test_a_mint_is_trusted_until_it_is_written_that_it_is_not(world: World) -> None:
    async def distrusted(mint: str) -> bool:
        return await world.db.read(lambda c: doubts.is_distrusted(c, mint))

    assert not await distrusted(MINT)
    for _ in range(2):
        await world.db.write(lambda tx: doubts.distrust(tx, MINT, 1))
    assert await distrusted(MINT)
    assert not await distrusted(OTHER)
    await world.db.write(lambda tx: doubts.turn(tx, MINT, 5, 1))
    await world.db.write(lambda tx: doubts.pass_on(tx, MINT, 7))
    assert await distrusted(MINT)
    await world.db.write(lambda tx: doubts.trust(tx, MINT))
    assert not await distrusted(MINT)
    assert await world.db.write(lambda tx: doubts.turn(tx, MINT, 9, 1)) == 7


async def test_proofs_are_listed_in_order_without_spent_ones_and_others_mints(
    world: World,
) -> None:
    await world.house.receive(world.mint.token(1, 2, 4))
    await change(world, "UPDATE proofs SET status = 2 WHERE amount = 2")
    found = await standing(world)
    assert [(proof.amount, proof.status) for proof in found] == [
        (1, ProofStatus.UNSPENT),
        (4, ProofStatus.UNSPENT),
    ]
    assert await standing(world, after=found[0].id) == found[1:]
    assert await world.db.read(partial(doubts.proofs, mint=OTHER, after=0, limit=9)) == []
    ids = [proof.id for proof in found]
    assert await world.db.read(partial(doubts.standing, ids=ids)) == found


async def test_what_changed_since_it_was_read_is_neither_doubted_nor_given_up(
    world: World,
) -> None:
    await world.house.receive(world.mint.token(1, 2))
    found = await standing(world)
    await change(world, "UPDATE proofs SET status = 3, saga = 1 WHERE amount = 1")
    assert await world.db.write(lambda tx: doubts.doubt(tx, found, 1)) == 1
    (lost,) = await world.db.write(lambda tx: doubts.give_up(tx, world.mint.url, found))
    assert (lost.amount, lost.proofs) == (2, 1)
    assert await world.db.write(lambda tx: doubts.give_up(tx, world.mint.url, found)) == []


async def test_proofs_that_were_given_out_or_spent_are_never_given_up(world: World) -> None:
    await world.house.receive(world.mint.token(1, 2))
    for status in (ProofStatus.ISSUED, ProofStatus.SPENT):
        await change(world, f"UPDATE proofs SET status = {int(status)}")
        found = await world.db.read(partial(doubts.standing, ids=[1, 2]))
        assert [proof.status for proof in found] == [status] * 2
        assert await world.db.write(partial(doubts.give_up, mint=MINT, found=found)) == []
