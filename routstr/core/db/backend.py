"""What the writer needs of a database: one connection, explicit transactions, clear failures."""

from dataclasses import dataclass
from enum import Enum, StrEnum
from typing import Any, Protocol

from sqlalchemy import Connection

from routstr.core.db.steps import Steps


class Dialect(StrEnum):
    """The two databases a node runs on."""

    SQLITE = "sqlite"
    POSTGRESQL = "postgresql"


@dataclass(frozen=True, slots=True)
class Tx:
    """An open write transaction: ``sql`` for SQLAlchemy Core, ``raw`` for hot statements."""

    sql: Connection
    raw: Any  # sqlite3.Connection or psycopg.Connection: hot operations speak the driver's own SQL
    dialect: Dialect


class Failure(Enum):
    """What a driver's error means for a batch that had not been told to commit."""

    RETRY = "retry"  # deadlock, serialisation: the same batch can run again at once
    GONE = "gone"  # the connection is lost: reconnect, then the same batch can run again
    FATAL = "fatal"  # disk full, locked for too long, read-only: tell every caller


class CommitLost(Exception):
    """COMMIT was sent and its answer never came; :meth:`Backend.was_committed` finds out."""


class Backend(Protocol):
    """One writing connection; every call is made by one thread, the writer's or the loop's.

    Tests wrap a backend to fail or to kill the process before and after a commit.
    """

    dialect: Dialect
    shares_transactions: bool
    """Whether functions may share a transaction: nobody else holds a lock that one waits for."""

    def near(self) -> "Backend | None":
        """Another connection to the same file, for the event loop's own thread.

        It never waits for a lock. None: the database is too far away for that.
        """
        ...

    def stepped(self) -> "Stepped | None":
        """Another connection, for batches that the event loop carries out without waiting.

        None: the database has no such connections.
        """
        ...

    def open(self) -> Tx:
        """Connect (again) and return the handle that every batch uses until the next open."""
        ...

    def close(self) -> None:
        """Close the connection; never raises for a connection that is already dead."""
        ...

    def begin(self, *, full: bool) -> None:
        """Begin a write transaction; ``full`` asks for durability against a power cut."""
        ...

    def commit(self) -> None:
        """Make the batch durable, or raise :class:`CommitLost` when nobody can tell."""
        ...

    def rollback(self) -> None:
        """End the transaction without effect; quiet when there is none."""
        ...

    def savepoint(self) -> None:
        """Mark the point to which one failing operation is undone."""
        ...

    def release(self) -> None:
        """Keep what was done since the savepoint."""
        ...

    def rollback_to(self) -> None:
        """Undo what was done since the savepoint."""
        ...

    def classify(self, error: BaseException) -> Failure | None:
        """Tell what a database error means; ``None`` when it is the operation's own fault."""
        ...

    def was_committed(self) -> bool:
        """Say whether the last batch took effect, after a lost commit and a new :meth:`open`."""
        ...


class Stepped(Backend, Protocol):
    """A connection with a pipe (``Tx.raw.pipe``), on which whoever carries on makes the trips."""

    def committing(self) -> Steps[None]:
        """As :meth:`commit`, in steps."""
        ...

    def abandon(self) -> None:
        """Close the connection as it is, and send nothing any more; what is open is undone."""
        ...
