"""What was found and what was lost, in the books."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.db import Database, Tx, migrate
from routstr.ledger.accounts import named_account
from routstr.ledger.entries import AccountKind
from routstr.ledger.verify import check_books, liabilities
from routstr.money import Unit
from routstr.payment.found import book_lost, book_recovered, book_restored
from routstr.wallet.doubts import Lost
from routstr.wallet.findings import Found

MINT = "https://mint.example"


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    migrate.upgrade(url)
    db = Database(url)
    db.start()
    yield db
    await db.stop()


def found(amount: int, *, first: int = 0, unit: Unit = Unit.SAT) -> Found:
    return Found(MINT, unit, 3, first, amount, 1)


def lost(amount: int, *, first: int = 1, unit: Unit = Unit.SAT) -> Lost:
    return Lost(MINT, unit, first, amount, 1)


async def balances(db: Database) -> dict[str, int]:
    """What the node's accounts have, in msat, where that is not zero."""
    query = text("SELECT name, posted FROM accounts WHERE posted <> 0")
    rows = await db.read(lambda c: c.execute(query).all())
    checks = await db.read(check_books)
    assert [check for check in checks if not check.holds] == []
    return {row[0]: row[1] for row in rows}


async def test_what_a_restored_wallet_found_is_the_operators(db: Database) -> None:
    await db.write(lambda tx: book_restored(tx, found(7), 1))
    assert await balances(db) == {f"asset:sat:{MINT}": -7_000, "capital": 7_000}
    assert await db.read(liabilities) == 0


async def test_what_is_found_beside_the_books_is_owed(db: Database) -> None:
    await db.write(lambda tx: book_recovered(tx, found(7, unit=Unit.MSAT), 1))
    assert await balances(db) == {f"asset:msat:{MINT}": -7, "recovered": 7}
    assert await db.read(liabilities) == 7


async def test_nothing_is_booked_twice(db: Database) -> None:
    for _ in range(2):
        await db.write(lambda tx: book_recovered(tx, found(7), 1))
        await db.write(lambda tx: book_lost(tx, lost(2), 1))
    assert await balances(db) == {f"asset:sat:{MINT}": -5_000, "recovered": 5_000}


async def test_findings_are_told_apart_by_keyset_and_number(db: Database) -> None:
    for one in (found(7, first=0), found(7, first=100), Found(MINT, Unit.SAT, 4, 0, 7, 1)):
        await db.write(partial(book_recovered, found=one, at=1))
    assert (await balances(db))["recovered"] == 21_000


async def test_a_loss_is_a_loss(db: Database) -> None:
    await db.write(lambda tx: book_lost(tx, lost(7), 1))
    assert await balances(db) == {f"asset:sat:{MINT}": 7_000, "loss": -7_000}


@pytest.mark.parametrize(
    ("recovered", "gone", "rest", "loss"), [(10, 4, 6_000, 0), (10, 10, 0, 0), (4, 10, 0, -6_000)]
)
async def test_what_was_recovered_pays_for_what_was_lost(
    db: Database, recovered: int, gone: int, rest: int, loss: int
) -> None:
    await db.write(lambda tx: book_recovered(tx, found(recovered), 1))
    await db.write(lambda tx: book_lost(tx, lost(gone), 1))
    after = await balances(db)
    assert (after.get("recovered", 0), after.get("loss", 0)) == (rest, loss)
    assert after.get(f"asset:sat:{MINT}", 0) == (gone - recovered) * 1_000


async def test_other_ownerless_money_pays_for_nothing(db: Database) -> None:
    def late(tx: Tx) -> None:
        account = named_account(tx, AccountKind.SUSPENSE, "suspense", 1)
        tx.sql.execute(text("UPDATE accounts SET posted = 9000 WHERE id = :id"), {"id": account})

    await db.write(late)
    await db.write(lambda tx: book_lost(tx, lost(7), 1))
    rows = await db.read(
        lambda c: c.execute(text("SELECT name, posted FROM accounts WHERE posted > 0")).all()
    )
    assert sorted(map(tuple, rows)) == [(f"asset:sat:{MINT}", 7_000), ("suspense", 9_000)]
