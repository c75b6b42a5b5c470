"""What a database tells of its archives."""

from routstr.ledger import archives
from tests.integration.ledger.bank import Bank


async def test_without_archives_nothing_has_left(bank: Bank) -> None:
    assert await bank.db.read(archives.last) is None
    assert await bank.db.read(archives.known) == []
    assert await bank.db.read(archives.removed) == (0, 0)
