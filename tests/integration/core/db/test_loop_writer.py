"""Hot batches that the event loop carries out on PostgreSQL, on a real server."""

import asyncio
import tempfile
import threading
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from sqlalchemy import text

from devkit.postgres import Postgres
from routstr.core.db import Database, Failure, Tx
from routstr.core.db.loop_writer import BATCH_JOBS_MAX
from routstr.core.db.postgres import PostgresBackend
from routstr.core.db.postgres_values import texts
from routstr.core.db.retries import Retry
from routstr.core.db.steps import Steps, at_once
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from tests.integration.core.db.line import Cut, Line
from tests.integration.core.db.test_database_postgres import admin, at_commit, terminate
from tests.integration.core.db.things import Things, insert, names

pytestmark = pytest.mark.parametrize(
    "database_url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True
)

_ADD = "INSERT INTO things SELECT unnest(%s::text[])"
_PIDS = "SELECT pg_backend_pid()"


class Names:
    """A batch function in two steps; ``threads`` are those that carried it out."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.sizes: list[int] = []
        self.pid = 0
        self.raises: list[BaseException] = []

    def __call__(self, tx: Tx, names: Sequence[str]) -> Sequence[str]:
        return at_once(tx.raw.pipe.run, self.steps(tx, names))

    def steps(self, tx: Tx, names: Sequence[str]) -> Steps[Sequence[str]]:
        self.threads.append(threading.get_ident())
        self.sizes.append(len(names))
        tx.raw.pipe.add(_PIDS)
        found = yield
        self.pid = int(found[-1][0][0] or b"")
        if self.raises:
            raise self.raises.pop()
        tx.raw.pipe.add(_ADD, texts(names))
        return [name.upper() for name in names]

    @property
    def by_loop(self) -> list[bool]:
        """Of each call: whether it was the event loop's."""
        return [thread == threading.get_ident() for thread in self.threads]


class Changes(Names):
    def steps(self, tx: Tx, names: Sequence[str]) -> Steps[Sequence[str]]:
        self.threads.append(threading.get_ident())
        tx.raw.pipe.add("UPDATE things SET name = name || '!'")
        yield
        return names


async def afloat(db: Database, batch: Names) -> None:
    """Until the loop has a connection; nothing is noted of how it got there."""
    for number in range(500):
        await db.hot(batch, f"try {time.monotonic_ns()} {number}", full=False)
        if batch.by_loop[-1]:
            break
        await asyncio.sleep(0.01)
    else:
        raise AssertionError("the loop never has a connection")
    await db.write(lambda tx: tx.sql.execute(text("DELETE FROM things")))
    batch.threads.clear()
    batch.sizes.clear()


@pytest.fixture
async def db(things: Things) -> Database:
    return things.open()


@pytest.fixture
async def batch(db: Database) -> Names:
    batch = Names()
    await afloat(db, batch)
    return batch


async def test_the_first_is_the_threads_and_the_others_are_the_loops(things: Things) -> None:
    db, batch = things.open(), Names()
    assert await db.hot(batch, "a", full=True) == "A"
    assert batch.by_loop == [False]
    await afloat(db, batch)
    assert await db.hot(batch, "b", full=True) == "B"
    assert batch.by_loop == [True]


async def test_who_writes_functions_only_has_one_connection(things: Things) -> None:
    db = things.open()
    for name in ("a", "b"):
        await db.write(insert(name))
    count = text("SELECT count(*) FROM write_marks")
    assert await db.read(lambda c: c.execute(count).scalar_one()) == 1


async def test_what_arrives_while_one_is_under_way_is_one_batch(db: Database, batch: Names) -> None:
    first = db.hot(batch, "first", full=True)
    await asyncio.sleep(0)
    later = []
    for number in range(20):
        later.append(db.hot(batch, f"{number:02}", full=True))
        await asyncio.sleep(0)
        if first.done():
            break
    await asyncio.gather(first, *later)
    assert batch.by_loop == [True] * len(batch.threads)
    assert batch.sizes[0] == 1
    assert len(batch.sizes) < 1 + len(later), "not one for each"
    assert len(await db.read(names)) == 1 + len(later)


async def test_the_next_is_on_its_way_before_anybody_hears_of_the_last(
    db: Database, batch: Names
) -> None:
    begun_by_then: list[list[int]] = []
    first = db.hot(batch, "a", full=True)
    first.add_done_callback(lambda _: begun_by_then.append([*batch.sizes]))
    await asyncio.sleep(0)  # sent
    second = db.hot(batch, "b", full=True)
    await asyncio.gather(first, second)
    assert begun_by_then == [[1, 1]]


async def test_a_long_turn_carries_on_what_is_under_way(db: Database, batch: Names) -> None:
    first = db.hot(batch, "a", full=True)
    await asyncio.sleep(0)  # sent; from here on the loop never looks at its sockets
    behind = []
    for number in range(50):
        time.sleep(0.02)  # noqa: ASYNC251 - what a turn with much to do is
        behind.append(db.hot(batch, f"{number:02}", full=True))
        if first.done():
            break
    assert first.result() == "A"
    await asyncio.gather(*behind)
    assert len(await db.read(names)) == 1 + len(behind)


async def test_functions_and_hot_jobs_of_one_turn_go_their_ways(db: Database, batch: Names) -> None:
    hot, plain = db.hot(batch, "a", full=True), asyncio.ensure_future(db.write(insert("b")))
    assert [*await asyncio.gather(hot, plain)] == ["A", "b"]
    assert batch.by_loop == [True]


async def test_more_than_a_socket_takes_at_once(db: Database, batch: Names) -> None:
    long = ["x" * 50 + f"{number:05}" for number in range(12_000)]
    piece = 200
    chunks = [long[start : start + piece] for start in range(0, len(long), piece)]

    class Lists(Names):
        def steps(self, tx: Tx, names: Sequence[Any]) -> Steps[Sequence[str]]:
            yield from super().steps(tx, [name for some in names for name in some])
            return names

    lists = Lists()
    answers = [db.hot(lists, chunk, full=False) for chunk in chunks]
    await asyncio.gather(*answers)
    assert lists.by_loop == [True]
    assert await db.read(names) == sorted(long)


async def test_what_fails_is_undone_and_tried_by_the_thread(db: Database, batch: Names) -> None:
    batch.raises.append(RuntimeError("as told"))
    assert await db.hot(batch, "a", full=True) == "A"
    assert batch.by_loop == [True, False]
    await afloat(db, batch)


async def test_a_value_that_no_column_takes_fails_alone(db: Database, batch: Names) -> None:
    good, bad = db.hot(batch, "a", full=True), db.hot(batch, "x" * 65, full=True)
    behind = db.hot(batch, "b", full=True)
    assert [*await asyncio.gather(good, behind)] == ["A", "B"]
    with pytest.raises(psycopg.errors.StringDataRightTruncation):
        await bad
    assert await db.read(names) == ["a", "b"]
    await afloat(db, batch)


async def test_what_was_prepared_and_is_gone_is_prepared_again(db: Database, batch: Names) -> None:
    class Forgets(Names):
        def steps(self, tx: Tx, names: Sequence[str]) -> Steps[Sequence[str]]:
            tx.raw.pipe.add("DEALLOCATE ALL")
            return super().steps(tx, names)

    assert await db.hot(Forgets(), "a", full=True) == "A"
    assert await db.hot(batch, "b", full=True) == "B"
    assert await db.read(names) == ["a", "b"]


async def test_a_session_that_ended_is_nobodys_business(things: Things) -> None:
    told: list[Retry] = []
    db = Database(things.url, retried=told.append)
    db.start()
    batch = Names()
    await afloat(db, batch)
    terminate(things.url, batch.pid)
    assert await db.hot(batch, "a", full=True) == "A"
    await afloat(db, batch)
    assert set(told) <= {Retry.CONNECTION}
    await db.stop()


async def test_a_session_that_ends_with_rows_locked(db: Database, batch: Names) -> None:
    """The batch waits for another's lock when its session is ended."""
    await db.write(insert("a"))

    changes = Changes()
    with admin(db_url(db)) as other, other.transaction():
        other.execute("SELECT * FROM things FOR UPDATE")
        hot = db.hot(changes, "x", full=True)
        await asyncio.sleep(0.05)
        assert changes.by_loop == [True]
        await asyncio.to_thread(terminate, db_url(db), batch.pid)
    await hot
    assert changes.by_loop == [True, False]
    assert await db.read(names) == ["a!"]


async def test_a_row_that_stays_locked_is_the_threads_to_wait_for(
    db: Database, batch: Names
) -> None:
    await db.write(insert("a"))

    changes = Changes()
    with admin(db_url(db)) as other, other.transaction():
        other.execute("SELECT * FROM things FOR UPDATE")
        hot = db.hot(changes, "x", full=True)
        await asyncio.sleep(1.3)
        assert changes.by_loop == [True, False]
        assert not hot.done()
    await hot
    assert await db.read(names) == ["a!"]


async def test_a_stop_waits_for_what_is_under_way(things: Things) -> None:
    db, batch = Database(things.url), Names()
    db.start()
    await afloat(db, batch)
    hot = [db.hot(batch, str(number), full=True) for number in range(600)]
    await db.stop()
    assert await asyncio.gather(*hot) == [str(number) for number in range(600)]
    assert batch.by_loop == [True] * 5
    assert max(batch.sizes) == BATCH_JOBS_MAX
    with pytest.raises(DatabaseUnavailable):
        await db.hot(batch, "late", full=True)
    other = things.open()
    assert len(await other.read(names)) == 600
    count = text("SELECT count(*) FROM write_marks")
    assert await other.read(lambda c: c.execute(count).scalar_one()) == 0


def test_a_loop_that_ended_leaves_its_jobs_to_the_thread(database_url: str) -> None:
    """Whoever stops the database from another loop finds all of it done, once."""
    batch, things = Names(), Things(database_url)

    async def begun() -> Database:
        await things.__aenter__()
        db = Database(database_url)
        db.start()
        await afloat(db, batch)
        db.hot(batch, "a", full=True)
        await asyncio.sleep(0)  # sent, and nobody reads the answer
        return db

    async def stopped(db: Database) -> list[str]:
        await db.stop()
        found = await things.open().read(names)
        await things.__aexit__()
        return found

    assert asyncio.run(stopped(asyncio.run(begun()))) == ["a"]
    # the loop may have sent COMMIT before it ended: then the thread only asks
    assert batch.by_loop in ([True, False], [True])


async def test_a_caller_that_was_cancelled_is_heard_of(db: Database, batch: Names) -> None:
    told: list[object] = []
    hot = db.hot(batch, "a", full=False, orphan=told.append)
    hot.cancel()
    assert await db.hot(batch, "b", full=True) == "B"
    assert told == ["A"]


@pytest.fixture
def line(postgres: Postgres) -> Iterator[Line]:
    with (
        tempfile.TemporaryDirectory(prefix="line-") as folder,
        Line(postgres.folder, Path(folder)) as line,
    ):
        yield line


@pytest.fixture
async def told() -> list[Retry]:
    return []


@pytest.fixture
async def far(things: Things, line: Line, told: list[Retry]) -> AsyncIterator[Database]:
    """A database at the end of a line that can be cut."""
    db = Database(line.url(things.url), retried=told.append, reconnect_seconds=2)
    db.start()
    yield db
    await db.stop()


@pytest.mark.parametrize(
    ("cut", "found", "calls"),
    [
        ("before", Retry.COMMIT_NOT_MADE, [True, False]),
        ("after", Retry.COMMIT_MADE, [True]),
    ],
)
async def test_a_commit_without_an_answer_takes_effect_once(
    far: Database, line: Line, told: list[Retry], cut: Cut, found: Retry, calls: list[bool]
) -> None:
    batch = Names()
    await afloat(far, batch)
    line.cut = cut
    first, second = far.hot(batch, "a", full=True), far.hot(batch, "b", full=True)
    assert [*await asyncio.gather(first, second)] == ["A", "B"]
    assert (batch.by_loop, told, line.cuts) == (calls, [found], 1)
    assert await far.read(names) == ["a", "b"]
    await afloat(far, batch)


async def test_what_comes_behind_a_lost_commit_is_done_too(far: Database, line: Line) -> None:
    batch = Names()
    await afloat(far, batch)
    line.cut = "after"
    first = far.hot(batch, "a", full=True)
    await asyncio.sleep(0)
    behind = [far.hot(batch, str(number), full=True) for number in range(5)]
    assert await asyncio.gather(first, *behind) == ["A", *"01234"]
    assert await far.read(names) == [*"01234", "a"]


async def test_a_commit_that_nobody_can_tell_of_is_said_to_be_unknown(
    things: Things, monkeypatch: pytest.MonkeyPatch
) -> None:
    db, batch = things.open(reconnect_seconds=0.2), Names()
    await afloat(db, batch)
    at_commit(things.url, "PERFORM pg_sleep(0.6)")
    opened = PostgresBackend.open

    def away(backend: PostgresBackend) -> Tx:
        raise psycopg.OperationalError("away as told")

    hot = db.hot(batch, "a", full=True)
    await asyncio.sleep(0.2)  # COMMIT is on its way
    monkeypatch.setattr(PostgresBackend, "open", away)
    monkeypatch.setattr(PostgresBackend, "classify", _gone)
    await asyncio.to_thread(terminate, things.url, batch.pid)
    with pytest.raises(OutcomeUnknown):
        await hot
    monkeypatch.undo()
    assert PostgresBackend.open is opened
    assert await db.hot(batch, "b", full=True) == "B"
    await afloat(db, batch)


def _gone(_backend: PostgresBackend, _error: BaseException) -> Any:
    return Failure.GONE


async def test_a_refused_commit_is_not_in_doubt(db: Database, batch: Names) -> None:
    at_commit(db_url(db), "RAISE EXCEPTION 'no room' USING ERRCODE = 'disk_full'")
    with pytest.raises(DatabaseUnavailable):
        await db.hot(batch, "a", full=True)
    assert batch.by_loop == [True, False]
    assert await db.read(names) == []


def db_url(db: Database) -> str:
    url: str = db._backend._url  # type: ignore[attr-defined]
    return url
