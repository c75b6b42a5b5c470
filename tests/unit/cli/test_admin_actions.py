"""The operator's way back in."""

from pathlib import Path

import pytest

from routstr.admin.passwords import Passwords
from routstr.assembly.storage import open_database
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from tests.unit.cli.stage import KEY, Stage, run

FIRST, SECOND = "a long password", "another long password"


def say(stage: Stage, password: str, *words: str) -> tuple[int, str]:
    file = stage.folder / "password"
    file.write_text(f"{password}\n")
    said = stage.run("reset-password", "--password-file", str(file), *words, group="admin")
    return said.status, said.output + said.error


def matches(stage: Stage, password: str) -> bool:
    async def ask() -> bool:
        async with open_database(stage.settings, NodeKey(KEY)) as db:
            passwords = Passwords(db, NodeKey(KEY), SystemClock(), Secret())
            return await passwords.matches(Secret(password)) is not None

    return run(ask())


def test_the_new_password_holds_and_the_old_one_does_not(database: Stage) -> None:
    assert say(database, FIRST)[0] == 0
    database.sql(
        "INSERT INTO admin_sessions (token, begun_at, seen_at, expires_at, ends_at, address, agent)"
        " VALUES (x'aa', 1, 1, 1, 1, '', '')"
    )
    assert say(database, SECOND, "--json") == (0, '{"sessions_ended":1}\n')
    assert matches(database, SECOND)
    assert not matches(database, FIRST)


def test_one_that_is_short_or_set_elsewhere_is_refused(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    status, told = say(database, "short")
    assert (status, "at least 8 characters" in told) == (1, True)
    monkeypatch.setenv("ADMIN_PASSWORD", FIRST)
    status, told = say(database, SECOND)
    assert (status, "ADMIN_PASSWORD" in told) == (2, True)


def test_without_a_terminal_a_file_is_needed(database: Stage) -> None:
    assert database.run("reset-password", group="admin").status == 2
    missing = str(database.folder / "missing")
    assert database.run("reset-password", "--password-file", missing, group="admin").status == 1


def test_a_command_makes_no_database(stage: Stage) -> None:
    assert say(stage, FIRST)[0] == 1
    assert not Path(stage.folder / "node.db").exists()
