"""An archive that is cut off anywhere is finished by whoever comes next, and no row is lost."""

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import cast

import pytest
from sqlalchemy import Connection

from routstr.core.db import Database, Tx
from routstr.ledger import archive_removal, archives, verdict
from routstr.ledger.archive_removal import CannotArchive, NotTheSame
from routstr.payment.archive import format as form
from routstr.payment.archive import parts, reading
from routstr.payment.archive.making import Archiver
from routstr.payment.signing import SigningKey
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.notary import KEY
from tests.integration.ledger.sales import spend
from tests.integration.payment.archive import attic


class Stopped(Exception):
    """The archiver ends here."""


@pytest.fixture(autouse=True)
def small_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(parts, "PART_ROWS", 5)


class Cut:
    """A database whose writer stops an archiver, before or after its n-th write."""

    def __init__(self, bank: Bank, place: int, *, after: bool) -> None:
        self._db, self._left, self._after = bank.db, place, after
        self.read = bank.db.read

    async def write(self, fn: Callable[[Tx], object]) -> object:
        self._left -= 1
        if self._left < 0 and not self._after:
            raise Stopped
        found = await self._db.write(fn)
        if self._left < 0:
            raise Stopped
        return found


async def old_books(bank: Bank) -> int:
    account = await attic.past(bank)
    await attic.present(bank, account)
    await attic.close_the_books(bank)
    return account


def cut(bank: Bank, place: int, *, after: bool, key: SigningKey = attic.SIGNER) -> Archiver:
    """An archiver that is stopped."""
    db = cast("Database", Cut(bank, place, after=after))
    return Archiver(db, bank.clock, key, KEY, pause_seconds=0)


@pytest.mark.parametrize("after", [False, True])
async def test_a_crash_at_any_write_is_gone_on_from(
    bank: Bank, tmp_path: Path, *, after: bool
) -> None:
    account = await old_books(bank)
    place, file, ended = 0, tmp_path / "one", False
    while not ended:
        archiver = cut(bank, place, after=after)
        try:
            if (await bank.db.read(archives.last)) is None:
                file.unlink(missing_ok=True)
                await archiver.make(file, bank.clock.now_ms() - attic.DAY_MS // 2)
            else:
                await archiver.resume(file)
            ended = True
        except Stopped:
            place = (place + 1) % 3
        except CannotArchive as error:
            assert after, error  # noqa: PT017 - it was the last write of all that was stopped
            ended = True
        await spend(bank, account, 1, "a", "p")
        assert await attic.broken(bank) == []
    made = await bank.db.read(archives.last)
    assert made is not None
    assert made.ended_at is not None
    proven = reading.prove(file).proven
    assert proven is not None
    assert made.removed == proven.facts.removed


async def test_requests_go_on_meanwhile(bank: Bank, tmp_path: Path) -> None:
    account = await old_books(bank)

    async def customer() -> None:
        for _ in range(40):
            await spend(bank, account, 1, "a", "p")

    slow = Archiver(bank.db, bank.clock, attic.SIGNER, KEY, pause_seconds=0.005)
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    await asyncio.gather(slow.make(tmp_path / "one", until), customer(), customer())
    assert await attic.broken(bank) == []


async def test_two_at_once_remove_every_row_once(bank: Bank, tmp_path: Path) -> None:
    await old_books(bank)
    second = await bank.open()
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    makers = [
        Archiver(db, bank.clock, attic.SIGNER, KEY, pause_seconds=0.001).make(
            tmp_path / name, until
        )
        for db, name in ((bank.db, "one"), (second.db, "two"))
    ]
    found = await asyncio.gather(*makers, return_exceptions=True)
    assert sorted(isinstance(one, CannotArchive) for one in found) == [False, True]
    assert await attic.broken(bank) == []


class Meanwhile:
    """A database in which somebody else makes an archive behind the n-th read of this one."""

    def __init__(self, bank: Bank, place: int, make: Callable[[], Awaitable[object]]) -> None:
        self._db, self._left, self._make = bank.db, place, make
        self.write = bank.db.write

    async def read(self, fn: Callable[[Connection], object]) -> object:
        found = await self._db.read(fn)
        self._left -= 1
        if not self._left:
            await self._make()
        return found


@pytest.mark.parametrize("place", [1, 2, 3, 4])
async def test_rows_that_leave_while_they_are_read_are_somebody_elses_archive(
    bank: Bank, tmp_path: Path, place: int
) -> None:
    await old_books(bank)
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    first = Archiver(bank.db, bank.clock, attic.SIGNER, KEY, pause_seconds=0)
    db = cast("Database", Meanwhile(bank, place, lambda: first.make(tmp_path / "one", until)))
    second = Archiver(db, bank.clock, attic.SIGNER, KEY, pause_seconds=0)
    with pytest.raises(CannotArchive, match="meanwhile"):
        await second.make(tmp_path / "two", until)
    assert [path.name for path in tmp_path.iterdir() if path.name in {"one", "two"}] == ["one"]
    assert await attic.broken(bank) == []


async def test_a_row_that_is_not_as_in_the_file_stays(bank: Bank, tmp_path: Path) -> None:
    await old_books(bank)
    with pytest.raises(Stopped):
        await cut(bank, 2, after=False).make(
            tmp_path / "one", bank.clock.now_ms() - attic.DAY_MS // 2
        )
    hold = await bank.row("SELECT min(id) AS id FROM holds WHERE state = 1 AND charged > 0")
    await attic.change(bank, f"UPDATE holds SET model = 'other' WHERE id = {hold['id']}")
    left = await attic.count(bank, "transfers")
    with pytest.raises(NotTheSame, match=f"hold {hold['id']} is not as the archive has it"):
        await attic.archiver(bank).resume(tmp_path / "one")
    assert await attic.count(bank, "transfers") == left
    assert await attic.count(bank, f"holds WHERE id = {hold['id']}") == 1


async def test_an_interrupted_one_is_finished_before_the_next(bank: Bank, tmp_path: Path) -> None:
    await old_books(bank)
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    with pytest.raises(Stopped):
        await cut(bank, 2, after=False).make(tmp_path / "one", until)
    with pytest.raises(CannotArchive, match="archive 1 is not finished: resume it first"):
        await attic.archiver(bank).make(tmp_path / "two", until)
    both = [attic.archiver(bank).resume(tmp_path / "one") for _ in range(2)]
    found = await asyncio.gather(*both, return_exceptions=True)
    assert [one for one in found if isinstance(one, CannotArchive)]
    assert (await bank.db.read(archives.last)).ended_at  # type: ignore[union-attr]
    assert await attic.broken(bank) == []


async def test_sums_that_are_not_those_that_were_signed_do_not_end_it(
    bank: Bank, tmp_path: Path
) -> None:
    await old_books(bank)
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    with pytest.raises(Stopped):
        await cut(bank, 2, after=False).make(tmp_path / "one", until)
    await attic.change(bank, "UPDATE opening_limits SET requests = requests + 1")
    with pytest.raises(NotTheSame, match="does not add up"):
        await attic.archiver(bank).resume(tmp_path / "one")
    await attic.change(bank, "UPDATE opening_limits SET requests = requests - 1")
    await attic.archiver(bank).resume(tmp_path / "one")
    assert await attic.broken(bank) == []


async def test_another_file_removes_nothing(bank: Bank, tmp_path: Path) -> None:
    await old_books(bank)
    until = bank.clock.now_ms() - attic.DAY_MS // 2
    with pytest.raises(Stopped):
        await cut(bank, 0, after=False).make(tmp_path / "old", until)
    other = SigningKey.derived(b"t" * 32)
    with pytest.raises(Stopped):
        await cut(bank, 1, after=False, key=other).make(tmp_path / "one", until)
    with pytest.raises(CannotArchive, match="not the file of archive 1"):
        await attic.archiver(bank).resume(tmp_path / "old")
    damaged = bytearray((tmp_path / "one").read_bytes())
    damaged[len(damaged) // 2] ^= 1
    (tmp_path / "bad").write_bytes(damaged)
    with pytest.raises(form.BadArchive):
        await attic.archiver(bank).resume(tmp_path / "bad")
    await attic.archiver(bank).resume(tmp_path / "one")
    assert await attic.broken(bank) == []


async def test_a_full_disk_leaves_no_file(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old_books(bank)

    def full(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space"):
        await attic.archive(bank, tmp_path / "one")
    assert [one.name for one in tmp_path.iterdir() if "one" in one.name] == []
    assert await bank.db.read(archives.last) is None


async def test_no_older_program_works_on_a_database_with_an_archive(
    bank: Bank, tmp_path: Path
) -> None:
    await old_books(bank)
    older = "UPDATE instances SET revision = NULL"
    await attic.change(bank, older)
    with pytest.raises(CannotArchive, match="run an older version"):
        await attic.archive(bank, tmp_path / "one")
    assert list(tmp_path.glob("*one*")) == []  # nobody needs the file
    await attic.change(bank, f"{older[:-4]}'0021'")
    await attic.archive(bank, tmp_path / "one")
    [(told,)] = await bank.rows("SELECT value FROM node_values WHERE name = 'schema_serves_since'")
    assert bytes(told) == b"0021 since 0021"


async def test_nothing_leaves_when_the_chain_began_anew_meanwhile(
    bank: Bank, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await old_books(bank)
    begin = archive_removal.begin

    def after_a_rebase(tx: Tx, archive: archives.Archived) -> None:
        verdict.forget(tx)
        begin(tx, archive)

    monkeypatch.setattr(archive_removal, "begin", after_a_rebase)
    with pytest.raises(CannotArchive, match="sealed anew"):
        await attic.archive(bank, tmp_path / "one")
    monkeypatch.undo()
    assert list(tmp_path.glob("*one*")) == []
    assert await bank.db.read(archives.last) is None
    await attic.close_the_books(bank)
    await attic.archive(bank, tmp_path / "one")
    assert await attic.broken(bank) == []
