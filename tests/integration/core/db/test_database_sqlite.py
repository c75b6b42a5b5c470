"""A file that is locked, full or somebody else's."""

import asyncio
import sqlite3
from pathlib import Path

import pytest

from routstr.core.db import Tx
from routstr.core.db.sqlite import SqliteBackend, database_path
from routstr.errors import DatabaseUnavailable
from tests.integration.core.db.things import Things, insert, names

pytestmark = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


class Impatient(SqliteBackend):
    """Waits 0.1 s for a lock; a node waits ten."""

    def open(self) -> Tx:
        tx = super().open()
        tx.raw.execute("PRAGMA busy_timeout = 100")
        return tx


async def test_a_lock_that_stays_is_told_and_later_writes_work(things: Things) -> None:
    db = things.open(Impatient(things.url))
    other = sqlite3.connect(database_path(things.url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    answers = await asyncio.gather(
        *(db.write(insert(f"{n}")) for n in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert await db.read(names) == []  # reading goes on
    other.execute("ROLLBACK")
    assert await db.write(insert("later")) == "later"
    assert await db.read(names) == ["later"]
    other.close()


async def test_a_short_lock_is_waited_for(things: Things) -> None:
    db = things.open()
    other = sqlite3.connect(database_path(things.url), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    writing = asyncio.create_task(db.write(insert("a")))
    await asyncio.sleep(0.1)
    assert not writing.done()
    other.execute("INSERT INTO things VALUES ('first')")
    other.execute("COMMIT")
    assert await writing == "a"
    assert await db.read(names) == ["a", "first"]
    other.close()


async def test_a_full_disk_writes_nothing_by_halves_and_later_works(things: Things) -> None:
    db = things.open()

    def limit(tx: Tx, pages: int) -> None:
        used = tx.raw.execute("PRAGMA page_count").fetchone()[0]
        tx.raw.execute(f"PRAGMA max_page_count = {used + pages}")

    def insert_many(tx: Tx) -> None:
        for n in range(1_000):
            insert(f"{n:060}")(tx)

    await db.write(lambda tx: limit(tx, 4))
    answers = await asyncio.gather(
        db.write(insert("a")), db.write(insert_many), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 2
    assert await db.read(names) == []
    await db.write(lambda tx: limit(tx, 10_000))
    await db.write(insert_many)
    assert len(await db.read(names)) == 1_000


async def test_a_folder_that_is_missing_is_made(things: Things, tmp_path: Path) -> None:
    path = tmp_path / "some" / "where" / "routstr.db"
    async with Things(f"sqlite:///{path}") as elsewhere:
        await elsewhere.open().write(insert("a"))
    assert path.stat().st_mode & 0o777 == 0o600
