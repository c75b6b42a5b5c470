"""A copy is one moment, whatever is written meanwhile."""

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from routstr.cli.backup import sqlite_copy


@pytest.fixture
def database(tmp_path: Path) -> Path:
    file = tmp_path / "node.db"
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("CREATE TABLE moved (one INTEGER, other INTEGER, filler TEXT)")
        connection.execute("INSERT INTO moved VALUES (1000, 0, '')")
        filler = [(0, 0, "x" * 3_000)] * 500
        connection.execute("BEGIN")
        connection.executemany("INSERT INTO moved VALUES (?, ?, ?)", filler)
        connection.execute("COMMIT")
    return file


def test_what_others_write_meanwhile_neither_shows_nor_begins_it_anew(
    database: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_copy, "_PAGES", 20)
    writer = sqlite3.connect(database, isolation_level=None)
    steps: list[tuple[int, int]] = []

    def tell(done: int, whole: int) -> None:
        steps.append((done, whole))
        writer.execute("UPDATE moved SET one = one - 1, other = other + 1 WHERE filler = ''")

    with closing(writer), sqlite_copy.snapshot(database, tell) as copy:
        assert copy.stat().st_mode & 0o777 == 0o600
        with closing(sqlite3.connect(copy)) as connection:
            first = connection.execute("SELECT one, other FROM moved WHERE filler = ''").fetchone()
            assert first == (1000, 0)
            assert connection.execute("SELECT count(*) FROM moved").fetchone() == (501,)
        assert b"".join(sqlite_copy.chunks(copy)) == copy.read_bytes()
    assert len(steps) > 5
    assert [done for done, _ in steps] == sorted(done for done, _ in steps)
    assert steps[-1][0] == steps[-1][1]
    assert not copy.exists()


def test_the_copy_goes_when_something_fails(database: Path) -> None:
    with pytest.raises(ValueError, match="no"), sqlite_copy.snapshot(database, lambda *_: None):
        raise ValueError("no")
    assert [one.name for one in database.parent.iterdir() if one.name.startswith(".")] == []
