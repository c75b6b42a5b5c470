"""SQLite: WAL, explicit BEGIN IMMEDIATE, durability chosen per batch.

``synchronous=FULL`` waits for the disk at each commit and is used for batches that settle, deposit
or touch a saga. A batch of holds alone uses NORMAL: a hold must survive the process, not a power
cut (after one, the charge that it guarded has not been served either).
"""

import os
import sqlite3
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool, QueuePool

from routstr.core.db.backend import Dialect, Failure, Tx

BUSY_TIMEOUT_SECONDS: Final = 10
_CACHED_STATEMENTS: Final = 1_024
_READER_CACHE_KB: Final = 512
"""Of each reader: what it reads is in the kernel's memory, where it is once for all of them."""
_PRIMARY_CODE: Final = 0xFF  # the rest of a result code says more closely what it is about
_FAILURES: Final = frozenset(
    {
        sqlite3.SQLITE_BUSY,
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_READONLY,
        sqlite3.SQLITE_INTERRUPT,
        sqlite3.SQLITE_IOERR,
        sqlite3.SQLITE_CORRUPT,
        sqlite3.SQLITE_FULL,
        sqlite3.SQLITE_CANTOPEN,
        sqlite3.SQLITE_PROTOCOL,
        sqlite3.SQLITE_NOTADB,
    }
)


def database_path(url: str) -> Path:
    """Return the file behind a ``sqlite:///`` URL."""
    database = make_url(url).database
    if not database or database == ":memory:":
        raise ValueError("DATABASE_URL: a node needs an SQLite file, not a database in memory")
    return Path(database)


def create_file(url: str) -> None:
    """Create the database file with mode 0600 before SQLite would with the umask's."""
    path = database_path(url)
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def engine(url: str, *, read_only: bool, readers: int = 4) -> Engine:
    """Make an engine whose connections leave transactions to the caller."""
    made = create_engine(
        url,
        isolation_level="AUTOCOMMIT",
        hide_parameters=True,  # values may be secrets; errors are logged
        poolclass=QueuePool if read_only else NullPool,
        connect_args={
            "check_same_thread": False,
            "timeout": BUSY_TIMEOUT_SECONDS,
            "cached_statements": _CACHED_STATEMENTS,
        },
        # the one that was used last: its cache is warm, and those of the others need not be
        **({"pool_size": readers, "max_overflow": 0, "pool_use_lifo": True} if read_only else {}),
    )

    def prepare(connection: sqlite3.Connection, _record: object) -> None:
        cursor = connection.cursor()
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.execute("PRAGMA recursive_triggers=ON")  # INSERT OR REPLACE must fire the triggers
        cursor.execute("PRAGMA temp_store=MEMORY")
        if read_only:
            cursor.execute("PRAGMA query_only=ON")
            cursor.execute(f"PRAGMA cache_size=-{_READER_CACHE_KB}")
        cursor.close()

    event.listen(made, "connect", prepare)
    return made


def is_unavailable(error: DBAPIError) -> bool:
    """Whether a statement failed because of the file and not because of what it says."""
    return _is_failure(error.orig)


def _is_failure(cause: BaseException | None) -> bool:
    code = getattr(cause, "sqlite_errorcode", sqlite3.SQLITE_OK)
    return code & _PRIMARY_CODE in _FAILURES


class SqliteBackend:
    """The writing connection to one SQLite file."""

    dialect = Dialect.SQLITE
    shares_transactions = True

    def __init__(self, url: str, *, near: bool = False) -> None:
        """``near``: to be used by the event loop, which cannot wait."""
        self._url = url
        self._near = near
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._raw: Any = None
        self._speaker: Any = None
        self._full: bool | None = None

    def near(self) -> "SqliteBackend":
        return SqliteBackend(self._url, near=True)

    def stepped(self) -> None:
        return None

    def open(self) -> Tx:
        self.close()
        create_file(self._url)
        self._engine = engine(self._url, read_only=False)
        self._connection = self._engine.connect()
        self._raw = self._connection.connection.driver_connection
        self._speaker = self._raw.cursor()  # one for all batches
        if self._near:
            self._speaker.execute("PRAGMA busy_timeout=0")
            self._speaker.execute("PRAGMA wal_autocheckpoint=0")  # takes long: the thread's
        self._full = None
        return Tx(self._connection, self._raw, self.dialect)

    def close(self) -> None:
        self._raw = self._speaker = None
        if self._connection is not None:
            self._connection.close()
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def begin(self, *, full: bool) -> None:
        if full is not self._full:  # costs 2 µs, and is an error inside a transaction
            self._speaker.execute(f"PRAGMA synchronous={'FULL' if full else 'NORMAL'}")
            self._full = full
        self._speaker.execute("BEGIN IMMEDIATE")

    def commit(self) -> None:
        self._speaker.execute("COMMIT")

    def rollback(self) -> None:
        if self._raw is not None and self._raw.in_transaction:
            self._raw.execute("ROLLBACK")

    def savepoint(self) -> None:
        self._raw.execute("SAVEPOINT operation")

    def release(self) -> None:
        self._raw.execute("RELEASE operation")

    def rollback_to(self) -> None:
        self._raw.execute("ROLLBACK TO operation")
        self._raw.execute("RELEASE operation")

    def classify(self, error: BaseException) -> Failure | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        return Failure.FATAL if _is_failure(cause) else None

    def was_committed(self) -> bool:
        raise AssertionError("an SQLite commit either returns or fails")
