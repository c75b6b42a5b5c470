import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, text

from devkit.environment import clean_environment, python_path
from tests.crash.killing import Journal, Orders, When

PROGRAM = """
import sys
from pathlib import Path
from sqlalchemy import text
from routstr.core.db import open_backend
from tests.crash.killing import Journal, KillingBackend

backend = KillingBackend(open_backend(sys.argv[1]), Journal(Path.cwd()))
tx = backend.open()
for statement in sys.argv[2:]:
    backend.begin(full=True)
    if statement.startswith("raw "):
        tx.raw.execute(statement.removeprefix("raw "))
    else:
        tx.sql.execute(text(statement))
    backend.commit()
"""
FIRST, SECOND = "INSERT INTO money VALUES (1)", "raw UPDATE money SET amount = 2"


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path / 'money.db'}"
    with create_engine(url, poolclass=NullPool).begin() as connection:
        connection.execute(text("CREATE TABLE money (amount INTEGER)"))
        connection.execute(text("CREATE TABLE instances (id INTEGER)"))
    return url


def run(folder: Path, url: str, statements: Sequence[str]) -> int:
    command = [sys.executable, "-c", PROGRAM, url, *statements]
    environment = clean_environment(folder, python_path())
    return subprocess.run(command, cwd=folder, env=environment, check=False).returncode


def amounts(url: str) -> list[int]:
    with create_engine(url, poolclass=NullPool).connect() as connection:
        return [row[0] for row in connection.execute(text("SELECT amount FROM money"))]


def test_without_orders_nobody_dies(tmp_path: Path, url: str) -> None:
    assert run(tmp_path, url, [FIRST, SECOND]) == 0
    assert amounts(url) == [2]


def test_commits_are_counted_under_the_names_of_their_tables(tmp_path: Path, url: str) -> None:
    journal = Journal(tmp_path)
    journal.give(Orders())
    heartbeat, question = "INSERT INTO instances VALUES (1)", "SELECT * FROM money"
    assert run(tmp_path, url, [FIRST, heartbeat, question, SECOND]) == 0
    assert journal.commits() == ["money", "money"]


@pytest.mark.parametrize(
    ("commit", "when", "left"),
    [(1, "before", []), (1, "after", [1]), (2, "before", [1]), (2, "after", [2])],
)
def test_the_process_dies_where_it_was_told_to(
    tmp_path: Path, url: str, commit: int, when: When, left: list[int]
) -> None:
    Journal(tmp_path).give(Orders(commit, when))
    assert run(tmp_path, url, [FIRST, SECOND]) == -9
    assert amounts(url) == left
