"""``routstr import`` from another node's file to keys that work here, and whose money it is."""

import json
import sqlite3
from contextlib import closing
from typing import Any

import pytest
from typer.testing import CliRunner

from routstr.assembly.storage import open_database
from routstr.auth import repository
from routstr.auth.keys import identify
from routstr.cli.tree import cli
from routstr.core.db import Tx
from routstr.core.node_key import NodeKey
from routstr.ledger import books
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.verify import check_books
from routstr.money import Msat
from routstr.payment.found import capital_account
from tests.unit.cli.stage import KEY, LISTED, Said, Stage, run

RICH, POOR, OLD, CHILD, USED = ("a" * 64, "b" * 64, "c" * 64, "d" * 64, "e" * 64)
COLUMNS = (
    "hashed_key, balance, total_spent, parent_key_hash, balance_limit, balance_limit_reset,"
    " validity_date"
)
ROWS = (
    (RICH, 7_000, 0, None, None, None, None),
    (POOR, 0, 10, None, 100, None, None),
    (OLD, 1_000, 0, None, None, None, 1),
    (CHILD, 0, 40, RICH, 100, None, None),
    (USED, 0, 100, RICH, 100, None, None),
    ("f" * 64, 0, 0, "0" * 64, None, None, None),
)


@pytest.fixture
def moving(database: Stage) -> Stage:
    """A node, and beside it the other one's database."""
    with closing(sqlite3.connect(database.folder / "keys.db")) as connection, connection:
        connection.execute(f"CREATE TABLE api_keys ({COLUMNS})")
        connection.executemany("INSERT INTO api_keys VALUES (?, ?, ?, ?, ?, ?, ?)", ROWS)
        connection.execute(
            "CREATE TABLE upstream_providers (slug, provider_type, base_url, api_key, provider_fee)"
        )
        connection.execute(
            "INSERT INTO upstream_providers VALUES"
            " ('main', 'openai', 'https://api.openai.com/v1', 'sk-up', 1.02),"
            " ('odd', 'nobody', 'https://x.example', '', 1)"
        )
    return database


def fund(stage: Stage, capital: int) -> None:
    def write(tx: Tx) -> None:
        asset = named_account(tx, AccountKind.ASSET, f"asset:sat:{LISTED}", 1)
        own = capital_account(tx, 1)
        post(tx, Entry(asset, own, Msat(capital), TransferKind.CAPITAL, b"M", 1, 1))

    async def work() -> None:
        async with open_database(stage.settings, NodeKey(KEY)) as db:
            await db.write(write)

    run(work())


def say(stage: Stage, *words: str) -> Said:
    done = CliRunner().invoke(cli, ["import", str(stage.folder / "keys.db"), *words])
    return Said(done.exit_code, done.stdout, done.stderr)


def told(said: Said) -> Any:
    return json.loads(said.output)


def fates(report: Any) -> list[str]:
    return sorted(one["fate"].split(":")[0] for one in report["keys"])


def balance(stage: Stage, secret: str) -> int | None:
    """What a client finds on its old key; None: it is not known."""

    async def work() -> int | None:
        async with open_database(stage.settings, NodeKey(KEY)) as db:
            key_hash = identify(NodeKey(KEY), f"sk-{secret}").key_hash
            found = await db.read(lambda c: repository.find(c, key_hash))
            assert [one for one in await db.read(check_books) if not one.holds] == []
            if found is None:
                return None
            return int((await db.read(lambda c: books.balance(c, found.account))).available)

    return run(work())


def test_without_apply_nothing_changes(moving: Stage) -> None:
    fund(moving, 8_000)
    said = say(moving)
    assert said.status == 0
    assert "8,000 msat would be credited" in said.output
    assert "--apply does it" in said.output
    assert "provider main: would be added" in said.output
    assert "provider odd: There is no provider type 'nobody'" in said.output
    assert balance(moving, RICH) is None
    assert moving.run("list", "--json", group="providers").output.strip() == "[]"


def test_keys_work_with_their_balances_and_a_repeat_credits_nothing(moving: Stage) -> None:
    fund(moving, 8_000)
    report = told(say(moving, "--apply", "--json"))
    assert (report["complete"], report["applied"]) == (True, True)
    assert fates(report) == ["left out", "left out"] + ["taken over"] * 4
    assert (balance(moving, RICH), balance(moving, POOR)) == (7_000, 0)
    assert balance(moving, CHILD) == 7_000, "a child key spends its parent's"
    assert balance(moving, USED) is None
    assert [(one["slug"], bool(one["problem"])) for one in report["providers"]] == [
        ("main", False),
        ("odd", True),
    ]
    again = told(say(moving, "--apply", "--json"))
    assert again["complete"]
    assert fates(again)[2:] == ["taken over before"] * 4
    assert sum(one["balance"] for one in again["keys"]) == 0
    assert balance(moving, RICH) == 7_000


def test_what_is_not_covered_is_refused_before_anything_is_taken(moving: Stage) -> None:
    fund(moving, 7_999)
    said = say(moving, "--apply")
    assert said.status == 1
    assert "bring tokens of 1 msat along" in said.error
    assert (balance(moving, RICH), balance(moving, POOR)) == (None, None)


def test_a_balance_that_changed_there_since_is_told_and_left(moving: Stage) -> None:
    fund(moving, 20_000)
    assert say(moving, "--apply").status == 0
    with closing(sqlite3.connect(moving.folder / "keys.db")) as connection, connection:
        connection.execute("UPDATE api_keys SET balance = 9000 WHERE hashed_key = ?", (RICH,))
    report = told(say(moving, "--apply", "--json"))
    assert any("another one since" in one["fate"] for one in report["keys"])
    assert balance(moving, RICH) == 7_000


def test_a_key_that_came_empty_gets_nothing_later(moving: Stage) -> None:
    fund(moving, 20_000)
    assert say(moving, "--apply").status == 0
    with closing(sqlite3.connect(moving.folder / "keys.db")) as connection, connection:
        connection.execute("UPDATE api_keys SET balance = 9000 WHERE hashed_key = ?", (POOR,))
    report = told(say(moving, "--apply", "--json"))
    assert any("another one since" in one["fate"] for one in report["keys"])
    assert balance(moving, POOR) == 0


def test_an_expired_key_stays_expired_and_keeps_its_money(moving: Stage) -> None:
    fund(moving, 8_000)
    say(moving, "--apply")
    shown = json.loads(moving.run("list", "--json", group="keys").output)["keys"]
    states = {one["balance"]: one["state"] for one in shown if one["parent"] is None}
    assert states == {7_000: "active", 0: "active", 1_000: "expired"}


def test_a_file_that_is_none_is_refused(database: Stage) -> None:
    said = say(database)
    assert (said.status, "there is no file" in said.error) == (1, True)
