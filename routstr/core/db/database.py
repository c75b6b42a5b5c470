"""The database as the rest of the node sees it."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from types import ModuleType
from typing import Any, Final, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import DBAPIError

from routstr.core.db import sqlite
from routstr.core.db.backend import Backend, Dialect, Tx
from routstr.core.db.jobs import HotBatch, Job
from routstr.core.db.near import WAIT_SECONDS_MAX
from routstr.core.db.replica import Replica
from routstr.core.db.retries import Retried
from routstr.core.db.writer import RECONNECT_SECONDS_MAX, Committed, Writer
from routstr.errors import DatabaseUnavailable

T = TypeVar("T")

READERS: Final = 4


@dataclass(frozen=True, slots=True)
class Load:
    """What the connections of this process do; one more writes, on PostgreSQL two."""

    reading: int
    readers: int
    reads_waiting: int
    writes_waiting: int


def open_backend(url: str) -> Backend:
    """Choose the backend for a normalised ``DATABASE_URL``; it connects when it is opened."""
    if url.startswith("sqlite"):
        return sqlite.SqliteBackend(url)
    backend: Backend = driver(url).PostgresBackend(url)
    return backend


def driver(url: str) -> ModuleType:
    """The module that speaks with this database: ``sqlite`` or ``postgres``."""
    if url.startswith("sqlite"):
        return sqlite
    from routstr.core.db import postgres  # noqa: PLC0415 - 11 MB that SQLite never needs

    return postgres


class Database:
    """One database: writes through one thread or the event loop, reads from snapshots in others.

    ``backend`` is the port through which tests inject failures; a node leaves it out.
    ``reconnect_seconds`` is how long a write waits for a database that went away;
    ``committed`` is told of every batch by whoever wrote it, one at a time, and ``retried`` why one
    began again. ``readers`` read at the same time; ``replica_url`` is a copy for statistics,
    and ``disk_seconds`` how long the event loop waits for the disk, on average.
    """

    def __init__(  # noqa: PLR0913 - what a node, a benchmark and a test each want of it
        self,
        url: str,
        backend: Backend | None = None,
        *,
        reconnect_seconds: float = RECONNECT_SECONDS_MAX,
        committed: Committed = lambda _operations, _seconds: None,
        retried: Retried = lambda _why: None,
        readers: int = READERS,
        replica_url: str = "",
        disk_seconds: float = WAIT_SECONDS_MAX,
    ) -> None:
        self._backend = backend if backend is not None else open_backend(url)
        self._writer = Writer(
            self._backend,
            reconnect_seconds=reconnect_seconds,
            committed=committed,
            retried=retried,
            disk_seconds=disk_seconds,
        )
        self._module = driver(url)
        self._readers = self._module.engine(url, read_only=True, readers=readers)
        self._threads = ThreadPoolExecutor(readers, "database-reader")
        self._readers_max = readers
        self._reading = 0  # or waiting to
        self.replica = Replica(replica_url, self._module) if replica_url else None
        self._snapshot = (
            "BEGIN"
            if self.dialect is Dialect.SQLITE
            else "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
        )

    @property
    def dialect(self) -> Dialect:
        """Which of the two databases this is."""
        return self._backend.dialect

    def start(self) -> None:
        """Connect the writer. Raises the driver's error when the database cannot be opened."""
        self._writer.start()

    async def stop(self) -> None:
        """Commit what is queued, then close every connection."""
        self._writer.close()
        await asyncio.to_thread(self._writer.join)
        await asyncio.to_thread(self._threads.shutdown)
        self._readers.dispose()
        if self.replica is not None:
            await asyncio.to_thread(self.replica.close)

    @property
    def load(self) -> Load:
        """How busy the connections are at this moment."""
        reading = min(self._reading, self._readers_max)
        return Load(reading, self._readers_max, self._reading - reading, self._writer.waiting)

    async def write(self, fn: Callable[[Tx], T]) -> T:
        """Run ``fn`` in the writer thread inside a transaction; its result follows the commit.

        ``fn`` is synchronous, does SQL only and may run again when the database asks for it. What
        it raises undoes its own effects and is raised here. ``DatabaseUnavailable``: nothing was
        changed; ``OutcomeUnknown``: nobody can tell. Cancelling the caller does not cancel the
        write.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        self._writer.submit(Job(loop, future, fn=fn))
        return await future

    def hot(
        self,
        batch: HotBatch,
        op: object,
        *,
        full: bool,
        orphan: Callable[[Any], None] | None = None,
    ) -> "asyncio.Future[Any]":
        """Queue plain data for a batch function; ``full``: wait for the disk.

        The operation is carried out even if the awaiting task is cancelled; ``orphan`` is then told
        its result on the event loop.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Any] = loop.create_future()
        self._writer.submit(Job(loop, future, batch=batch, op=op, full=full, orphan=orphan))
        return future

    async def read(self, fn: Callable[[Connection], T]) -> T:
        """Run ``fn`` in a reader thread on one consistent snapshot of the database.

        Raises ``DatabaseUnavailable`` when the database cannot be asked.
        """
        loop = asyncio.get_running_loop()
        self._reading += 1
        try:
            return await loop.run_in_executor(self._threads, self._read, fn)
        finally:
            self._reading -= 1

    async def read_statistics(self, fn: Callable[[Connection], T]) -> T:
        """As :meth:`read`, but of the replica if there is one that keeps up.

        What it says may be half a minute old: for what is shown, never for what is decided.
        """
        if self.replica is None:
            return await self.read(fn)
        return await self.replica.read(fn, lambda: self.read(fn))

    def _read(self, fn: Callable[[Connection], T]) -> T:
        try:
            with self._readers.connect() as connection:
                connection.exec_driver_sql(self._snapshot)
                return fn(connection)  # the pool rolls back when the connection returns to it
        except DBAPIError as error:
            if not self._module.is_unavailable(error):
                raise
            raise DatabaseUnavailable from error
