"""A wallet brought back from its mints."""

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from routstr.core.db import Tx
from routstr.money import Unit
from routstr.wallet.backup import Backup, read
from routstr.wallet.findings import Found
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.models import ProofStatus
from routstr.wallet.restore import Progress, Restorer
from routstr.wallet.search import Gap, at_once
from routstr.wallet.token import decode
from tests.unit.wallet.played_mint import PlayedMint
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import SEED, World, open_world

GAP = Gap(100, 300)


@dataclass
class Books:
    """Takes notes of what is found."""

    found: list[Found] = field(default_factory=list)

    def book(self, _tx: Tx, found: Found) -> None:
        self.found.append(found)


@pytest.fixture
def mint() -> PlayedMint:
    return PlayedMint(Signer(), Signer(unit="msat"))


@pytest.fixture
async def lost(tmp_path: Path, mint: PlayedMint) -> AsyncIterator[World]:
    """A wallet that has lived: its database is gone in the end."""
    (tmp_path / "lost").mkdir()
    async with open_world(tmp_path / "lost", mint) as world:
        house = world.house
        for signer in mint.signers.values():
            await house.receive(mint.token(4, 8, 16, signer=signer))
        mint.spend(decode((await house.send(8))[1]))
        await house.send(3)
        yield world


@pytest.fixture
async def fresh(tmp_path: Path, mint: PlayedMint) -> AsyncIterator[World]:
    async with open_world(tmp_path, mint) as world:
        yield world


async def restore(
    world: World, books: Books, *, gap: Gap = GAP, backup: Backup | None = None
) -> list[Progress]:
    """The last word on each keyset."""
    restorer = Restorer(world.db, world.house.mints, SEED, books.book, backup=backup, ask=at_once)
    ends = {(p.mint, p.keyset): p async for p in restorer.run(gap)}
    return list(ends.values())


def by_unit(ends: list[Progress]) -> dict[Unit | None, int]:
    return {progress.unit: progress.amount for progress in ends}


async def test_everything_unspent_comes_back(lost: World, fresh: World) -> None:
    books = Books()
    ends = await restore(fresh, books)
    assert by_unit(ends) == {Unit.SAT: 16 + 3 + 1, Unit.MSAT: 28}
    assert all(progress.done and not progress.problem for progress in ends)
    assert await fresh.purse() == {ProofStatus.UNSPENT: 48}
    assert sum(found.amount for found in books.found) == 48
    counters = "SELECT sum(counter) FROM keysets"
    assert await fresh.scalar(counters) == await lost.scalar(counters)


async def test_it_can_be_spent(lost: World, fresh: World) -> None:
    await restore(fresh, Books())
    saga, _ = await fresh.house.send(20)
    assert saga.net_msat == Unit.SAT.to_msat(20)
    await fresh.house.receive(fresh.mint.token(2))


async def test_again_it_finds_nothing_more(lost: World, fresh: World) -> None:
    await restore(fresh, Books())
    books = Books()
    ends = await restore(fresh, books)
    assert by_unit(ends) == {Unit.SAT: 0, Unit.MSAT: 0}
    assert books.found == []
    assert await fresh.purse() == {ProofStatus.UNSPENT: 48}


async def test_what_was_cut_off_is_finished_by_the_next_one(lost: World, fresh: World) -> None:
    books = Books()
    restorer = Restorer(fresh.db, fresh.house.mints, SEED, books.book, ask=at_once)
    async for _ in restorer.run(GAP):
        break
    assert len(books.found) == 1
    await restore(fresh, books)
    assert await fresh.purse() == {ProofStatus.UNSPENT: 48}
    assert len({(found.keyset, found.first) for found in books.found}) == len(books.found)


async def test_pending_proofs_are_told_and_come_later(
    lost: World, fresh: World, mint: PlayedMint
) -> None:
    rows = await lost.db.read(
        lambda c: list(c.exec_driver_sql("SELECT y FROM proofs WHERE amount = 16"))
    )
    for (y,) in rows:
        mint.states[bytes(y)] = ProofState.PENDING
    ends = await restore(fresh, Books())
    assert [progress.pending for progress in ends] == [16, 16]
    mint.states = {y: s for y, s in mint.states.items() if s is ProofState.SPENT}
    assert sum(by_unit(await restore(fresh, Books())).values()) == 32


async def test_a_mint_that_is_away_is_told_and_stops_no_other(
    lost: World, tmp_path: Path, mint: PlayedMint
) -> None:
    gone = PlayedMint(url="https://gone.example")
    gone.broken["keysets"] = MintDown("gone")
    (tmp_path / "two").mkdir()
    async with open_world(tmp_path / "two", gone, mint) as world:
        first, *others = await restore(world, Books())
        assert (first.mint, first.unit, first.done) == (gone.url, None, False)
        assert first.problem
        assert sum(by_unit(others).values()) == 48


async def test_a_keyset_that_cannot_be_searched_is_told(
    lost: World, fresh: World, mint: PlayedMint
) -> None:
    mint.broken["restore"] = MintUnclear("odd")
    ends = await restore(fresh, Books())
    assert [(progress.done, progress.problem) for progress in ends] == [(False, "odd")] * 2
    assert await fresh.purse() == {}


async def test_a_backup_brings_back_what_a_mint_cannot_restore(
    lost: World, fresh: World, mint: PlayedMint
) -> None:
    backup = await lost.db.read(lambda c: read(c, "words", 1))
    mint.can_restore = False
    books = Books()
    ends = await restore(fresh, books, backup=backup)
    assert sum(by_unit(ends).values()) == 16 + 1 + 28, "all but the token that was given out"
    assert all(progress.problem == "Not Found" for progress in ends)
    counters = "SELECT sum(counter) FROM keysets"
    assert await fresh.scalar(counters) == await lost.scalar(counters)
    assert (await fresh.house.send(17))[0].fee == 0


async def test_a_backup_adds_nothing_to_what_the_words_bring(lost: World, fresh: World) -> None:
    backup = await lost.db.read(lambda c: read(c, "words", 1))
    books = Books()
    await restore(fresh, books, backup=backup)
    assert await fresh.purse() == {ProofStatus.UNSPENT: 48}
    assert sum(found.amount for found in books.found) == 48


async def test_what_a_backup_has_and_the_mint_calls_spent_stays_away(
    lost: World, fresh: World, mint: PlayedMint
) -> None:
    backup = await lost.db.read(lambda c: read(c, "words", 1))
    rows = await lost.db.read(
        lambda c: list(c.exec_driver_sql("SELECT y FROM proofs WHERE amount = 16"))
    )
    for (y,) in rows:
        mint.states[bytes(y)] = ProofState.SPENT
    mint.can_restore = False
    assert sum(by_unit(await restore(fresh, Books(), backup=backup)).values()) == 1 + 12
