"""A database that fails: what runs again, what is told to whom, and that it works again after."""

import asyncio
import time

import pytest

from routstr.core.db import CommitLost, Database, Failure, Tx
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from tests.unit.core.db.fake_backend import Broken, FakeBackend
from tests.unit.core.db.test_writer import behind_a_gate, insert, insert_all, queued

RETRY, GONE, FATAL = (Broken(failure) for failure in Failure)


Answers = list[tuple[str, int] | object | BaseException]


async def batch_of_three(db: Database) -> Answers:
    """A hot job and two others in one batch: what each caller gets."""
    gate, _ = await behind_a_gate(db)
    hot = db.hot(insert_all, "hot", full=False)
    tasks = await queued(db.write(insert(1)), db.write(insert(2)))
    gate.open()
    answers: Answers = await asyncio.gather(hot, *tasks, return_exceptions=True)
    return answers


SERVED = [("hot", 1), 1, 2]

# calls of the gate's own batch, which passes
BEFORE = {"append": 0, "begin full": 1, "release": 1, "commit": 1}


def fail_later(backend: FakeBackend, call: str, *errors: BaseException | None) -> None:
    backend.fail(call, *[None] * BEFORE[call], *errors)


@pytest.mark.parametrize("call", ["append", "release", "commit"])
async def test_a_deadlock_is_run_again_and_nobody_notices(
    db: Database, backend: FakeBackend, call: str
) -> None:
    fail_later(backend, call, RETRY, RETRY)
    assert await batch_of_three(db) == SERVED
    assert backend.rows == ["hot", 1, 2]
    assert backend.count("rollback") == 2
    assert backend.count("open") == 1


@pytest.mark.parametrize("call", ["begin full", "append"])
async def test_a_lost_connection_is_made_anew_and_nobody_notices(
    db: Database, backend: FakeBackend, call: str
) -> None:
    fail_later(backend, call, GONE)
    backend.fail("open", GONE, GONE)  # not at once
    assert await batch_of_three(db) == SERVED
    assert backend.rows == ["hot", 1, 2]
    assert backend.count("open") == 4


async def test_a_database_that_stays_away_is_told_and_later_works(
    impatient: Database, backend: FakeBackend
) -> None:
    backend.fail("append", GONE)
    backend.fail("open", *[GONE] * 1_000)
    answers = await batch_of_three(impatient)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert {id(answer.__cause__) for answer in answers if isinstance(answer, Exception)} == {
        id(GONE)
    }
    backend.failing.clear()
    assert await impatient.write(insert("later")) == "later"
    assert backend.rows == ["later"]


async def test_a_retry_that_never_ends_is_given_up(
    impatient: Database, backend: FakeBackend
) -> None:
    backend.fail("begin full", None, *[RETRY] * 1_000)
    began = time.monotonic()
    answers = await batch_of_three(impatient)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert 0.1 < time.monotonic() - began < 2
    backend.failing.clear()
    assert await impatient.write(insert("later")) == "later"


@pytest.mark.parametrize("call", ["begin full", "append", "release", "commit"])
async def test_a_full_disk_fails_its_whole_batch_and_nothing_is_half_written(
    db: Database, backend: FakeBackend, call: str
) -> None:
    fail_later(backend, call, FATAL)
    answers = await batch_of_three(db)
    assert [type(answer) for answer in answers] == [DatabaseUnavailable] * 3
    assert backend.rows == []
    assert await batch_of_three(db) == SERVED
    assert backend.rows == ["hot", 1, 2]


@pytest.mark.parametrize("took_effect", [True, False])
async def test_a_commit_without_an_answer_is_asked_for(
    db: Database, backend: FakeBackend, *, took_effect: bool
) -> None:
    backend.lost_commits_count = took_effect
    backend.fail("commit", None, CommitLost())
    backend.fail("open", GONE)
    backend.fail("was_committed", GONE)  # the new connection is lost too, once
    assert await batch_of_three(db) == SERVED
    assert backend.rows == ["hot", 1, 2]
    assert backend.count("was_committed") == 2
    assert backend.count("commit") == (2 if took_effect else 3)


async def test_jobs_left_for_later_survive_a_lost_commit(
    db: Database, backend: FakeBackend
) -> None:
    def slow(tx: Tx) -> object:
        time.sleep(0.006)
        return insert("slow")(tx)

    backend.fail("commit", None, CommitLost())
    gate, _ = await behind_a_gate(db)
    tasks = await queued(db.write(slow), db.write(insert("after")))
    gate.open()
    assert await asyncio.gather(*tasks) == ["slow", "after"]
    assert backend.rows == ["slow", "after"]


@pytest.mark.parametrize("lost_at", ["open", "was_committed"])
async def test_an_outcome_that_nobody_can_tell_is_not_called_nothing(
    impatient: Database, backend: FakeBackend, lost_at: str
) -> None:
    backend.fail("commit", None, CommitLost())
    backend.fail(lost_at, *[GONE] * 3 if lost_at == "open" else [CommitLost()])
    answers = await batch_of_three(impatient)
    assert [type(answer) for answer in answers] == [OutcomeUnknown] * 3
    assert await impatient.write(insert("later")) == "later"


async def test_a_question_about_a_commit_that_fails_otherwise_is_told(
    db: Database, backend: FakeBackend
) -> None:
    backend.fail("commit", None, CommitLost())
    backend.fail("was_committed", FATAL)
    answers = await batch_of_three(db)
    assert [type(answer) for answer in answers] == [OutcomeUnknown] * 3
    assert await db.write(insert("later")) == "later"


async def test_an_error_of_no_database_reaches_everybody_and_the_writer_lives(
    db: Database, backend: FakeBackend
) -> None:
    backend.fail("begin full", None, GONE)
    backend.fail("open", PermissionError("the folder is gone"))
    answers = await batch_of_three(db)
    assert [type(answer) for answer in answers] == [PermissionError] * 3
    assert await db.write(insert("later")) == "later"


async def test_a_commit_that_is_refused_reaches_everybody(
    db: Database, backend: FakeBackend
) -> None:
    backend.fail("commit", None, *[ValueError("a deferred constraint")] * 2)
    answers = await batch_of_three(db)
    assert [type(answer) for answer in answers] == [ValueError] * 3
    assert backend.rows == []
    assert await db.write(insert("later")) == "later"


async def test_a_database_that_cannot_be_opened_is_told_at_start(backend: FakeBackend) -> None:
    backend.fail("open", GONE)
    db = Database("sqlite:///unused", backend)
    with pytest.raises(Broken):
        db.start()
    await db.stop()
