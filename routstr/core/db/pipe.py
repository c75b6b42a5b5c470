"""Statements for PostgreSQL that are queued, and sent together when an answer is needed.

A cursor of the driver costs more than most statements of a hot batch, and each answer that is
waited for costs the interpreter, which the event loop wants meanwhile. So hot statements speak to
libpq through the driver's own wrapper (:mod:`psycopg.pq`): prepared once for each connection,
values as PostgreSQL writes them, one wait for all that is queued, which the event loop spends
otherwise.

Everything else goes through the connection's cursors as ever; whoever asks for one has what is
queued carried out first.
"""

import select
from collections.abc import Generator, Sequence
from itertools import count
from typing import Any, Final

import psycopg
from psycopg import pq
from psycopg.pq.abc import PGresult

from routstr.core.db.postgres_values import Row
from routstr.core.db.steps import Answers

_NUL: Final = 0
READ: Final = select.POLLIN
BOTH: Final = select.POLLIN | select.POLLOUT
_OK: Final = pq.ConnStatus.OK
_FATAL_ERROR: Final = pq.ExecStatus.FATAL_ERROR

Came = tuple[Answers, PGresult | None]
"""The rows of statements, and the first error."""
Trip = Generator[int, None, Came]


class Piped(psycopg.Connection[Any]):
    """A connection with a pipe, once it has one."""

    pipe: "Pipe | None" = None

    def cursor(self, *arguments: Any, **options: Any) -> Any:  # noqa: ANN401 - as the driver has it
        """A cursor, after all that is queued."""
        if self.pipe is not None:
            self.pipe.run()
        return super().cursor(*arguments, **options)


class Pipe:
    """The queue of one connection, used by one thread. ``trips`` counts the waits.

    ``plans_once``: the connection plans each statement once, whatever its values are.
    """

    def __init__(self, connection: "psycopg.Connection[Any]", *, plans_once: bool = False) -> None:
        self.plans_once: Final = plans_once
        self._connection: Final = connection
        self._pg: Final = connection.pgconn
        self._poll: Final = select.poll()
        self._poll.register(self._pg.socket, READ)
        self._queue: list[tuple[str, Sequence[bytes | None]]] = []
        self._names: dict[str, bytes] = {}
        self._new: list[str] = []  # names given on this trip
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

    def run(self) -> Answers:
        """Send what is queued and wait for it: the rows of each statement.

        Raises the first error, as the driver does; what follows it was not carried out. A
        connection on which anything else fails is closed.
        """
        if not self._queue:
            return []
        try:
            came = self._made(self.trip())
        except BaseException:
            self._connection.close()
            raise
        return self.told(came)

    def _made(self, trip: Trip) -> Came:
        while True:
            try:
                self._wait(next(trip))
            except StopIteration as end:
                came: Came = end.value
                return came

    def trip(self) -> Trip:
        """Send what is queued and take the answers, for :meth:`told`.

        Each ``yield`` says for which events on :attr:`socket` this waits. Of what it raises the
        connection does not recover.
        """
        pg, found, error = self._pg, [], None
        sent = self._sent()
        while pg.flush():
            yield BOTH
            pg.consume_input()
        for wanted in sent:
            while pg.is_busy():
                yield READ
                pg.consume_input()
            answer = pg.get_result()
            if answer is None or pg.status != _OK:
                raise psycopg.OperationalError("the connection is lost")
            if answer.status == _FATAL_ERROR:
                error = error or answer
            elif wanted:
                found.append(_rows(answer))
            while pg.is_busy():
                yield READ
                pg.consume_input()
            pg.get_result()  # none: the end of this command
        while pg.is_busy():
            yield READ
            pg.consume_input()
        pg.get_result()  # the server is through with all of them
        pg.exit_pipeline_mode()
        return found, error

    def told(self, came: Came) -> Answers:
        """The rows that a trip brought, or its error raised."""
        found, error = came
        if error is None:
            self._new.clear()
            return found
        told = psycopg.errors.error_from_result(error)
        # what was to be prepared just now may not be; the driver, too, deallocates at times
        gone = isinstance(told, psycopg.errors.InvalidSqlStatementName)
        for statement in [*self._names] if gone else self._new:
            del self._names[statement]
        self._new.clear()
        raise told

    @property
    def socket(self) -> int:
        """The connection's own."""
        return self._pg.socket

    def heard(self) -> None:
        """Take what the server says unasked; raises when it is gone."""
        self._pg.consume_input()
        self._pg.is_busy()

    def send(self) -> None:
        """Send what is queued, and never ask what became of it."""
        self._sent()
        while self._pg.flush():
            self._wait(BOTH)

    def _sent(self) -> list[bool]:
        """Hand over what is queued: of each command, whether it is a statement and has rows."""
        queue, self._queue = self._queue, []
        pg = self._pg
        pg.enter_pipeline_mode()
        sent = []
        for statement, values in queue:
            name = self._names.get(statement)
            if name is None:
                name = self._names[statement] = b"routstr_%d" % next(self._numbers)
                self._new.append(statement)
                pg.send_prepare(name, _numbered(statement))
                sent.append(False)
            pg.send_query_prepared(name, values)
            sent.append(True)
        pg.pipeline_sync()
        self.trips += 1
        return sent

    def _wait(self, events: int) -> None:
        poll = self._poll
        if events != READ:
            poll.modify(self._pg.socket, events)
        poll.poll()
        if events != READ:
            poll.modify(self._pg.socket, READ)


def _rows(answer: PGresult) -> list[Row]:
    columns = range(answer.nfields)
    take = answer.get_value
    return [[take(row, column) for column in columns] for row in range(answer.ntuples)]


def _numbered(statement: str) -> bytes:
    """A statement with ``$1`` for its first ``%s``, and so on."""
    first, *others = statement.split("%s")
    return "".join([first, *(f"${n}{part}" for n, part in enumerate(others, 1))]).encode()
