"""Hot batches that the event loop writes itself, on a real SQLite file."""

import asyncio
import sqlite3
import threading
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pytest

from routstr.core.db import Database, Tx
from routstr.core.db.jobs import Job
from routstr.core.db.near import JOBS_MAX, WAIT_SECONDS_MAX, Near
from routstr.core.db.sqlite import SqliteBackend
from routstr.errors import DatabaseUnavailable


class Rows:
    """A batch function; ``threads`` are those that called it."""

    def __init__(self) -> None:
        self.threads: list[int] = []
        self.fails = 0

    def __call__(self, tx: Tx, values: Sequence[int]) -> Sequence[int]:
        self.threads.append(threading.get_ident())
        tx.raw.executemany("INSERT INTO numbers VALUES (?)", [(value,) for value in values])
        if self.fails:
            self.fails -= 1
            raise sqlite3.OperationalError("as told")
        return [value * 2 for value in values]

    @property
    def near(self) -> list[bool]:
        """Of each call: whether it was the event loop's."""
        return [thread == threading.get_ident() for thread in self.threads]


@pytest.fixture
def url(tmp_path: Path) -> str:
    url = f"sqlite:///{tmp_path}/node.db"
    with sqlite3.connect(tmp_path / "node.db") as made:
        made.execute("PRAGMA journal_mode=WAL")
        made.execute("CREATE TABLE numbers (value INTEGER PRIMARY KEY)")
    made.close()
    return url


@pytest.fixture
async def db(url: str) -> AsyncIterator[Database]:
    database = Database(url, disk_seconds=60)  # however slow this machine is
    database.start()
    yield database
    await database.stop()


async def stored(db: Database) -> list[int]:
    return await db.read(lambda c: [*c.exec_driver_sql("SELECT value FROM numbers").scalars()])


async def test_a_turn_of_the_loop_is_one_commit_in_its_own_thread(db: Database) -> None:
    rows = Rows()
    answers = await asyncio.gather(*(db.hot(rows, value, full=value == 2) for value in (1, 2, 3)))
    assert (answers, rows.near, await stored(db)) == ([2, 4, 6], [True], [1, 2, 3])


async def test_in_company_a_batch_is_what_two_turns_bring(db: Database) -> None:
    rows = Rows()

    async def a_turn_later(value: int) -> int:
        return int(await db.hot(rows, value, full=True))

    await asyncio.gather(db.hot(rows, 1, full=True), a_turn_later(2))
    assert rows.near == [True, True], "who was alone waits for nobody"
    await asyncio.gather(*(db.hot(rows, value, full=True) for value in (3, 4)))
    await asyncio.gather(db.hot(rows, 5, full=True), a_turn_later(6))
    assert rows.near == [True] * 4, "one commit for each of the pairs"
    await db.hot(rows, 7, full=True)  # in vain, and the last time that it waits
    await asyncio.gather(db.hot(rows, 8, full=True), a_turn_later(9))
    assert (rows.near, await stored(db)) == ([True] * 7, [1, 2, 3, 4, 5, 6, 7, 8, 9])


async def test_many_do_not_wait_for_more_than_the_loop_may_carry_out(db: Database) -> None:
    rows = Rows()

    async def a_turn_later(value: int) -> int:
        return int(await db.hot(rows, value, full=True))

    many = JOBS_MAX // 2 + 1
    await asyncio.gather(*(db.hot(rows, value, full=True) for value in range(many)))
    await asyncio.gather(db.hot(rows, many, full=True), a_turn_later(many + 1))
    assert rows.near == [True] * 3


async def test_behind_a_function_hot_jobs_are_the_threads(db: Database) -> None:
    rows, entered, leave = Rows(), threading.Event(), threading.Event()

    def hold_on(tx: Tx) -> None:
        entered.set()
        leave.wait(5)
        tx.raw.execute("INSERT INTO numbers VALUES (7)")

    writing = asyncio.ensure_future(db.write(hold_on))
    await asyncio.to_thread(entered.wait, 5)
    hot = db.hot(rows, 8, full=True)
    await asyncio.sleep(0)
    leave.set()
    await asyncio.gather(writing, hot)
    assert (rows.near, await stored(db)) == ([False], [7, 8])


async def test_a_file_that_somebody_locks_is_waited_for_by_the_thread(
    db: Database, url: str
) -> None:
    rows = Rows()
    other = sqlite3.connect(url.removeprefix("sqlite:///"), isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    hot = db.hot(rows, 1, full=True)
    await asyncio.sleep(0.02)  # the loop goes on
    assert (rows.threads, hot.done()) == ([], False)
    other.execute("COMMIT")
    other.close()
    assert (await hot, rows.near) == (2, [False])


async def test_what_fails_is_undone_and_tried_again_by_the_thread(db: Database) -> None:
    rows = Rows()
    rows.fails = 1
    assert await db.hot(rows, 1, full=True) == 2
    assert (rows.near, await stored(db)) == ([True, False], [1])


class Full(SqliteBackend):
    """A disk that is full."""

    def begin(self, *, full: bool) -> None:
        error = sqlite3.OperationalError("as told")
        error.sqlite_errorcode = sqlite3.SQLITE_FULL
        raise error

    def rollback(self) -> None:
        super().rollback()
        if self._near:
            raise sqlite3.OperationalError("nor can it be undone")

    def near(self) -> SqliteBackend:
        return Full(self._url, near=True)


async def test_an_error_that_stays_is_told_and_undone(url: str) -> None:
    database, rows = Database(url, Full(url)), Rows()
    database.start()
    for value in (1, 2):
        with pytest.raises(DatabaseUnavailable):
            await database.hot(rows, value, full=True)
    await database.stop()
    assert rows.threads == []


async def test_a_value_that_no_column_takes_fails_alone(db: Database) -> None:
    rows = Rows()
    good, bad = db.hot(rows, 1, full=True), db.hot(rows, 2**70, full=True)
    assert await good == 2
    with pytest.raises(OverflowError):
        await bad
    assert await stored(db) == [1]


async def test_a_long_queue_is_the_threads(db: Database) -> None:
    rows = Rows()
    await asyncio.gather(*(db.hot(rows, value, full=False) for value in range(JOBS_MAX + 1)))
    assert rows.near == [False]


async def test_now_and_then_the_thread_has_a_turn_and_the_log_does_not_grow(
    db: Database, url: str
) -> None:
    rows = Rows()
    for value in range(3_000):
        await db.hot(rows, value, full=False)
    assert 6 < rows.near.count(False) < 30  # of 3,000: one in 401, and what comes meanwhile
    log = Path(url.removeprefix("sqlite:///") + "-wal")
    assert log.stat().st_size < 9_000_000  # not one page for each commit


async def test_a_caller_that_was_cancelled_is_heard_of(db: Database) -> None:
    told: list[object] = []
    hot = db.hot(Rows(), 1, full=False, orphan=told.append)
    hot.cancel()
    await asyncio.sleep(0)
    assert told == [2]


async def test_a_stopped_node_writes_nothing(url: str) -> None:
    database, rows = Database(url), Rows()
    database.start()
    last = database.hot(rows, 1, full=True)
    await database.stop()
    assert await last == 2
    with pytest.raises(DatabaseUnavailable):
        await database.hot(rows, 2, full=True)
    assert len(rows.threads) == 1


class Times:
    """A clock, and how long a commit waits for the disk."""

    def __init__(self, url: str) -> None:
        self.now, self.disk = 100.0, 0.0
        self.near = Near(SqliteBackend(url, near=True), now=lambda: self.now, cpu=lambda: 0.0)
        self.near.open()
        self._value = 0

    def runs(self, count: int = 1, *, full: bool = True) -> int:
        """How many of these commits were made here."""
        return sum(self._run(full=full) for _ in range(count))

    def _run(self, *, full: bool) -> bool:
        def batch(tx: Tx, values: Sequence[int]) -> Sequence[int]:
            tx.raw.executemany("INSERT INTO numbers VALUES (?)", [(value,) for value in values])
            self.now += self.disk
            return values

        self._value += 1
        loop = asyncio.get_running_loop()
        job = Job(loop, loop.create_future(), batch=batch, op=self._value, full=full)
        return self.near.run([job]) is not None


@pytest.fixture
async def times(url: str) -> AsyncIterator[Times]:
    times = Times(url)
    yield times
    times.near.close()


@pytest.mark.parametrize("disk", [0.0, WAIT_SECONDS_MAX * 0.9])
async def test_a_quick_disk_is_waited_for(times: Times, disk: float) -> None:
    times.disk = disk
    assert times.runs(100) == 100


async def test_one_slow_answer_is_not_a_slow_disk(times: Times) -> None:
    times.disk = 0.004
    assert times.runs() == 1
    times.disk = 0.0001
    assert times.runs(100) == 100


async def test_a_slow_disk_is_asked_again_less_and_less_often(times: Times) -> None:
    times.disk = 0.02
    assert times.runs(3) == 1
    made = 0
    for _ in range(6_000):  # a minute
        times.now += 0.01
        made += times.runs()
    assert 5 < made < 12
    times.disk = 0.0001
    times.now += 31
    assert times.runs(100) == 100


async def test_commits_that_wait_for_no_disk_tell_nothing_of_it(times: Times) -> None:
    times.disk = 0.02
    assert times.runs(5, full=False) == 5


async def test_a_connection_that_is_lost_leaves_all_to_the_thread(times: Times) -> None:
    assert times.runs() == 1
    times.near.close()
    assert times.runs(3) == 0
