"""Whoever changes what is left of the past is found out."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from routstr.ledger.archives import ARCHIVED
from routstr.ledger.seal_check import SEALED
from routstr.ledger.verify import SPENT, STRAY, TOTALS
from routstr.payment.archive.audit import check_archives
from tests.integration.ledger.bank import Bank
from tests.integration.ledger.conftest import BOTH, migrated_copy
from tests.integration.ledger.vandal import Books
from tests.integration.payment.archive import attic


async def archived(bank: Bank, path: Path) -> None:
    account = await attic.past(bank, 4)
    await attic.present(bank, account)
    await attic.close_the_books(bank, rows=1)
    await attic.archive(bank, path / "one")


@pytest.fixture(scope="module", params=BOTH)
def archived_books(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Books]:
    """Books of which a part has left; what a test changes is undone."""
    folder = tmp_path_factory.mktemp("archived")

    async def fill(url: str) -> None:
        async with Bank(url) as bank:
            await archived(bank, folder)

    with migrated_copy(request, folder) as url:
        with asyncio.Runner(loop_factory=asyncio.new_event_loop) as runner:
            runner.run(fill(url))
        books = Books(url)
        yield books
        books.close()


@pytest.mark.parametrize(
    ("change", "noticed"),
    [
        ("UPDATE opening_balances SET posted = posted + 1 WHERE spent > 0", {ARCHIVED, TOTALS}),
        ("UPDATE opening_balances SET spent = spent + 1 WHERE spent > 0", {ARCHIVED, SPENT}),
        ("UPDATE opening_balances SET requests = requests + 1", {ARCHIVED}),
        ("UPDATE opening_limits SET total_spent = total_spent + 1", {ARCHIVED}),
        ("UPDATE opening_limits SET period = period + 1", {ARCHIVED}),
        ("DELETE FROM opening_balances", {ARCHIVED, TOTALS, SPENT}),
        ("UPDATE archives SET removed = removed + 1", {ARCHIVED}),
        ("UPDATE archives SET proof = seal_proof", {ARCHIVED}),
        (
            "UPDATE archives SET statement = replace(statement, '\"removed\":', '\"removed\":1')",
            {ARCHIVED},
        ),
        ("UPDATE archives SET upto = upto - 1", {ARCHIVED}),
        ("DELETE FROM archives", {SEALED}),
        ("DELETE FROM seals", {SEALED}),
        ("DELETE FROM holds WHERE state = 4", {STRAY}),
    ],
)
def test_what_is_left_cannot_be_changed_unseen(
    archived_books: Books, change: str, noticed: set[str]
) -> None:
    change = change.replace("seal_proof", "(SELECT max(proof) FROM seals)")
    with archived_books.open() as connection:
        assert attic.broken_in(connection) == []
        connection.exec_driver_sql(change)
        found = set(attic.broken_in(connection))
    assert noticed & found, found


async def test_once_it_has_ended_no_charge_can_be_deleted(bank: Bank, tmp_path: Path) -> None:
    await archived(bank, tmp_path)
    for what in ("DELETE FROM transfers", "DELETE FROM transfers WHERE kind = 2"):
        with pytest.raises(DBAPIError, match="append-only"):
            await attic.change(bank, what)


async def test_while_it_goes_on_nothing_but_its_charges_can_be(bank: Bank, tmp_path: Path) -> None:
    await archived(bank, tmp_path)
    goes_on = "UPDATE archives SET ended_at = NULL"
    await attic.change(bank, goes_on)
    for what in ("kind <> 2", "kind = 2 AND id > (SELECT max(upto) FROM archives)"):
        with pytest.raises(DBAPIError, match="append-only"):
            await attic.change(bank, f"DELETE FROM transfers WHERE {what}")
    for what in ("UPDATE transfers SET amount = 1", "UPDATE transfers SET kind = 2"):
        with pytest.raises(DBAPIError, match="append-only"):
            await attic.change(bank, what)


async def test_an_old_transfer_that_stayed_is_as_it_was(bank: Bank, tmp_path: Path) -> None:
    await archived(bank, tmp_path)
    if bank.url.startswith("sqlite"):
        await attic.change(bank, "DROP TRIGGER transfers_no_update")
    else:
        await attic.change(bank, "ALTER TABLE transfers DISABLE TRIGGER transfers_no_change")
    await attic.change(bank, "UPDATE transfers SET created_at = 1 WHERE id = 1")
    assert ARCHIVED in await attic.broken(bank)


async def test_the_proof_is_asked_for_where_the_key_is(bank: Bank, tmp_path: Path) -> None:
    await archived(bank, tmp_path)
    assert (await bank.db.read(lambda c: check_archives(c, None))).holds
    other = await bank.db.read(lambda c: check_archives(c, b"o" * 32))
    assert other.problems == ("archive 1 was not made with this node's key",)
