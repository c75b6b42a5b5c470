"""What may leave: only what is old, proven and not the newest."""

from pathlib import Path

import pytest

from routstr.ledger.archive_removal import CannotArchive
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.sales import spend
from tests.integration.payment.archive import attic


async def test_the_newest_ids_stay_so_that_none_is_given_out_twice(
    bank: Bank, tmp_path: Path
) -> None:
    account = await attic.past(bank, 3)
    await spend(bank, account, 1, "a", "p")
    bank.clock.ms += attic.DAY_MS
    await attic.close_the_books(bank, rows=1)
    newest = [await bank.rows(f"SELECT max(id) FROM {name}") for name in ("transfers", "holds")]
    await attic.archive(bank, tmp_path / "one")
    assert newest == [
        await bank.rows(f"SELECT max(id) FROM {name}") for name in ("transfers", "holds")
    ]
    hold = await spend(bank, account, 1, "a", "p")
    assert hold > newest[1][0][0]
    assert await attic.broken(bank) == []


async def test_nothing_young_unproven_or_twice(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank, 3)
    with pytest.raises(CannotArchive, match="never verified"):
        await attic.archive(bank, tmp_path / "one")
    await attic.close_the_books(bank)
    with pytest.raises(CannotArchive, match="old enough"):
        await attic.archiver(bank).make(tmp_path / "one", 0)
    assert list(tmp_path.glob("*one*")) == []
    await attic.present(bank, account)
    await attic.close_the_books(bank)
    (tmp_path / "one").write_text("mine")
    with pytest.raises(FileExistsError):
        await attic.archive(bank, tmp_path / "one")
    assert (tmp_path / "one").read_text() == "mine"
    await attic.archive(bank, tmp_path / "two")
    with pytest.raises(CannotArchive, match="old enough"):
        await attic.archive(bank, tmp_path / "three")
    with pytest.raises(CannotArchive, match="no archive is unfinished"):
        await attic.archiver(bank).resume(tmp_path / "two")
