"""What an operator sees of the wallet: places, movements, and nothing that could be spent."""

from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.errors import RedemptionPending
from routstr.money import Msat, Unit
from routstr.wallet import sagas
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import (
    Position,
    movements,
    newest_movements,
    open_movements,
    positions,
)
from tests.unit.wallet.played_mint import PlayedMint, fail
from tests.unit.wallet.world import World, insert, open_world

LOST = MintUnclear("no answer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


class TestPositions:
    async def test_an_empty_wallet_is_nowhere(self, world: World) -> None:
        assert await world.db.read(positions) == []

    async def test_what_is_held_and_what_moves_are_told_together(self, world: World) -> None:
        mint = world.mint
        await world.house.receive(mint.token(8, 4))
        await world.house.send(4)  # fits: given out at once
        mint.next(fail(LOST), fail(LOST))
        with pytest.raises(RedemptionPending):
            await world.house.send(3)
        await insert(world, mint=mint.url, gross=11, fee=1)
        await insert(world, mint=mint.url, gross=7, fee=0)
        (here,) = await world.db.read(positions)
        assert here == Position(
            mint=mint.url,
            unit=Unit.SAT,
            liquid=0,
            reserved=8,
            coming_in=10 + 7,
            going_out=3,
            given_out=4,
        )
        assert here.held_msat == Msat(12_000)

    async def test_what_only_moves_has_a_place_too_and_units_are_told_apart(
        self, world: World
    ) -> None:
        await insert(world, mint="https://b.example", unit=Unit.MSAT, gross=5, fee=0)
        await insert(world, mint="https://b.example", unit=Unit.SAT, gross=6, fee=2)
        await insert(world, mint="https://a.example", unit=Unit.SAT, kind=SagaKind.SEND)
        found = await world.db.read(positions)
        assert [(p.mint, p.unit, p.coming_in, p.going_out, p.held_msat) for p in found] == [
            ("https://a.example", Unit.SAT, 0, 11, 0),
            ("https://b.example", Unit.MSAT, 5, 0, 0),
            ("https://b.example", Unit.SAT, 4, 0, 0),
        ]

    async def test_what_has_ended_moves_no_more(self, world: World) -> None:
        saga = await insert(world)
        await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.FAILED, at=1))
        assert await world.db.read(positions) == []


class TestMovements:
    async def test_open_ones_come_oldest_first_the_newest_last_first(self, world: World) -> None:
        first, second, third = [await insert(world, gross=gross) for gross in (11, 12, 13)]
        await world.db.write(lambda tx: sagas.end_saga(tx, second, SagaState.DONE, at=99))
        opened = await world.db.read(open_movements)
        assert [(m.id, m.gross, m.ended_at) for m in opened] == [
            (first.id, 11, None),
            (third.id, 13, None),
        ]
        newest = await world.db.read(lambda c: newest_movements(c, 2))
        assert [(m.id, m.state, m.ended_at) for m in newest] == [
            (third.id, SagaState.OPEN, None),
            (second.id, SagaState.DONE, 99),
        ]
        some = await world.db.read(lambda c: movements(c, [third.id, first.id, 77]))
        assert [m.id for m in some] == [first.id, third.id]

    async def test_the_words_of_a_mint_are_made_harmless(self, world: World) -> None:
        saga = await insert(world)
        words = "cashuBo2F0gaJhaUgBpg193fdL3W and \x1b[2J"
        await world.db.write(lambda tx: sagas.note_problem(tx, saga, words))
        (seen,) = await world.db.read(open_movements)
        assert seen.problem == "[secret] and [2J"

    async def test_nothing_that_could_be_spent_comes_out(self, world: World) -> None:
        """Not of a token that comes in, nor of one that was given out."""
        given = world.mint.token(8)
        world.mint.broken["restore"] = MintDown("gone")
        world.mint.next(fail(LOST), fail(LOST))
        with pytest.raises(RedemptionPending):
            await world.house.receive(given)
        seen = msgspec.json.encode(await world.db.read(open_movements)).decode()
        assert world.mint.url in seen
        assert not [proof for proof in given.proofs if proof.secret in seen]
        assert not {"plan", "token", "context"} & set(msgspec.json.decode(seen)[0])


async def test_a_mint_with_two_units_is_two_places(tmp_path: Path) -> None:
    mint = PlayedMint()
    async with open_world(tmp_path, mint) as world:
        await world.house.receive(mint.token(2))
        await insert(world, mint=mint.url, unit=Unit.MSAT, gross=9, fee=0)
        found = await world.db.read(positions)
        assert [(p.unit, p.liquid, p.coming_in) for p in found] == [
            (Unit.MSAT, 0, 9),
            (Unit.SAT, 2, 0),
        ]
