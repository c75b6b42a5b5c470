"""Statements for PostgreSQL that are queued, and sent together when an answer is needed.

A cursor of the driver costs more than most statements of a hot batch, and each answer that is
waited for costs the interpreter, which the event loop wants meanwhile. So hot statements speak to
libpq through the driver's own wrapper (:mod:`psycopg.pq`): prepared once for each connection,
values as PostgreSQL writes them, one wait for all that is queued.

Everything else goes through the connection's cursors as ever; whoever asks for one has what is
queued carried out first.
"""

import select
from collections.abc import Sequence
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult

from routstr.core.db.postgres_values import Row

_NUL: Final = 0
_READ: Final = select.POLLIN
_BOTH: Final = select.POLLIN | select.POLLOUT


class Piped(psycopg.Connection[Any]):
    """A connection with a pipe, once it has one."""

    pipe: "Pipe | None" = None

    def cursor(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the driver has it
        """A cursor, after all that is queued."""
        if self.pipe is not None:
            self.pipe.run()
        return super().cursor(*arguments, **options)


class Pipe:
    """The queue of one connection, used by its one thread. ``trips`` counts the waits."""

    def __init__(self, connection: "psycopg.Connection[Any]") -> None:
        self._connection: Final = connection
        self._pg: Final = connection.pgconn
        self._poll: Final = select.poll()
        self._poll.register(self._pg.socket, _READ)
        self._queue: list[tuple[str, Sequence[bytes | None]]] = []
        self._names: dict[str, bytes] = {}
        self._numbers: Final = count()
        self.trips = 0

    def add(self, statement: str, *values: bytes | None) -> None:
        """Queue a statement; its values stand for each ``%s`` in turn."""
        if any(_NUL in value for value in values if value is not None):
            raise psycopg.DataError("text cannot hold NUL")  # libpq would cut it off there
        self._queue.append((statement, values))

    def drop(self) -> None:
        """Forget what is queued."""
        self._queue.clear()

    def run(self) -> list[list[Row]]:
        """Send what is queued and wait for it: the rows of each statement.

        Raises the first error, as the driver does; what follows it was not carried out. A
        connection on which anything else fails is closed.
        """
        if not self._queue:
            return []
        known = dict(self._names)
        try:
            found, error = self._receive(self.send())
            self._pg.exit_pipeline_mode()
        except BaseException:
            self._connection.close()
            raise
        if error is not None:
            told = psycopg.errors.error_from_result(error)
            # what was to be prepared just now may not be; the driver, too, deallocates at times
            gone = isinstance(told, psycopg.errors.InvalidSqlStatementName)
            self._names = {} if gone else known
            raise told
        return found

    def send(self) -> list[bool]:
        """Send what is queued: of each command, whether it is a statement and has rows."""
        queue, self._queue = self._queue, []
        pg = self._pg
        pg.enter_pipeline_mode()
        sent = []
        for statement, values in queue:
            name = self._names.get(statement)
            if name is None:
                name = self._names[statement] = b"routstr_%d" % next(self._numbers)
                pg.send_prepare(name, _numbered(statement))
                sent.append(False)
            pg.send_query_prepared(name, values)
            sent.append(True)
        pg.pipeline_sync()
        while pg.flush():
            self._wait(_BOTH)
        self.trips += 1
        return sent

    def _receive(self, sent: Sequence[bool]) -> tuple[list[list[Row]], PGresult | None]:
        """Take all answers; the rows of statements, and the first error."""
        found: list[list[Row]] = []
        error = None
        for wanted in sent:
            answer = self._answer()
            if answer is None or self._pg.status != pq.ConnStatus.OK:
                raise psycopg.OperationalError("the connection is lost")
            if answer.status == pq.ExecStatus.FATAL_ERROR:
                error = error or answer
            elif wanted:
                found.append(_rows(answer))
            self._answer()  # none: the end of this command
        self._answer()  # the server is through with all of them
        return found, error

    def _answer(self) -> PGresult | None:
        pg = self._pg
        while pg.is_busy():
            self._wait(_READ)
        return pg.get_result()

    def _wait(self, events: int) -> None:
        poll = self._poll
        if events != _READ:
            poll.modify(self._pg.socket, events)
        ready = poll.poll()
        if events != _READ:
            poll.modify(self._pg.socket, _READ)
        if ready[0][1] & ~select.POLLOUT:
            self._pg.consume_input()


def _rows(answer: PGresult) -> list[Row]:
    columns = range(answer.nfields)
    take = answer.get_value
    return [[take(row, column) for column in columns] for row in range(answer.ntuples)]


def _numbered(statement: str) -> bytes:
    """A statement with ``$1`` for its first ``%s``, and so on."""
    first, *others = statement.split("%s")
    return "".join([first, *(f"${n}{part}" for n, part in enumerate(others, 1))]).encode()
