"""What ``Database`` promises, on both databases."""

import asyncio
import threading
from collections.abc import Sequence

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError, IntegrityError

from routstr.core.db import Database, Dialect, Tx, open_backend
from routstr.core.db.postgres import PostgresBackend
from routstr.core.db.sqlite import SqliteBackend
from routstr.errors import DatabaseUnavailable
from tests.integration.core.db.things import Things, insert, names


async def test_the_address_decides_about_the_backend(database_url: str) -> None:
    on_sqlite = database_url.startswith("sqlite")
    backend = open_backend(database_url)
    assert isinstance(backend, SqliteBackend if on_sqlite else PostgresBackend)
    db = Database(database_url)
    assert db.dialect is (Dialect.SQLITE if on_sqlite else Dialect.POSTGRESQL)
    await db.stop()


async def test_what_was_written_can_be_read(things: Things) -> None:
    db = things.open()
    assert await db.write(insert("a")) == "a"
    assert await db.read(names) == ["a"]


async def test_what_raises_leaves_nothing_and_disturbs_nobody(things: Things) -> None:
    db = things.open()
    await db.write(insert("taken"))

    def half(tx: Tx) -> None:
        insert("half")(tx)
        raise ValueError("changed my mind")

    answers = await asyncio.gather(
        *(db.write(fn) for fn in (insert("a"), half, insert("taken"), insert("b"))),
        return_exceptions=True,
    )
    assert [type(answer) for answer in answers] == [str, ValueError, IntegrityError, str]
    assert await db.read(names) == ["a", "b", "taken"]


async def test_a_function_may_catch_an_error_of_the_database_or_fail_alone(things: Things) -> None:
    db = things.open()
    await db.write(insert("taken"))

    def careless(tx: Tx) -> None:
        try:
            insert("taken")(tx)
        except IntegrityError:
            return

    a, outcome, b = await asyncio.gather(
        *(db.write(fn) for fn in (insert("a"), careless, insert("b"))), return_exceptions=True
    )
    assert (a, b) == ("a", "b")
    # PostgreSQL does nothing more in a transaction after an error
    assert (outcome is None) is (db.dialect is Dialect.SQLITE)
    assert await db.read(names) == ["a", "b", "taken"]


async def test_a_hot_batch_that_cannot_be_stored_fails_only_for_the_one_to_blame(
    things: Things,
) -> None:
    db = things.open()

    def store(tx: Tx, rows: Sequence[str]) -> Sequence[str]:
        for name in rows:
            insert(name)(tx)
        return rows

    a, twice, b = await asyncio.gather(
        *(db.hot(store, name, full=False) for name in ("a", "a", "b")), return_exceptions=True
    )
    assert (a, b) == ("a", "b")
    assert isinstance(twice, IntegrityError)
    assert await db.read(names) == ["a", "b"]


async def test_a_read_sees_one_moment(things: Things) -> None:
    db = things.open()
    await db.write(insert("a"))
    begun, go_on = threading.Event(), threading.Event()

    def read_twice(connection: Connection) -> tuple[list[str], list[str]]:
        before = names(connection)
        begun.set()
        assert go_on.wait(5)
        return before, names(connection)

    reading = asyncio.create_task(db.read(read_twice))
    await asyncio.to_thread(begun.wait, 5)
    await db.write(insert("b"))  # a reader does not block the writer
    go_on.set()
    assert await reading == (["a"], ["a"])
    assert await db.read(names) == ["a", "b"]


async def test_a_reader_cannot_write(things: Things) -> None:
    db = things.open()
    with pytest.raises((DBAPIError, DatabaseUnavailable)):
        await db.read(lambda c: c.execute(text("INSERT INTO things VALUES ('no')")))
    assert await db.read(names) == []


async def test_a_readers_own_mistake_is_told_as_it_is(things: Things) -> None:
    db = things.open()
    with pytest.raises(DBAPIError):
        await db.read(lambda c: c.execute(text("SELECT nonsense FROM things")))
    with pytest.raises(ZeroDivisionError):
        await db.read(lambda _: 1 // 0)
    assert await db.read(names) == []


async def test_two_instances_write_to_one_database(things: Things) -> None:
    one, other = things.open(), things.open()
    writes = [db.write(insert(f"{n:03}")) for n in range(100) for db in [(one, other)[n % 2]]]
    assert await asyncio.gather(*writes) == [f"{n:03}" for n in range(100)]
    assert await one.read(names) == await other.read(names) == [f"{n:03}" for n in range(100)]


async def test_of_two_instances_that_write_the_same_one_is_told(things: Things) -> None:
    one, other = things.open(), things.open()
    answers = await asyncio.gather(
        *(db.write(insert(f"{n}")) for n in range(20) for db in (one, other)),
        return_exceptions=True,
    )
    failed = [answer for answer in answers if isinstance(answer, BaseException)]
    assert [type(error) for error in failed] == [IntegrityError] * 20
    assert len(await one.read(names)) == 20


async def test_stop_commits_what_is_queued(things: Things) -> None:
    db, other = things.open(), things.open()
    writing = [asyncio.create_task(db.write(insert(f"{n:03}"))) for n in range(300)]
    await asyncio.sleep(0)
    await db.stop()
    assert all(task.done() and not task.exception() for task in writing)
    assert len(await other.read(names)) == 300
    with pytest.raises(DatabaseUnavailable):
        await db.write(insert("too late"))
