"""The invoices that wait, as the operator sees them; no mint is there to be asked."""

import json

import msgspec

from routstr.assembly.storage import open_database
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.wallet import quotes
from routstr.wallet.models import QuoteState
from tests.unit.cli.stage import KEY, LISTED, Stage, run
from tests.unit.wallet.test_quotes import QUOTE

ELSEWHERE = "http://127.0.0.1:9"


def invoice(database: Stage, mint: str = LISTED, state: QuoteState = QuoteState.UNPAID) -> int:
    now = SystemClock().now_ms()
    draft = msgspec.structs.replace(
        QUOTE, mint=mint, state=state, amount=21_000, created_at=now, expires_at=now + 3_599_000
    )
    key = NodeKey(KEY)

    async def add() -> int:
        async with open_database(database.settings, key) as db:
            return (await db.write(lambda tx: quotes.add(tx, key, draft))).id

    return run(add())


def test_nothing_waits(database: Stage) -> None:
    invoice(database, state=QuoteState.ISSUED)
    invoice(database, state=QuoteState.EXPIRED)
    done = database.run("invoices")
    assert (done.status, done.output) == (0, "No invoice waits.\n")
    assert "issued" in database.run("invoices", "--all").output


def test_one_that_waits_is_told_with_its_amount_and_mint(database: Stage) -> None:
    invoice(database)
    done = database.run("invoices")
    assert done.status == 0
    for word in ("21,000 sat", "unpaid", "in 59 min", LISTED):
        assert word in done.output
    assert QUOTE.mint_id not in done.output


def test_what_nodes_leave_alone_is_said(database: Stage) -> None:
    invoice(database, "https://elsewhere.example")
    invoice(database, state=QuoteState.LOST)
    line = database.run("invoices").line
    assert "not in CASHU_MINTS" in line
    assert "somebody else took" in line


def test_machines_get_everything_but_the_mint_s_id(database: Stage) -> None:
    made = invoice(database)
    (found,) = json.loads(database.run("invoices", "--json").output)["invoices"]
    assert (found["id"], found["state"], found["unit"]) == (made, "unpaid", "sat")
    assert (found["listed"], found["problem"]) == (True, None)
    assert "quote" not in found


def test_a_mint_whose_address_is_refused_is_not_asked(database: Stage) -> None:
    invoice(database, ELSEWHERE)
    (found,) = json.loads(database.run("invoices", "--ask", "--json").output)["invoices"]
    assert found["problem"].startswith("its address must be a public address")
    assert found["state"] == "unpaid"
