"""The verdict on the books, for people and for machines."""

import json
import sqlite3
from pathlib import Path

import pytest
from typer.testing import CliRunner

from routstr.cli import cli
from routstr.core.db import migrate

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
