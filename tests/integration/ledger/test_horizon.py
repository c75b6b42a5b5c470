"""Ids that appear out of order, and what a checkpoint makes of them."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from sqlalchemy import Connection

from routstr.core.db import Tx, postgres
from routstr.ledger import accounts, batch_postgres, horizon
from routstr.ledger.accounts import Entry
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request
from tests.integration.ledger.continued import TABLES, advance, in_full, last

on_postgres = pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
_MOVE = (
    "INSERT INTO transfers (debit, credit, amount, kind, key, reference, balance_after, created_at)"
    " SELECT a.id, c.id, 7, 3, '\\x53', 1, a.posted - 7, 1 FROM accounts a, accounts c"
    " WHERE a.kind = 1 AND c.kind = 3"
)


@contextmanager
def slow_writer(url: str) -> Iterator[Connection]:
    """A transfer of 7 msat that has its id and is not committed yet."""
    engine = postgres.engine(url, read_only=False)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql(_MOVE)
        connection.exec_driver_sql("UPDATE accounts SET posted = posted - 7 WHERE kind = 1")
        connection.exec_driver_sql("UPDATE accounts SET posted = posted + 7 WHERE kind = 3")
        yield connection
    engine.dispose()


async def elsewhere(bank: Bank) -> None:
    """A transfer with a higher id, between accounts that the slow writer leaves alone."""

    def post(tx: Tx) -> None:
        capital = accounts.named_account(tx, AccountKind.CAPITAL, "capital", 1)
        donations = accounts.named_account(tx, AccountKind.DONATIONS, "donations", 1)
        entry = Entry(capital, donations, Msat(5), TransferKind.CAPITAL, b"X", 1, 1)
        assert accounts.post(tx, entry)

    await bank.db.write(post)


@on_postgres
async def test_a_lower_id_that_is_committed_later_is_waited_for(bank: Bank) -> None:
    await bank.customer(1_000)
    assert await advance(bank.db) == set()
    with slow_writer(bank.url) as slow:
        await elsewhere(bank)
        proof = asyncio.create_task(advance(bank.db))
        await asyncio.sleep(0.2)
        assert not proof.done()
        async with asyncio.timeout(2):  # nobody else waits
            await bank.ledger.hold(request(bank.ledger.node.revenue, 0))
        slow.exec_driver_sql("COMMIT")
        assert await proof == set()
    assert [row[0] for row in await bank.rows("SELECT kind FROM transfers ORDER BY id")] == [
        1,
        3,
        8,
    ]
    assert (await last(bank.db)).count == 3


@on_postgres
async def test_the_batch_of_a_writer_is_waited_for_from_its_beginning(bank: Bank) -> None:
    """It takes ids of holds before it writes to their table."""
    backend = postgres.PostgresBackend(bank.url)
    tx = backend.open()
    backend.begin(full=True)
    assert (
        len(batch_postgres.new_hold_ids(tx.raw, 1)) == 1
    )  # what is queued goes with it, before it
    assert await horizon.find(bank.db, TABLES, wait_seconds=0.1) is None
    backend.commit()
    assert await horizon.find(bank.db, TABLES) is not None
    backend.close()


@on_postgres
async def test_behind_one_that_does_not_end_the_checkpoint_stays(bank: Bank) -> None:
    await bank.customer(1_000)
    assert await advance(bank.db) == set()
    before = await last(bank.db)
    with slow_writer(bank.url) as slow:
        await elsewhere(bank)
        assert await advance(bank.db, wait_seconds=0.1) == set()
        assert await last(bank.db) == before
        slow.exec_driver_sql("COMMIT")
    assert await advance(bank.db) == set()
    reached = await last(bank.db)
    assert reached.count == 3
    assert await bank.db.read(lambda c: in_full(c, reached)) == set()


@on_postgres
async def test_whoever_writes_elsewhere_is_not_waited_for(bank: Bank) -> None:
    engine = postgres.engine(bank.url, read_only=False)
    with engine.connect() as connection:
        connection.exec_driver_sql("BEGIN")
        connection.exec_driver_sql("INSERT INTO node_values VALUES ('name', '\\x01')")
        async with asyncio.timeout(2):
            found = await horizon.find(bank.db, TABLES)
        connection.exec_driver_sql("ROLLBACK")
    engine.dispose()
    assert found == {"transfers": 0, "holds": 0, "sagas": 0}


async def test_the_highest_ids_are_the_horizon_of_a_quiet_database(bank: Bank) -> None:
    await bank.customer(1_000)
    await bank.customer(1_000)
    assert await horizon.find(bank.db, TABLES) == {"transfers": 2, "holds": 0, "sagas": 0}
