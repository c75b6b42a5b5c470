"""PostgreSQL: one pipelined writing connection that marks each of its batches.

Each batch writes its number into the writer's own row. When the answer to COMMIT is lost, that row,
read on a new connection, says whether the batch took effect (:mod:`routstr.core.db.write_marks`).

What begins a transaction is sent with its first statement, and what ends it with its last ones
(:mod:`routstr.core.db.pipe`). The number comes first: who asks for it waits for whoever has written
it and may yet commit.
"""

import secrets
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg import errors
from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError
from sqlalchemy.pool import NullPool

from routstr.core.db.backend import CommitLost, Dialect, Failure, Tx
from routstr.core.db.pipe import Pipe, Piped
from routstr.core.db.postgres_values import whole
from routstr.core.db.steps import Steps, at_once

_CONNECT_SECONDS: Final = 10
_LOCK_SECONDS: Final = 10  # for a row that somebody else has locked, like SQLite's busy timeout
_LOOP_LOCK_SECONDS: Final = 1  # then the thread waits for it, and tells whom it concerns
_KEEPALIVE: Final = {  # a server that vanished without a word is noticed in half a minute
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
}
_MARK: Final = (
    "INSERT INTO write_marks AS m (writer, batch) VALUES (%s, %s)"
    " ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch"
)
_ASK: Final = (  # an insert waits for whoever still writes this row, even for its first time
    "INSERT INTO write_marks AS m (writer, batch) VALUES (%s, 0)"
    " ON CONFLICT (writer) DO UPDATE SET batch = m.batch RETURNING batch"
)
_DURABLE: Final = "SET LOCAL synchronous_commit TO on"
_LATER: Final = "SET LOCAL synchronous_commit TO off"
_FORGET: Final = "DELETE FROM write_marks WHERE writer = %s"
_RETRY = (
    errors.DeadlockDetected,
    errors.SerializationFailure,
    errors.InvalidSqlStatementName,  # somebody has deallocated what was prepared
)
_GONE = (errors.AdminShutdown, errors.CrashShutdown, errors.CannotConnectNow)


def engine(
    url: str, *, read_only: bool, readers: int = 4, connect_seconds: int = _CONNECT_SECONDS
) -> Engine:
    """Make an engine whose connections leave transactions to the caller.

    ``readers`` is how many connections it keeps for reading, and has at most.
    """
    arguments: dict[str, Any] = {
        "isolation_level": "AUTOCOMMIT",
        "hide_parameters": True,
        "connect_args": {
            "connect_timeout": connect_seconds,
            "application_name": "routstr",
            "prepare_threshold": 2,
            **_KEEPALIVE,
        },
    }
    if read_only:
        return create_engine(
            url, pool_size=readers, max_overflow=0, pool_pre_ping=True, **arguments
        )
    return create_engine(url, poolclass=NullPool, **arguments)


def _connect(_dialect: object, _record: object, arguments: Any, options: Any) -> Piped:  # noqa: ANN401
    return Piped.connect(*arguments, **options)


def is_unavailable(error: DBAPIError) -> bool:
    """Whether a reader failed because of the database and not because of what it asked."""
    return error.connection_invalidated or isinstance(error.orig, psycopg.OperationalError)


class PostgresBackend:
    """The writing connection to one PostgreSQL database."""

    dialect = Dialect.POSTGRESQL
    shares_transactions = False

    def __init__(self, url: str, *, hot_only: bool = False) -> None:
        """``hot_only``: for the event loop, which does not wait long, nor for a plan."""
        self._url = url
        self._hot_only = hot_only
        self._engine: Engine | None = None
        self._connection: Connection | None = None
        self._raw: Any = None
        self._pipe: Pipe | None = None
        self._writer = secrets.randbits(63)
        self._batch = 0

    def near(self) -> None:
        return None

    def stepped(self) -> "PostgresBackend":
        return PostgresBackend(self._url, hot_only=True)

    def open(self) -> Tx:
        self._disconnect()
        self._engine = engine(self._url, read_only=False)
        event.listen(self._engine, "do_connect", _connect)
        self._connection = self._engine.connect()
        self._raw = self._connection.connection.driver_connection
        lock_seconds = _LOOP_LOCK_SECONDS if self._hot_only else _LOCK_SECONDS
        self._raw.execute(f"SET lock_timeout = '{lock_seconds}s'")
        # a plan made while a table was small would go on reading all of it as it grows
        self._raw.execute("SET enable_seqscan = off")
        self._raw.execute("SET jit = off")
        if self._hot_only:
            self._raw.execute("SET plan_cache_mode = force_generic_plan")
        self._pipe = self._raw.pipe = Pipe(self._raw, plans_once=self._hot_only)
        return Tx(self._connection, self._raw, self.dialect)

    def abandon(self) -> None:
        if self._pipe is not None:
            self._pipe.drop()
        if self._raw is not None:
            self._raw.close()

    def close(self) -> None:
        if self._connection is not None:
            with suppress(psycopg.Error):  # a small row that stays does no harm
                self._raw.execute(_FORGET, (self._writer,))
        self._disconnect()

    def _disconnect(self) -> None:
        if self._connection is not None:
            if self._raw is not None and self._raw.closed:
                self._connection.invalidate()
            self._connection.close()
            self._connection = None
        if self._engine is not None:
            self._engine.dispose()
            self._engine = None

    def begin(self, *, full: bool) -> None:
        # a batch of holds only may be lost with the machine's power, not with the process
        self._batch += 1
        pipe = self._piped()
        pipe.add("BEGIN")
        pipe.add(_DURABLE if full else _LATER)
        pipe.add(_MARK, whole(self._writer), whole(self._batch))

    def commit(self) -> None:
        at_once(self._piped().run, self.committing())

    def committing(self) -> Steps[None]:
        self._piped().add("COMMIT")
        try:
            yield
        except psycopg.Error as error:
            if self.classify(error) is Failure.GONE:
                raise CommitLost from error
            raise

    def rollback(self) -> None:
        pipe = self._piped()
        pipe.drop()
        pipe.add("ROLLBACK")
        with suppress(psycopg.OperationalError):  # the transaction went with the connection
            pipe.run()

    def savepoint(self) -> None:
        pipe = self._piped()
        pipe.add("SAVEPOINT operation")
        pipe.run()

    def release(self) -> None:
        pipe = self._piped()
        pipe.add("RELEASE operation")
        pipe.run()

    def rollback_to(self) -> None:
        pipe = self._piped()
        pipe.drop()
        pipe.add("ROLLBACK TO operation")
        pipe.add("RELEASE operation")
        pipe.run()

    def _piped(self) -> Pipe:
        assert self._pipe is not None, "only an open backend is used"
        return self._pipe

    def classify(self, error: BaseException) -> Failure | None:
        cause = error.orig if isinstance(error, DBAPIError) else error
        if not isinstance(cause, psycopg.Error):
            return None
        if isinstance(cause, _RETRY):
            return Failure.RETRY
        if isinstance(cause, _GONE) or self._raw is None or self._raw.closed:
            return Failure.GONE
        return Failure.FATAL if isinstance(cause, psycopg.OperationalError) else None

    def was_committed(self) -> bool:
        row = self._raw.execute(_ASK, (self._writer,)).fetchone()
        return bool(row[0] == self._batch)
