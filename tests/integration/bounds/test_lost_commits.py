"""The answer to COMMIT never comes: what the ledger does is done once, whether it was or not."""

from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from psycopg import sql

from devkit.postgres import database_name
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from routstr.ledger import accounts
from routstr.ledger.entries import Held, HoldState
from routstr.ledger.service import Ledger
from tests.integration.core.db.test_database_postgres import (
    Severed,
    admin,
    before_commit,
    without_answer,
)
from tests.integration.ledger.bank import Bank, request, settlement

pytestmark = [
    pytest.mark.postgres,
    pytest.mark.parametrize("url", ["postgres"], indirect=True),
]

Cut = Callable[[Severed], None]
both_kinds = pytest.mark.parametrize("cut", [before_commit, without_answer])


async def placed(ledger: Ledger, account: int) -> int:
    answer = await ledger.hold(request(account, 300))
    assert isinstance(answer, Held)
    return answer.hold


@both_kinds
async def test_hold_settlement_and_deposit_are_made_once(bank: Bank, cut: Cut) -> None:
    backend = Severed(bank.url)
    branch = await bank.open(backend)
    account = await bank.customer(1_000)
    backend.cut = cut
    hold = await placed(branch.ledger, account)
    backend.cut = cut
    answer = await branch.ledger.settle(settlement(hold, 60))
    assert (answer.charged, answer.available) == (60, 940)
    backend.cut = cut
    await branch.db.write(lambda tx: accounts.post(tx, bank.entry(tx, account, 500, 77)))
    assert backend.asked == 3
    found = await bank.account(account)
    assert (found["posted"], found["held"], found["requests"]) == (1_440, 0, 1)
    assert await bank.rows("SELECT count(*) FROM holds") == [(1,)]


@both_kinds
async def test_a_settlement_that_nobody_can_tell_of_is_made_later_and_once(
    bank: Bank, cut: Cut
) -> None:
    backend = Severed(bank.url)
    branch = await bank.open(backend, reconnect_seconds=0.3)
    account = await bank.customer(1_000)
    hold = await placed(branch.ledger, account)
    with admin(bank.url.replace(database_name(bank.url), "postgres")) as other:

        def gone(severed: Severed) -> None:
            _let_in(other, bank.url, allowed=False)
            cut(severed)

        backend.cut = gone
        with pytest.raises((OutcomeUnknown, DatabaseUnavailable)):
            await branch.ledger.settle(settlement(hold, 60))
        assert branch.ledger.live_holds() == {hold}
        _let_in(other, bank.url, allowed=True)
    assert await branch.ledger.settle_late() == 1
    found = await bank.account(account)
    assert (found["posted"], found["held"], found["requests"]) == (940, 0, 1)
    assert (await bank.hold_row(hold))["state"] == HoldState.SETTLED


def _let_in(other: "psycopg.Connection[Any]", url: str, *, allowed: bool) -> None:
    statement = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS {}")
    name = sql.Identifier(database_name(url))
    other.execute(statement.format(name, sql.Literal(allowed)))
