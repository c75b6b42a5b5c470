"""The verdict on the books, for people and for machines."""

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from routstr.cli.tree import cli
from routstr.core.db import migrate
from routstr.core.node_key import NodeKey
from routstr.ledger import seals
from routstr.ledger.seal_check import SEALED

runner = CliRunner()


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    url = f"sqlite:///{tmp_path}/node.db"
    monkeypatch.setenv("DATABASE_URL", url)
    migrate.upgrade(url)
    return tmp_path / "node.db"


def vandalise(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute(
        "INSERT INTO accounts (kind, overdraft, closed, posted, held, deposited, spent, requests,"
        " created_at) VALUES (1, 0, 0, 777, 0, 0, 0, 0, 1)"
    )
    connection.commit()
    connection.close()


@pytest.mark.usefixtures("database")
def test_empty_books_hold() -> None:
    done = runner.invoke(cli, ["verify"])
    assert done.exit_code == 0
    assert "postings sum to zero" in done.output
    assert "NO" not in done.output
    assert "held 0 msat, owed 0 msat, yours 0 msat" in done.output


@pytest.mark.usefixtures("database")
def test_machines_get_the_same_as_json() -> None:
    outcome = json.loads(runner.invoke(cli, ["verify", "--json"]).output)
    assert outcome["holds"] is True
    assert all(check["problems"] == [] for check in outcome["checks"])


def test_broken_books_are_named_and_fail_the_command(database: Path) -> None:
    vandalise(database)
    done = runner.invoke(cli, ["verify"])
    assert done.exit_code == 1
    assert "the sum is 777 msat" in " ".join(done.output.split())
    outcome = json.loads(runner.invoke(cli, ["verify", "--json"]).output)
    assert outcome["holds"] is False


def mend(database: Path) -> None:
    connection = sqlite3.connect(database)
    connection.execute("DELETE FROM accounts WHERE posted = 777")
    connection.commit()
    connection.close()


def told(*options: str) -> dict[str, Any]:
    return dict(json.loads(runner.invoke(cli, ["verify", "--json", *options]).output))


@pytest.mark.usefixtures("database")
def test_what_is_new_is_verified_from_the_last_proof_on() -> None:
    assert told("--incremental")["full"] is True, "there is no proof yet"
    outcome = told("--incremental")
    assert (outcome["holds"], outcome["full"], outcome["deposits_open"]) == (True, False, True)
    fields = {"checks", "holdings", "owed", "assets", "full", "holds", "deposits_open"}
    assert told().keys() == outcome.keys() == fields
    assert "what is new" in runner.invoke(cli, ["verify", "--incremental"]).output


def test_the_outcome_closes_and_opens_deposits(database: Path) -> None:
    assert told()["deposits_open"] is True
    vandalise(database)
    assert told()["deposits_open"] is False
    mend(database)
    assert told("--incremental")["deposits_open"] is False
    shown = runner.invoke(cli, ["verify", "--incremental"])
    assert (shown.exit_code, "Deposits are closed" in shown.output) == (0, True)
    assert told()["deposits_open"] is True
    assert "Deposits" not in runner.invoke(cli, ["verify"]).output


def test_a_past_that_the_operator_changed_is_accepted_on_demand(database: Path) -> None:
    assert told()["holds"] is True
    connection = sqlite3.connect(database)
    proven = '{"transfers":3,"count":3,"amount":9,"holds":{},"sagas":{}}'
    connection.execute("UPDATE verifications SET proven = ?", (proven,))
    connection.commit()
    connection.close()
    [wrong] = [check for check in told()["checks"] if check["problems"]]
    assert wrong["name"] == "what was verified before is unchanged"
    assert told()["deposits_open"] is False
    assert (told("--rebase")["holds"], told()["deposits_open"]) == (True, True)


def test_a_database_without_this_schema_is_told_in_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/none.db")
    done = runner.invoke(cli, ["verify"])
    assert done.exit_code == 1
    assert "The books cannot be verified: there is no database" in done.output
    assert not (tmp_path / "none.db").exists()


def seal(database: Path, *, key: NodeKey) -> None:
    """One seal over five transfers, of which none is there."""
    digest = seals.digest_of(1, seals.GENESIS, 5, [])
    proof = seals.proof_of(key.derive(seals.PURPOSE), 1, digest)
    connection = sqlite3.connect(database)
    connection.execute("INSERT INTO seals VALUES (1, 1, 5, 0, ?, ?, 1)", (digest, proof))
    connection.commit()
    connection.close()


def test_sealed_transfers_that_are_gone_are_told_in_full_and_incrementally(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert told()["holds"]
    seal(database, key=NodeKey(b"k" * 32))
    gone = "transfers up to 5 were sealed, the newest is 0"
    for words in ([], ["--incremental"]):
        [check] = [check for check in told(*words)["checks"] if check["problems"]]
        assert check == {"name": SEALED, "problems": [gone]}, "nobody knows the key here"
    monkeypatch.setenv("ROUTSTR_SECRET_KEY", "00" * 32)
    [check] = [check for check in told()["checks"] if check["problems"]]
    assert check["problems"] == ["seal 1 was not made with this node's key", gone]
    assert told("--rebase")["holds"]
