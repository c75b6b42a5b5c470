"""One SQLite file: who may read it, how durable a batch is, what its errors mean."""

import sqlite3
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy.exc import DBAPIError

from routstr.core.db import Failure, Tx, sqlite
from routstr.core.db.sqlite import SqliteBackend


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'folder' / 'routstr.db'}"


@pytest.fixture
def backend(url: str) -> Iterator[SqliteBackend]:
    backend = SqliteBackend(url)
    yield backend
    backend.close()


@pytest.fixture
def tx(backend: SqliteBackend) -> Tx:
    tx = backend.open()
    tx.raw.execute("PRAGMA journal_mode=WAL")
    tx.raw.execute("CREATE TABLE things (name TEXT UNIQUE)")
    return tx


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"DATABASE_URL: .* needs an SQLite file"):
        sqlite.database_path(url)


def test_only_the_owner_may_read_the_files(url: str, tx: Tx) -> None:
    tx.raw.execute("INSERT INTO things VALUES ('a')")
    path = sqlite.database_path(url)
    files = list(path.parent.iterdir())
    assert {file.name for file in files} == {path.name, f"{path.name}-wal", f"{path.name}-shm"}
    assert {mode(file) for file in files} == {0o600}


def test_an_existing_file_keeps_what_it_holds(url: str, backend: SqliteBackend, tx: Tx) -> None:
    backend.begin(full=True)
    tx.raw.execute("INSERT INTO things VALUES ('a')")
    backend.commit()
    again = backend.open()
    assert again.raw.execute("SELECT name FROM things").fetchall() == [("a",)]


def test_every_connection_guards_keys_and_triggers(url: str, backend: SqliteBackend) -> None:
    backend.open()
    for read_only in (True, False):
        made = sqlite.engine(url, read_only=read_only)
        with made.connect() as connection:
            pragmas = [
                connection.exec_driver_sql(f"PRAGMA {name}").scalar_one()
                for name in ("foreign_keys", "recursive_triggers", "query_only")
            ]
        made.dispose()
        assert pragmas == [1, 1, int(read_only)]


@pytest.mark.parametrize(("full", "synchronous"), [(True, 2), (False, 1)])
def test_a_batch_is_as_durable_as_it_asks(
    backend: SqliteBackend, tx: Tx, *, full: bool, synchronous: int
) -> None:
    for again in (full, not full, full):
        backend.begin(full=again)
        backend.commit()
    assert tx.raw.execute("PRAGMA synchronous").fetchone() == (synchronous,)


def test_a_savepoint_undoes_what_came_after_it(backend: SqliteBackend, tx: Tx) -> None:
    backend.begin(full=True)
    for name, keep in (("a", True), ("b", False), ("c", True)):
        backend.savepoint()
        tx.raw.execute("INSERT INTO things VALUES (?)", (name,))
        if keep:
            backend.release()
        else:
            backend.rollback_to()
    backend.commit()
    assert tx.raw.execute("SELECT name FROM things").fetchall() == [("a",), ("c",)]


def test_a_rollback_is_quiet_when_there_is_nothing_to_undo(backend: SqliteBackend) -> None:
    backend.rollback()
    tx = backend.open()
    backend.rollback()
    backend.begin(full=True)
    tx.raw.execute("CREATE TABLE things (name TEXT)")
    backend.rollback()
    assert not tx.raw.in_transaction
    assert tx.raw.execute("SELECT count(*) FROM sqlite_master").fetchone() == (0,)
    backend.close()
    backend.rollback()


def error_of(tx: Tx, *statements: str) -> BaseException:
    """The error of the last statement."""
    for statement in statements[:-1]:
        tx.raw.execute(statement)
    with pytest.raises(sqlite3.Error) as raised:
        tx.raw.execute(statements[-1])
    return raised.value


def test_a_statement_that_is_wrong_is_its_authors_fault(backend: SqliteBackend, tx: Tx) -> None:
    twice = "INSERT INTO things VALUES ('a')"
    assert backend.classify(error_of(tx, twice, twice)) is None
    assert backend.classify(error_of(tx, "SELECT nonsense")) is None
    assert backend.classify(ValueError("no database at all")) is None


def test_a_full_disk_a_lock_and_a_read_only_file_are_not(
    url: str, backend: SqliteBackend, tx: Tx
) -> None:
    full = error_of(
        tx,
        "PRAGMA max_page_count = 1",
        "INSERT INTO things SELECT hex(randomblob(9000))",
    )
    assert backend.classify(full) is Failure.FATAL
    other = sqlite3.connect(sqlite.database_path(url), isolation_level=None, timeout=0)
    other.execute("BEGIN IMMEDIATE")
    busy = error_of(tx, "PRAGMA busy_timeout = 0", "BEGIN IMMEDIATE")
    assert backend.classify(busy) is Failure.FATAL
    other.close()
    read_only = error_of(tx, "PRAGMA query_only=ON", "DELETE FROM things")
    assert backend.classify(read_only) is Failure.FATAL


def test_a_damaged_file_is_the_databases_failure(url: str, backend: SqliteBackend) -> None:
    sqlite.create_file(url)
    sqlite.database_path(url).write_bytes(b"this is no database" * 300)
    tx = backend.open()
    with pytest.raises(sqlite3.DatabaseError) as raised:
        tx.raw.execute("SELECT * FROM things")
    assert backend.classify(raised.value) is Failure.FATAL


def test_errors_mean_the_same_through_sqlalchemy(backend: SqliteBackend, tx: Tx) -> None:
    tx.raw.execute("PRAGMA query_only=ON")
    with pytest.raises(DBAPIError) as refused:
        tx.sql.exec_driver_sql("DELETE FROM things")
    with pytest.raises(DBAPIError) as wrong:
        tx.sql.exec_driver_sql("SELECT nonsense")
    assert backend.classify(refused.value) is Failure.FATAL
    assert backend.classify(wrong.value) is None
    assert sqlite.is_unavailable(refused.value)
    assert not sqlite.is_unavailable(wrong.value)


def test_an_sqlite_commit_is_never_in_doubt(backend: SqliteBackend) -> None:
    with pytest.raises(AssertionError):
        backend.was_committed()
