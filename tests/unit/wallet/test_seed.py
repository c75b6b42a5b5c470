"""The words of a wallet, where they lie."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.node_key import NodeKey, SealBroken
from routstr.wallet.secrets import new_words, seed_from_words
from routstr.wallet.seed import (
    OtherSeed,
    adopt_words,
    load_seed,
    note_shown,
    shown_at,
    stored_words,
    were_shown,
)
from tests.unit.wallet.world import KEY, World, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


class TestSeed:
    async def test_is_made_once_and_stays(self, world: World) -> None:
        first = await load_seed(world.db, KEY)
        assert len(first) == 64
        assert await load_seed(world.db, KEY) == first

    async def test_is_made_once_by_many(self, world: World) -> None:
        seeds = await asyncio.gather(*(load_seed(world.db, KEY) for _ in range(3)))
        assert len(set(seeds)) == 1

    async def test_is_another_one_for_another_database(self, world: World, tmp_path: Path) -> None:
        (tmp_path / "other").mkdir()
        async with open_world(tmp_path / "other") as other:
            assert await load_seed(other.db, KEY) != await load_seed(world.db, KEY)

    async def test_its_words_are_stored_sealed(self, world: World) -> None:
        await load_seed(world.db, KEY)
        sealed = await world.scalar("SELECT value FROM node_values WHERE name = 'wallet_seed'")
        words = KEY.open("wallet_seed", sealed).decode()
        assert len(words.split()) == 12
        assert words.split()[0].encode() not in sealed

    async def test_cannot_be_read_with_another_key(self, world: World) -> None:
        await load_seed(world.db, KEY)
        with pytest.raises(SealBroken):
            await load_seed(world.db, NodeKey(bytes(32)))


class TestWords:
    async def test_there_are_none_before_the_first_start(self, world: World) -> None:
        assert await world.db.write(lambda tx: stored_words(tx, KEY)) is None

    async def test_lead_to_the_seed(self, world: World) -> None:
        seed = await load_seed(world.db, KEY)
        words = await world.db.write(lambda tx: stored_words(tx, KEY))
        assert words is not None
        assert seed_from_words(words) == seed

    async def test_that_are_brought_along_become_the_wallets(self, world: World) -> None:
        words = new_words()
        untidy = f"  {words.upper()}\n"
        seed = await world.db.write(lambda tx: adopt_words(tx, KEY, untidy))
        assert seed == seed_from_words(words) == await load_seed(world.db, KEY)
        assert await world.db.write(lambda tx: stored_words(tx, KEY)) == words

    async def test_can_be_brought_along_again(self, world: World) -> None:
        words = new_words()
        for _ in range(2):
            await world.db.write(lambda tx: adopt_words(tx, KEY, words))

    async def test_of_another_wallet_change_nothing(self, world: World) -> None:
        seed = await load_seed(world.db, KEY)
        with pytest.raises(OtherSeed):
            await world.db.write(lambda tx: adopt_words(tx, KEY, new_words()))
        assert await load_seed(world.db, KEY) == seed

    async def test_with_a_wrong_checksum_are_refused_and_not_repeated(self, world: World) -> None:
        wrong = " ".join(["zoo"] * 12)
        with pytest.raises(ValueError, match="checksum") as raised:
            await world.db.write(lambda tx: adopt_words(tx, KEY, wrong))
        assert "zoo" not in str(raised.value)
        assert await world.db.write(lambda tx: stored_words(tx, KEY)) is None

    async def test_are_remembered_as_shown(self, world: World) -> None:
        assert not await world.db.write(were_shown)
        await world.db.write(lambda tx: note_shown(tx, 7))
        await world.db.write(lambda tx: note_shown(tx, 8))
        assert await world.db.write(were_shown)


async def test_a_reader_learns_when_the_words_were_shown_first(world: World) -> None:
    assert await world.db.read(shown_at) is None
    await world.db.write(lambda tx: note_shown(tx, 1_700_000_000_000))
    await world.db.write(lambda tx: note_shown(tx, 1_800_000_000_000))
    assert await world.db.read(shown_at) == 1_700_000_000_000
