"""Old charges leave for a file, and the books are as right as before."""

from pathlib import Path

import pytest

from routstr.ledger import browse, verdict
from routstr.payment.archive import format as form
from routstr.payment.archive import reading
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.sales import spend, told
from tests.integration.payment.archive import attic


async def test_settled_charges_leave_and_everything_adds_up(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank)
    await attic.present(bank, account)
    await attic.close_the_books(bank, rows=1)
    before = await attic.accounts(bank)
    earned = (await told(bank, "model")).groups
    assert await attic.broken(bank) == []
    made = await attic.archive(bank, tmp_path / "one")
    assert made.ended_at is not None
    assert made.removed == 19 + 19 + 1 + 1  # two of forty cost nothing
    assert await attic.broken(bank) == []
    assert await attic.accounts(bank) == before
    assert (await told(bank, "model")).groups == earned
    assert await attic.count(bank, "transfers WHERE kind = 2") == 2  # the late one and today's
    assert await attic.count(bank, "holds WHERE state IN (1, 2)") == 1
    assert await attic.count(bank, "holds WHERE state = 3 OR state = 4") == 2
    assert await attic.count(bank, "seals") >= 1


async def test_the_file_alone_proves_what_has_left(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank)
    await attic.present(bank, account)
    await attic.close_the_books(bank)
    made = await attic.archive(bank, tmp_path / "one")
    proven = reading.prove(tmp_path / "one").proven
    assert proven is not None
    assert proven.whole
    assert (proven.facts.removed, proven.facts.removed_msats) == (made.removed, made.amount)
    assert proven.statement == made.statement
    assert (tmp_path / "one").stat().st_mode & 0o777 == 0o600


async def test_one_archive_after_the_other(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank, 4)
    for name in ("one", "two", "three"):
        await attic.past(bank, 6)
        await attic.present(bank, account)
        await attic.close_the_books(bank, rows=1 if name == "two" else 5)
        await attic.archive(bank, tmp_path / name)
        assert await attic.broken(bank) == []
    walk = None
    for name in ("one", "two", "three"):
        walk = reading.prove(tmp_path / name, walk)
        assert walk.proven is not None
        assert walk.proven.whole
    alone = reading.prove(tmp_path / "two").proven
    assert alone is not None
    assert not alone.whole
    with pytest.raises(form.BadArchive, match="does not follow"):
        reading.prove(tmp_path / "three", reading.prove(tmp_path / "one"))


async def test_the_proof_goes_on_and_can_begin_anew(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank)
    await attic.present(bank, account)
    await attic.close_the_books(bank)
    await attic.archive(bank, tmp_path / "one")
    await spend(bank, account, 3, "a", "p")
    await attic.close_the_books(bank)
    assert await attic.broken(bank) == []
    await bank.db.write(verdict.forget)
    assert await attic.broken(bank) == []
    await attic.close_the_books(bank)
    assert await attic.broken(bank) == []


async def test_pages_go_on_behind_what_has_left(bank: Bank, tmp_path: Path) -> None:
    account = await attic.past(bank, 3)
    await attic.present(bank, account)
    await attic.close_the_books(bank)
    await attic.archive(bank, tmp_path / "one")
    which = browse.Filter(account=account)
    page = await bank.db.read(lambda c: browse.transfers(c, which, limit=50, before=None))
    assert [one.kind.name for one in page] == ["CHARGE", "DEPOSIT"]
