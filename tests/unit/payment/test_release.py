from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.db import Database, migrate
from routstr.errors import DepositsClosed, InsufficientBalance
from routstr.ledger import verdict
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.ledger.verify import check_books, liabilities
from routstr.money import Msat, Unit
from routstr.payment.found import book_recovered
from routstr.payment.release import recovered, release
from routstr.wallet.findings import Found


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    """Books in which 7 sat were found."""
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    migrate.upgrade(url)
    db = Database(url)
    db.start()
    found = Found("https://mint.example", Unit.SAT, 3, 0, 7, 1)
    await db.write(lambda tx: book_recovered(tx, found, 1))
    yield db
    checks = await db.read(check_books)
    assert [check for check in checks if not check.holds] == []
    await db.stop()


async def posted(db: Database, account: str) -> int:
    query = text("SELECT posted FROM accounts WHERE name = :name")
    return int((await db.read(lambda c: c.execute(query, {"name": account}).scalar())) or 0)


async def test_the_operator_takes_it(db: Database) -> None:
    assert await db.read(recovered) == Msat(7_000)
    assert await db.write(lambda tx: release(tx, None, None, "first", 2)) == Msat(7_000)
    assert (await db.read(recovered), await posted(db, "capital")) == (Msat(0), 7_000)
    assert await db.read(liabilities) == 0


async def test_a_key_gets_a_part_and_the_same_call_again_moves_nothing(db: Database) -> None:
    account = await db.write(lambda tx: open_account(tx, AccountKind.KEY, 1))
    part = partial(release, account=account, amount=Msat(2_500), at=2)
    names = ("a ticket", "a ticket", "another")
    told = [await db.write(partial(part, name=name)) for name in names]
    assert told == [Msat(2_500), None, Msat(2_500)]
    assert await db.read(recovered) == Msat(2_000)
    assert await db.read(liabilities) == 7_000, "it is owed as before, now to somebody"


async def test_no_more_is_moved_than_was_found(db: Database) -> None:
    with pytest.raises(InsufficientBalance):
        await db.write(lambda tx: release(tx, None, Msat(7_001), "first", 2))
    await db.write(lambda tx: release(tx, None, None, "first", 2))
    with pytest.raises(InsufficientBalance):
        await db.write(lambda tx: release(tx, None, None, "second", 2))


async def test_nothing_is_moved_in_books_that_are_known_to_be_wrong(db: Database) -> None:
    await db.write(lambda tx: verdict.close(tx, 1, "a test"))
    with pytest.raises(DepositsClosed):
        await db.write(lambda tx: release(tx, None, None, "first", 2))
    assert await db.read(recovered) == Msat(7_000)
