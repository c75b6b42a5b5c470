"""A part leaves once, whole, and only while its archive is open."""

import pytest

from routstr.core.db import Tx
from routstr.ledger import archive_removal, archive_rows, archives, seals
from routstr.ledger.archive_removal import CannotArchive, NotTheSame, Part
from routstr.ledger.archives import Archived
from routstr.ledger.seals import Sealed
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.sales import spend

ARCHIVE = Archived(1, 2, 1, bytes(32), "{}", b"proof")


async def sealed(bank: Bank, number: int) -> None:
    """As far as an archive goes that ends at this seal."""
    seal = Sealed(number, number + 1, 1, bytes(32))
    made = await bank.db.write(lambda tx: seals.store(tx, seal, instance=1, key=b"k", at=0))
    assert made


async def part_of(bank: Bank, hold: int) -> Part:
    [(transfer,)] = await bank.rows("SELECT id FROM transfers WHERE kind = 2")
    lines = await bank.db.read(lambda c: archive_rows.transfer_lines(c, [transfer]))
    holds = await bank.db.read(lambda c: archive_rows.hold_lines(c, [hold]))
    return Part(lines, holds)


async def test_a_part_leaves_once(url: str) -> None:
    async with Bank(url) as bank:
        await _a_part_leaves_once(bank)


async def _a_part_leaves_once(bank: Bank) -> None:
    account = await bank.customer(1_000)
    part = await part_of(bank, await spend(bank, account, 60, "a", "p"))
    await sealed(bank, 1)
    await bank.db.write(lambda tx: archive_removal.begin(tx, ARCHIVE))
    for left in (True, False):
        done = await bank.db.write(lambda tx: archive_removal.remove(tx, ARCHIVE, 0, part))
        assert done == left
        assert await bank.broken() == []
    with pytest.raises(NotTheSame, match="transfer 2 is not there"):
        await bank.db.write(lambda tx: archive_removal.remove(tx, ARCHIVE, 1, part))
    assert await bank.db.write(lambda tx: archive_removal.end(tx, 1, 1, 5))
    assert not await bank.db.write(lambda tx: archive_removal.end(tx, 1, 1, 6))
    assert not await bank.db.write(lambda tx: archive_removal.remove(tx, ARCHIVE, 1, part))
    ended = await bank.db.read(archives.last)
    assert ended is not None
    assert (ended.removed, ended.amount, ended.parts, ended.ended_at) == (1, 60, 1, 5)
    await spend(bank, account, 1, "a", "p")


async def test_a_seal_that_is_gone_stops_it(url: str) -> None:
    async with Bank(url) as bank:
        account = await bank.customer(1_000)
        part = await part_of(bank, await spend(bank, account, 60, "a", "p"))
        await sealed(bank, 1)
        await bank.db.write(lambda tx: archive_removal.begin(tx, ARCHIVE))
        with_seals = Part(part.transfers, part.holds, [1, 7])
        with pytest.raises(NotTheSame, match="1 seals were to go, 0 were there"):
            await bank.db.write(lambda tx: archive_removal.remove(tx, ARCHIVE, 0, with_seals))
        assert await bank.broken() == []


async def test_one_archive_at_a_time_and_in_order(bank: Bank) -> None:
    def again(tx: Tx) -> None:
        archive_removal.begin(tx, Archived(2, 3, 2, bytes(32), "{}", b""))

    await sealed(bank, 1)
    await sealed(bank, 2)
    await bank.db.write(lambda tx: archive_removal.begin(tx, ARCHIVE))
    with pytest.raises(CannotArchive, match="not finished"):
        await bank.db.write(again)
    assert await bank.db.write(lambda tx: archive_removal.end(tx, 1, 0, 5))
    with pytest.raises(CannotArchive, match="somebody else"):
        await bank.db.write(lambda tx: archive_removal.begin(tx, ARCHIVE))
    await bank.db.write(again)


def test_a_proof_needs_the_key() -> None:
    proof = archive_removal.proof_of(b"k" * 32, 1, "{}")
    assert proof != archive_removal.proof_of(b"l" * 32, 1, "{}")
    assert proof != archive_removal.proof_of(b"k" * 32, 2, "{}")
