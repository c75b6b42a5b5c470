"""A hold whose row is lost by a crash of the database server is charged all the same, once."""

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import psycopg
import pytest
from msgspec.structs import replace
from sqlalchemy import text

from devkit.postgres import Postgres
from routstr.core.db import Tx, migrate
from routstr.errors import DatabaseUnavailable
from routstr.ledger.entries import Held, HoldState, Placed, Settlement
from routstr.money import Msat
from tests.integration.ledger.bank import Bank, request, settlement


async def held(bank: Bank, account: int, amount: int) -> Held:
    answer = await bank.ledger.hold(request(account, amount))
    assert isinstance(answer, Held)
    return answer


def knowing(hold: int, account: int, amount: int, cost: int) -> Settlement:
    placed = Placed(request(account, amount), Msat(amount))
    return replace(settlement(hold, cost), placed=placed)


async def lose(bank: Bank, hold: int) -> None:
    """Undo the transaction that placed a hold, as if it had never been written down."""

    def undo(tx: Tx) -> None:
        tx.sql.execute(
            text(
                "UPDATE accounts SET held = held - (SELECT amount FROM holds WHERE id = :id)"
                " WHERE id = (SELECT account FROM holds WHERE id = :id)"
            ),
            {"id": hold},
        )
        tx.sql.execute(text("DELETE FROM holds WHERE id = :id"), {"id": hold})

    await bank.db.write(undo)


async def test_a_lost_hold_is_charged_once_by_whoever_settles_it(bank: Bank) -> None:
    account = await bank.customer(1_000)
    lost = await held(bank, account, 300)
    await held(bank, account, 100)
    await lose(bank, lost.hold)
    known = knowing(lost.hold, account, 300, 60)
    answers = await asyncio.gather(*(bank.ledger.settle(known) for _ in range(8)))
    assert {int(answer.charged) for answer in answers} == {60}
    row = await bank.hold_row(lost.hold)
    assert (row["state"], row["charged"], row["amount"]) == (HoldState.LATE, 60, 300)
    assert (row["model"], row["rates"], row["owner"]) == ("a/model", "p=1;c=4", bank.branches[0].id)
    found = await bank.account(account)
    assert (found["posted"], found["held"], found["requests"]) == (940, 100, 1)
    await bank.prove()


async def test_what_was_spent_meanwhile_is_the_operators_loss(bank: Bank) -> None:
    account = await bank.customer(1_000)
    lost = await held(bank, account, 300)
    await held(bank, account, 1)  # SQLite, which loses none, would give the highest id again
    await lose(bank, lost.hold)
    await held(bank, account, 979)  # the money was free again
    answer = await bank.ledger.settle(knowing(lost.hold, account, 300, 60))
    assert (answer.charged, answer.uncollected) == (Msat(20), Msat(40))
    await bank.prove()


async def test_a_lost_hold_is_released_without_a_word(bank: Bank) -> None:
    account = await bank.customer(1_000)
    lost = await held(bank, account, 300)
    await lose(bank, lost.hold)
    placed = Placed(request(account, 300), Msat(300))
    answer = await bank.ledger.release(lost.hold, placed)
    assert (answer.charged, answer.available) == (Msat(0), Msat(1_000))
    await bank.prove()


@pytest.mark.parametrize(
    "url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)
async def test_whoever_connects_leaps_and_ids_stay_exact_in_json(bank: Bank) -> None:
    account = await bank.customer(1_000)
    first = await held(bank, account, 1)
    second = await held(bank, account, 1)
    assert second.hold == first.hold + 1  # the same connection
    others = [await bank.open() for _ in range(4)]
    answers = await asyncio.gather(*(one.ledger.hold(request(account, 1)) for one in others))
    ids = [answer.hold for answer in answers if isinstance(answer, Held)]
    assert len(set(ids)) == 4
    assert second.hold + 1_000 < min(ids)
    assert max(ids) < 1 << 53


@pytest.fixture
async def crashing() -> AsyncIterator[tuple[Postgres, str]]:
    """A server that writes down what need not be durable only after a long while."""
    server = await Postgres.start()
    url = server.create_database()
    migrate.upgrade(url)
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as admin:
        admin.execute("ALTER SYSTEM SET wal_writer_delay = '10s'")
        admin.execute("SELECT pg_reload_conf()")
    yield server, url
    await server.stop()


async def crash(url: str) -> None:
    """Kill one process of the server: it ends the others and goes back to its log."""
    with psycopg.connect(url.replace("+psycopg", ""), autocommit=True) as victim:
        os.kill(victim.info.backend_pid, signal.SIGKILL)
        with pytest.raises(psycopg.OperationalError):
            victim.execute("SELECT pg_sleep(5)")


async def rows_in_the_end(bank: Bank, statement: str) -> object:
    """Reading connections of before the crash end one after the other, each with an error."""
    async with asyncio.timeout(20):
        while True:
            try:
                return await bank.rows(statement)
            except DatabaseUnavailable:
                await asyncio.sleep(0.1)


@pytest.mark.postgres
async def test_a_server_that_crashes_takes_a_hold_and_no_charge(
    crashing: tuple[Postgres, str],
) -> None:
    _, url = crashing
    async with Bank(url) as bank:
        account = await bank.customer(1_000)
        await asyncio.sleep(6)  # until the server's writer has read its new delay, and written
        lost = await held(bank, account, 300)
        await crash(url)

        other = await held(bank, account, 300)  # the same request once more
        rows = await rows_in_the_end(bank, "SELECT id FROM holds")
        assert rows == [(other.hold,)], "the server wrote the hold down: nothing was lost"
        assert other.hold != lost.hold  # else one request would end the other's hold

        answer = await bank.ledger.settle(knowing(lost.hold, account, 300, 60))
        assert (answer.charged, answer.reserved) == (Msat(60), Msat(300))
        assert (await bank.ledger.settle(knowing(other.hold, account, 300, 70))).charged == 70
        found = await bank.account(account)
        assert (found["posted"], found["held"], found["requests"]) == (870, 0, 2)
        await bank.prove()
