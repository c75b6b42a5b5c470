"""Commands as a shell sees them: what they print and how they exit."""

import ast
import sqlite3
from pathlib import Path

import pytest
from alembic.script import ScriptDirectory
from typer.testing import CliRunner

from routstr import __version__
from routstr import cli as routstr_cli
from routstr.cli.tree import cli
from routstr.core.db import migrate

runner = CliRunner()


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/node.db")


def test_the_version_is_one_line() -> None:
    for word in ("version", "--version"):
        done = runner.invoke(cli, [word])
        assert (done.exit_code, done.output) == (0, f"{__version__}\n")


def test_no_command_shows_what_there_is() -> None:
    output = runner.invoke(cli, []).output
    assert all(command in output for command in ("serve", "migrate", "verify", "wallet", "version"))


@pytest.mark.parametrize(
    "command",
    ["serve", "migrate", "verify", "wallet", "wallet balance", "wallet sagas", "wallet resolve"],
)
def test_a_wrong_setting_is_usage_and_names_the_variable(
    command: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PORT", "many")
    done = runner.invoke(cli, command)
    assert done.exit_code == 2
    assert "PORT: got 'many'" in done.output


def test_migrate_makes_the_schema_once_and_says_which() -> None:
    head = ScriptDirectory.from_config(migrate._config()).get_current_head()
    for _ in range(2):
        done = runner.invoke(cli, ["migrate"])
        assert (done.exit_code, done.output) == (0, f"The database is at revision {head}.\n")


def test_migrate_refuses_a_database_of_a_newer_version(tmp_path: Path) -> None:
    runner.invoke(cli, ["migrate"])
    with sqlite3.connect(tmp_path / "node.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    done = runner.invoke(cli, ["migrate"])
    assert done.exit_code == 1
    assert "9999" in done.output


def test_knowing_the_commands_takes_no_database_and_no_network() -> None:
    """Each command imports what it needs when it runs: ``--help`` and completion are quick."""
    light = ("routstr.cli", "routstr.money", "routstr.version")
    folder = Path(routstr_cli.__file__).parent
    groups = [path for path in folder.glob("*.py") if "commands = typer.Typer(" in path.read_text()]
    assert len(groups) >= 7
    for path in (folder / "tree.py", *groups):
        imported = [
            node.module or ""
            for node in ast.parse(path.read_text()).body
            if isinstance(node, ast.ImportFrom)
        ]
        ours = [name for name in imported if name.startswith("routstr")]
        assert all(name.startswith(light) for name in ours), path
        assert not [name for name in ours if name.endswith("_actions")], path
