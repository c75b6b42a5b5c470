"""The mints asked whether the ecash in the books is there."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.money import Unit
from routstr.payment.mint_audit import Answered, ask_mints
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.mint_types import ProofState
from routstr.wallet.search import at_once
from routstr.wallet.token import decode
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, PlayedMint(Signer(), Signer(unit="msat"))) as world:
        for signer in world.mint.signers.values():
            await world.house.receive(world.mint.token(4, 8, signer=signer))
        yield world


async def answers(world: World) -> list[Answered]:
    return [one async for one in ask_mints(world.db, world.house.mints, ask=at_once)]


def answered(
    world: World, unit: Unit, *, ours: int = 0, spent: int = 0, pending: int = 0, redeemed: int = 0
) -> Answered:
    return Answered(
        mint=world.mint.url,
        unit=unit,
        ours=ours,
        spent=spent,
        pending=pending,
        redeemed=redeemed,
    )


async def mark(world: World, amount: int, state: ProofState) -> None:
    query = text("SELECT y FROM proofs WHERE amount = :amount")
    rows = await world.db.read(lambda c: c.execute(query, {"amount": amount}).all())
    for (y,) in rows:
        world.mint.states[bytes(y)] = state


async def test_what_is_there_is_counted_by_unit(world: World) -> None:
    found = await answers(world)
    assert found == [answered(world, unit, ours=12) for unit in (Unit.MSAT, Unit.SAT)]
    assert all(one.agrees for one in found)


async def test_what_the_mint_calls_spent_or_pending_is_told_and_nothing_is_done(
    world: World,
) -> None:
    await mark(world, 4, ProofState.SPENT)
    await mark(world, 8, ProofState.PENDING)
    for _ in range(2):
        found = await answers(world)
        assert found == [
            answered(world, unit, ours=12, spent=4, pending=8) for unit in (Unit.MSAT, Unit.SAT)
        ]
        assert not any(one.agrees for one in found)
    assert await world.scalar("SELECT count(*) FROM doubted_proofs") == 0


async def test_tokens_given_out_are_not_ours_any_more(world: World) -> None:
    _, told = await world.house.send(8)
    _, other = await world.house.send(4)
    assert decode(other).amount == 4
    world.mint.spend(decode(told))
    assert await answers(world) == [
        answered(world, Unit.MSAT, ours=12),
        answered(world, Unit.SAT, redeemed=8),
    ]


async def test_what_a_node_spends_meanwhile_is_no_difference(world: World) -> None:
    check_state = world.mint.check_state

    async def meanwhile(ys: list[bytes], **_: float | None) -> list[ProofState]:
        world.mint.check_state = check_state  # type: ignore[method-assign]
        await world.house.send(3)  # spends 4 at the mint
        return await check_state(ys)

    world.mint.check_state = meanwhile  # type: ignore[method-assign,assignment]
    found = await answers(world)
    assert [one.spent for one in found] == [0, 0]


async def test_a_mint_that_is_away_is_told_with_what_it_has_said(world: World) -> None:
    world.mint.broken["check_state"] = MintDown("gone")
    (found,) = await answers(world)
    assert (found.problem, found.agrees) == ("gone", False)
