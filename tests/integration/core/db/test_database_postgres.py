"""Connections that die, commits without an answer, deadlocks, and a server that crashes."""

import asyncio
import os
import signal
import threading
import time
from collections.abc import Callable
from typing import Any, LiteralString

import psycopg
import pytest
from psycopg import sql
from sqlalchemy import Connection, text
from sqlalchemy.exc import IntegrityError

from routstr.core.db import CommitLost, Database, Tx
from routstr.core.db.postgres import PostgresBackend
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from tests.integration.core.db.things import Things, insert, names

pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)


def admin(url: str) -> "psycopg.Connection[Any]":
    """A connection of somebody else."""
    return psycopg.connect(url.replace("+psycopg", ""), autocommit=True)


def terminate(url: str, pid: int) -> None:
    with admin(url) as other:
        other.execute("SELECT pg_terminate_backend(%s)", (pid,))
        while other.execute("SELECT 1 FROM pg_stat_activity WHERE pid = %s", (pid,)).fetchone():
            time.sleep(0.01)


def backend_pid(tx: Tx) -> int:
    pid: int = tx.raw.info.backend_pid
    return pid


class Severed(PostgresBackend):
    """Runs ``cut`` in the place of the next commit."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self.url = url
        self.cut: Callable[[Severed], None] | None = None
        self.asked = 0

    def commit(self) -> None:
        cut, self.cut = self.cut, None
        if cut is not None:
            cut(self)
        super().commit()

    def was_committed(self) -> bool:
        self.asked += 1
        return super().was_committed()

    @property
    def raw(self) -> Any:
        return self._raw


def before_commit(backend: Severed) -> None:
    """The server ends the session before COMMIT reaches it."""
    terminate(backend.url, backend.raw.info.backend_pid)


def without_answer(backend: Severed) -> None:
    """COMMIT is on its way, with what was queued before it, and then the line is dead."""
    backend.raw.pipe.add("COMMIT")
    backend.raw.pipe.send()
    backend.raw.close()
    raise CommitLost


async def test_a_session_that_ended_between_two_writes_is_nobodys_business(things: Things) -> None:
    db = things.open()
    terminate(things.url, await db.write(backend_pid))
    assert await db.write(insert("a")) == "a"


async def test_a_session_that_ends_inside_of_a_batch_is_nobodys_business(things: Things) -> None:
    db = things.open()
    cuts = iter([True])

    def cut_once(tx: Tx) -> str:
        if next(cuts, False):
            terminate(things.url, backend_pid(tx))
        return insert("b")(tx)

    writes = (insert("a"), cut_once, insert("c"))
    assert await asyncio.gather(*(db.write(fn) for fn in writes)) == ["a", "b", "c"]
    assert await db.read(names) == ["a", "b", "c"]


@pytest.mark.parametrize("cut", [before_commit, without_answer])
async def test_a_commit_without_an_answer_takes_effect_once(
    things: Things, cut: Callable[[Severed], None]
) -> None:
    backend = Severed(things.url)
    db = things.open(backend)
    backend.cut = cut
    writes = [db.write(insert(name)) for name in ("a", "b", "c")]
    assert await asyncio.gather(*writes) == ["a", "b", "c"]
    assert backend.asked == 1
    assert await db.read(names) == ["a", "b", "c"]


def at_commit(url: str, statement: LiteralString) -> None:
    """Let the server run this for every new row when it is asked to commit."""
    body = sql.Literal(f"BEGIN {statement}; RETURN NULL; END")
    with admin(url) as other:
        other.execute(
            sql.SQL("CREATE FUNCTION late() RETURNS trigger LANGUAGE plpgsql AS {}").format(body)
        )
        other.execute(
            "CREATE CONSTRAINT TRIGGER late AFTER INSERT ON things DEFERRABLE INITIALLY DEFERRED"
            " FOR EACH ROW EXECUTE FUNCTION late()"
        )


async def test_a_commit_that_still_goes_on_is_waited_for(things: Things) -> None:
    backend = Severed(things.url)
    db = things.open(backend)
    at_commit(things.url, "PERFORM pg_sleep(0.4)")
    backend.cut = without_answer
    began = time.monotonic()
    assert await db.write(insert("a")) == "a"
    assert time.monotonic() - began > 0.4
    assert await db.read(names) == ["a"]


async def test_the_first_commit_of_a_writer_is_waited_for_too(things: Things) -> None:
    """Its row is not there yet; only an insert notices that somebody else writes it."""
    backend = Severed(things.url)
    at_commit(things.url, "PERFORM pg_sleep(0.3)")
    backend.cut = without_answer
    assert await things.open(backend).write(insert("a")) == "a"
    assert backend.asked == 1


async def test_a_commit_that_goes_on_for_too_long_is_not_called_nothing(things: Things) -> None:
    class Hurried(Severed):
        def was_committed(self) -> bool:
            self.raw.execute("SET lock_timeout = '100ms'")
            return super().was_committed()

    backend = Hurried(things.url)
    db = things.open(backend)
    at_commit(things.url, "PERFORM pg_sleep(0.4)")
    backend.cut = without_answer
    with pytest.raises(OutcomeUnknown):
        await db.write(insert("a"))
    with pytest.raises(IntegrityError):  # it did take effect
        await db.write(insert("a"))
    assert await db.read(names) == ["a"]


async def test_a_writer_that_stops_leaves_no_mark(things: Things) -> None:
    one, other = things.open(), things.open()
    for db in (one, other, one):
        await db.write(insert(f"{id(db)}{len(await db.read(names))}"))
    marks = text("SELECT batch FROM write_marks ORDER BY batch")
    assert [row[0] for row in await other.read(lambda c: c.execute(marks).all())] == [1, 2]
    await one.stop()
    assert [row[0] for row in await other.read(lambda c: c.execute(marks).all())] == [1]


async def test_a_commit_that_the_server_refuses_changes_nothing(things: Things) -> None:
    db = things.open()
    at_commit(things.url, "RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'")
    with pytest.raises(DatabaseUnavailable):
        await db.write(insert("a"))
    assert await db.read(names) == []
    assert await db.write(lambda tx: tx.raw.execute("SELECT 1").fetchone()) == (1,)


async def test_a_deadlock_is_run_again_and_nobody_notices(things: Things) -> None:
    one, other = things.open(), things.open()
    await asyncio.gather(*(one.write(insert(name)) for name in ("a", "b")))
    both_locked = threading.Barrier(2)
    runs: list[str] = []

    def crosswise(first: str, second: str) -> Callable[[Tx], None]:
        def run(tx: Tx) -> None:
            runs.append(first)
            lock = text("UPDATE things SET name = name WHERE name = :name")
            tx.sql.execute(lock, {"name": first})
            if runs.count(first) == 1:
                both_locked.wait(5)
            tx.sql.execute(lock, {"name": second})

        return run

    await asyncio.gather(one.write(crosswise("a", "b")), other.write(crosswise("b", "a")))
    assert len(runs) > 2  # one of them again


async def test_a_serialisation_failure_is_run_again(things: Things) -> None:
    db = things.open()
    await db.write(insert("a"))
    runs: list[int] = []

    def overtaken(tx: Tx) -> None:
        runs.append(1)
        if len(runs) == 1:
            tx.raw.execute("ROLLBACK")
            tx.raw.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            tx.raw.execute("SAVEPOINT operation")
            tx.raw.execute("SELECT * FROM things")
            with admin(things.url) as other:
                other.execute("UPDATE things SET name = 'b'")
        tx.sql.execute(text("UPDATE things SET name = name || '!'"))

    await db.write(overtaken)
    assert len(runs) == 2
    assert await db.read(names) == ["b!"]


async def test_a_row_that_somebody_keeps_locked_is_told_and_later_writes_work(
    things: Things,
) -> None:
    db = things.open()
    await db.write(insert("a"))
    assert await db.write(lambda tx: tx.raw.execute("SHOW lock_timeout").fetchone()) == ("10s",)
    await db.write(lambda tx: tx.raw.execute("SET lock_timeout = '100ms'"))
    change = text("UPDATE things SET name = name || ' changed'")
    with admin(things.url) as other:
        other.execute("BEGIN")
        other.execute("SELECT * FROM things FOR UPDATE")
        with pytest.raises(DatabaseUnavailable):
            await db.write(lambda tx: tx.sql.execute(change))
        assert await db.write(insert("b")) == "b"  # what needs no such row goes on
    await db.write(lambda tx: tx.sql.execute(change))
    assert await db.read(names) == ["a changed", "b changed"]


async def test_readers_get_over_ended_sessions(things: Things) -> None:
    db = things.open()
    pid = await db.read(lambda c: c.execute(text("SELECT pg_backend_pid()")).scalar_one())
    terminate(things.url, pid)
    assert await db.read(names) == []

    def interrupted(connection: Connection) -> None:
        terminate(things.url, connection.execute(text("SELECT pg_backend_pid()")).scalar_one())
        connection.execute(text("SELECT 1"))

    with pytest.raises(DatabaseUnavailable):
        await db.read(interrupted)
    assert await db.read(names) == []


async def test_a_server_that_never_answers_is_noticed(things: Things) -> None:
    db = things.open()
    wanted = {"keepalives_idle", "keepalives_interval", "keepalives_count", "tcp_user_timeout"}
    assert wanted <= await db.write(lambda tx: tx.raw.info.get_parameters().keys())


async def test_a_database_that_stays_away_is_told_and_later_works(things: Things) -> None:
    db = things.open(reconnect_seconds=0.3)
    name = things.url.partition("@/")[2].partition("?")[0]
    pid = await db.write(backend_pid)
    with admin(things.url.replace(name, "postgres")) as other:
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        terminate(things.url.replace(name, "postgres"), pid)
        with pytest.raises(DatabaseUnavailable):
            await db.write(insert("a"))
        with pytest.raises(DatabaseUnavailable):
            await db.read(names)
        other.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")
    assert await db.write(insert("later")) == "later"
    assert await db.read(names) == ["later"]


async def test_what_was_acknowledged_survives_a_crash_of_the_server(things: Things) -> None:
    """Under load one process of the server is killed; it ends the others and recovers its log."""
    instances = [things.open() for _ in range(2)]
    acknowledged: list[str] = []
    crashed = asyncio.Event()

    async def load(db: Database, caller: int) -> None:
        for n in range(10_000):
            name = await db.write(insert(f"{caller}-{n}"))
            acknowledged.append(name)
            if crashed.is_set() and n > 20:
                return

    loads = [
        asyncio.create_task(load(db, n * 10 + k))
        for n, db in enumerate(instances)
        for k in range(8)
    ]
    await asyncio.sleep(0.2)
    victim = admin(things.url)
    os.kill(victim.info.backend_pid, signal.SIGKILL)
    with pytest.raises(psycopg.OperationalError):
        victim.execute("SELECT pg_sleep(5)")
    victim.close()
    crashed.set()
    await asyncio.gather(*loads)
    assert len(acknowledged) > 100
    assert sorted(acknowledged) == sorted(await instances[0].read(names))
