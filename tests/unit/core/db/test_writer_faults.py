"""A fault of the writer itself, outside of any job: nobody waits for ever, and it goes on."""

import asyncio
import logging

import pytest

from routstr.core.db import Database
from routstr.core.db.jobs import Job
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from tests.unit.core.db.fake_backend import FakeBackend
from tests.unit.core.db.test_writer import behind_a_gate, insert, insert_all, queued


class FaultyBackend(FakeBackend):
    """``faults``: how often the question that the writer asks between batches fails."""

    faults = 0

    @property
    def shares_transactions(self) -> bool:  # type: ignore[override]  # a constant elsewhere
        if self.faults:
            self.faults -= 1
            raise RuntimeError("a fault of the writer")
        return True


@pytest.fixture
def backend() -> FaultyBackend:
    return FaultyBackend()


async def test_whoever_waits_is_told_that_nothing_was_changed_and_later_writes_work(
    db: Database, backend: FaultyBackend, caplog: pytest.LogCaptureFixture
) -> None:
    gate, first = await behind_a_gate(db)
    backend.faults = 1
    hot = db.hot(insert_all, "hot", full=True)
    tasks = await queued(db.write(insert(1)), db.write(insert(2)))
    gate.open()
    await first
    answers = await asyncio.gather(hot, *tasks, return_exceptions=True)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert {str(answer.__cause__) for answer in answers if isinstance(answer, Exception)} == {
        "a fault of the writer"
    }
    assert await db.write(insert("later")) == "later"
    assert backend.rows == ["later"]
    assert backend.count("open") == 2  # a connection in an unknown state is not used again
    assert [r.levelno for r in caplog.records if "writer_failed" in str(r.msg)] == [
        logging.CRITICAL
    ]


async def test_what_was_begun_is_not_called_nothing(db: Database, backend: FaultyBackend) -> None:
    """The fault comes between the commit and the answers."""

    loop = asyncio.get_running_loop()

    class NoLoop:
        failed = False
        call_soon = loop.call_soon

        def call_soon_threadsafe(self, *args: object) -> None:
            if not NoLoop.failed:
                NoLoop.failed = True
                raise TypeError("no loop at all")
            loop.call_soon_threadsafe(*args)  # type: ignore[arg-type]  # passed on as they are

    future: asyncio.Future[object] = loop.create_future()
    db._writer.submit(Job(NoLoop(), future, fn=insert("row")))  # type: ignore[arg-type]  # a loop that fails
    with pytest.raises(OutcomeUnknown):
        await future
    assert backend.rows == ["row"]


async def test_a_fault_that_comes_again_is_told_again(db: Database, backend: FaultyBackend) -> None:
    backend.faults = 2
    for _ in range(2):
        with pytest.raises(DatabaseUnavailable):
            await db.write(insert(1))
    assert await db.write(insert(2)) == 2


async def test_a_writer_that_fails_while_it_stops_still_stops(
    db: Database, backend: FaultyBackend
) -> None:
    gate, first = await behind_a_gate(db)
    backend.faults = 1
    tasks = await queued(db.write(insert(1)))
    stopping = asyncio.create_task(db.stop())
    await asyncio.sleep(0)
    gate.open()
    await first
    [answer] = await asyncio.gather(*tasks, return_exceptions=True)
    assert isinstance(answer, DatabaseUnavailable)
    async with asyncio.timeout(5):
        await stopping
    assert backend.count("close") == 1


async def test_a_full_queue_takes_no_more_and_loses_nothing() -> None:
    backend = FakeBackend()
    db = Database("sqlite:///unused", backend)
    db._writer._waiting_max = 3
    db.start()
    gate, first = await behind_a_gate(db)
    kept = await queued(*(db.write(insert(n)) for n in range(3)))
    with pytest.raises(DatabaseUnavailable) as raised:
        await db.write(insert("too many"))
    assert raised.value.headers == {"Retry-After": "5"}
    with pytest.raises(DatabaseUnavailable):
        await db.hot(insert_all, "too many", full=True)
    gate.open()
    await first
    assert await asyncio.gather(*kept) == [0, 1, 2]
    assert await db.write(insert("later")) == "later"
    assert backend.rows == [0, 1, 2, "later"]
    await db.stop()
