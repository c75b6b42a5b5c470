"""PostgreSQL's statements: rows are locked before anything is decided, in one order."""

import asyncio
import threading
from functools import partial
from typing import Any

import psycopg
import pytest
from msgspec.structs import replace

from routstr.core.db import Tx
from routstr.core.db.pipe import Pipe, Trip
from routstr.core.db.postgres_values import binaries, numbers, texts
from routstr.core.db.rescue import Rescue
from routstr.ledger import accounts, batch_postgres
from routstr.ledger.entries import Held
from routstr.ledger.service import Ledger
from tests.integration.ledger.bank import Bank, request, settlement

pytestmark = pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def locked_by_others(url: str, table: str) -> list[int]:
    """Rows that cannot be locked now."""
    with psycopg.connect(url.replace("+psycopg", "")) as other:
        free = other.execute(f"SELECT id FROM {table} FOR UPDATE SKIP LOCKED").fetchall()
        every = other.execute(f"SELECT id FROM {table}").fetchall()
    return sorted(row[0] for row in set(every) - set(free))


async def test_what_is_loaded_is_locked(bank: Bank) -> None:
    one, other = await bank.customer(1_000), await bank.customer(1_000)
    answer = await bank.ledger.hold(request(one, 10))
    await bank.ledger.hold(request(other, 10))
    assert isinstance(answer, Held)

    def load(tx: Tx) -> tuple[list[int], list[int]]:
        batch_postgres.load_holds(tx.raw, [answer.hold])
        batch_postgres.load_accounts(tx.raw, [other])
        return locked_by_others(bank.url, "holds"), locked_by_others(bank.url, "accounts")

    assert await bank.db.write(load) == ([answer.hold], [other])


async def test_rows_come_in_the_order_of_their_ids(bank: Bank) -> None:
    ids = [await bank.customer() for _ in range(5)]
    await bank.db.write(  # a row that was changed lies at the end of the table
        lambda tx: tx.raw.execute("UPDATE accounts SET closed = true WHERE id = %s", (ids[0],))
    )
    rows = await bank.db.write(lambda tx: batch_postgres.load_accounts(tx.raw, ids[::-1]))
    assert [(row.id, row.closed) for row in rows] == [(i, i == ids[0]) for i in ids]


async def test_ids_come_from_the_sequence_and_are_never_given_twice(bank: Bank) -> None:
    taken = await bank.db.write(lambda tx: batch_postgres.new_hold_ids(tx.raw, 3))
    more = await bank.db.write(lambda tx: batch_postgres.new_hold_ids(tx.raw, 2))
    assert [*taken, *more] == [1, 2, 3, 4, 5]


@pytest.mark.parametrize("by_loop", [False, True])
async def test_a_batch_asks_once_and_tells_once(
    bank: Bank, monkeypatch: pytest.MonkeyPatch, by_loop: bool
) -> None:
    account = await bank.customer(10_000)
    marks = (None, await bank.limit(account))
    trip, threads = Pipe.trip, list[int]()

    def noted(pipe: Pipe) -> Trip:
        threads.append(threading.get_ident())
        return trip(pipe)

    monkeypatch.setattr(Pipe, "trip", noted)
    if not by_loop:  # as if it never got a connection
        monkeypatch.setattr(Rescue, "mend", lambda _rescue: None)
    while by_loop and threads[-1:] != [threading.get_ident()]:
        assert isinstance(await bank.ledger.hold(request(account, 1)), Held)
    trips = []
    for mark in marks:
        threads.clear()
        held = await bank.ledger.hold(replace(request(account, 10), mark=mark))
        assert isinstance(held, Held)
        await bank.ledger.settle(settlement(held.hold, 3))
        trips.append(len(threads))
        assert {thread == threading.get_ident() for thread in threads} == {by_loop}
    assert trips == [4, 6], "a hold and a settlement, two each; with a limit one more each"


async def test_values_are_read_as_they_were_meant(bank: Bank) -> None:
    words = ["", "a b", 'q"', "b\\", "{,}", "NULL", "ü\n", "%s", "'"]
    keys = [b"", b"C\x00\xff", b"\\x41"]

    def told(tx: Tx) -> tuple[list[Any], ...]:
        pipe = tx.raw.pipe
        pipe.add("SELECT unnest(%s::text[])", texts(words))
        pipe.add("SELECT encode(unnest(%s::bytea[]), 'hex')", binaries(keys))
        pipe.add("SELECT unnest(%s::bigint[])", numbers([-(2**63), None, 7]))
        return tuple([row[0] for row in rows] for rows in pipe.run())

    assert await bank.db.write(told) == (
        [word.encode() for word in words],
        [key.hex().encode() for key in keys],
        [b"-9223372036854775808", None, b"7"],
    )


async def test_a_statement_that_somebody_deallocated_is_prepared_again(bank: Bank) -> None:
    account = await bank.customer(1_000)
    assert isinstance(await bank.ledger.hold(request(account, 10)), Held)
    await bank.db.write(lambda tx: tx.raw.execute("DEALLOCATE ALL"))
    assert isinstance(await bank.ledger.hold(request(account, 10)), Held)
    assert (await bank.account(account))["held"] == 20


async def test_instances_that_charge_and_pay_in_crosswise_do_not_deadlock(bank: Bank) -> None:
    """A deadlock would be broken by the server after a second, once per batch."""
    other = await bank.open()
    ids = [await bank.customer(100_000) for _ in range(8)]
    deadlocks = "SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"
    before = await bank.rows(deadlocks)
    ledgers, databases = (bank.ledger, other.ledger), (bank.db, other.db)

    async def spend(ledger: Ledger, account: int) -> None:
        for _ in range(12):
            held = await ledger.hold(request(account, 10))
            assert isinstance(held, Held)
            await ledger.settle(settlement(held.hold, 3))

    def deposit(tx: Tx, account: int, number: int) -> None:
        assert accounts.post(tx, bank.entry(tx, account, 1, number))

    async def pay_in(which: int, first: int) -> None:
        for n in range(first, first + 8):  # into accounts that the other instance charges
            account = ids[(2 * n + 1 - which) % 8]
            await databases[which].write(partial(deposit, account=account, number=n))

    await asyncio.gather(
        *(spend(ledgers[n % 2], ids[n % 8]) for n in range(32)),
        *(pay_in(n % 2, 1_000 + 100 * n) for n in range(8)),
    )
    for branch in bank.branches:  # a session counts for itself and tells from time to time
        await branch.db.write(lambda tx: tx.raw.execute("SELECT pg_stat_force_next_flush()"))
    assert await bank.rows(deadlocks) == before
