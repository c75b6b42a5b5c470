"""A batch that the event loop did not get through is run again, or asked after, and told once."""

import asyncio
from typing import Any, cast

import pytest

from routstr.core.db import CommitLost, Failure, Tx
from routstr.core.db.jobs import Job
from routstr.core.db.loop_writer import LoopBatch, LoopWriter
from routstr.core.db.rescue import Rescue, failed, reconnect, took_effect
from routstr.core.db.retries import Retry
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from tests.unit.core.db.fake_backend import Broken, FakeBackend


class Half(FakeBackend):
    """A backend of the event loop's."""

    def abandon(self) -> None:
        self._call("abandon")


class Ward:
    """The event loop's half, as far as a rescue needs it."""

    def __init__(self) -> None:
        self.backend = Half()
        self.resumed: list[Tx] = []

    def resume(self, tx: Tx) -> None:
        self.resumed.append(tx)


class Left:
    """A batch that did not get through."""

    began = 0.0

    def __init__(self, error: BaseException, *, in_doubt: bool) -> None:
        loop = asyncio.get_running_loop()
        self.jobs = [Job(loop, loop.create_future(), op="hold")]
        self.outcomes = [("placed", None)]
        self.error, self.in_doubt = error, in_doubt


def rescue(ward: Ward, said: list[Any]) -> Rescue:
    def wrote(operations: int, _seconds: float) -> None:
        said.append(operations)

    return Rescue(cast("LoopWriter", ward), said.append, 0.05, wrote)


async def outcome(left: Left) -> object:
    return await asyncio.wait_for(left.jobs[0].future, 1)


async def test_what_was_not_committed_is_run_again_and_its_connection_dropped() -> None:
    ward, said = Ward(), list[Any]()
    left = Left(Broken(Failure.RETRY), in_doubt=False)
    assert rescue(ward, said).left_to_do(cast("LoopBatch", left)) == left.jobs
    assert ward.backend.count("abandon") == 1
    assert ward.backend.count("was_committed") == 0


@pytest.mark.parametrize("made", [True, False])
async def test_a_commit_without_an_answer_is_asked_after(made: bool) -> None:
    ward, said = Ward(), list[Any]()
    ward.backend.lost_commits_count = made
    left = Left(CommitLost(), in_doubt=True)
    again = rescue(ward, said).left_to_do(cast("LoopBatch", left))
    assert len(ward.resumed) == 1
    if made:
        assert (again, await outcome(left)) == ([], "placed")
        assert said == [Retry.COMMIT_MADE, 1]
    else:
        assert again == left.jobs
        assert said == [Retry.COMMIT_NOT_MADE]
        assert not left.jobs[0].future.done()


async def test_where_nobody_can_tell_the_caller_hears_so() -> None:
    ward, said = Ward(), list[Any]()
    ward.backend.fail("open", *[Broken(Failure.GONE)] * 99)
    left = Left(CommitLost(), in_doubt=True)
    assert rescue(ward, said).left_to_do(cast("LoopBatch", left)) == []
    with pytest.raises(OutcomeUnknown):
        await outcome(left)


def test_a_lost_connection_is_given_back_now_and_then(monkeypatch: pytest.MonkeyPatch) -> None:
    ward, now = Ward(), [100.0]
    monkeypatch.setattr("routstr.core.db.rescue.time.monotonic", lambda: now[0])
    ward.backend.fail("open", Broken(Failure.GONE), Broken(Failure.GONE))
    one = rescue(ward, [])
    for seconds, opened in ((0, 1), (0.5, 1), (0.6, 2), (1, 2), (1.1, 3), (60, 3)):
        now[0] += seconds
        one.mend()
        assert ward.backend.count("open") == opened, seconds
    assert len(ward.resumed) == 1


def test_what_is_no_matter_of_the_database_is_not_tried_again() -> None:
    backend = FakeBackend()
    backend.fail("open", ValueError("wrong"))
    with pytest.raises(ValueError, match="wrong"):
        reconnect(backend, 0)
    backend.fail("was_committed", Broken(Failure.GONE), None)
    assert took_effect(backend, 1e12)[1]
    backend.fail("was_committed", ValueError("wrong"))
    with pytest.raises(CommitLost):
        took_effect(backend, 1e12)


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (CommitLost(), OutcomeUnknown),
        (Broken(Failure.GONE), DatabaseUnavailable),
        (KeyError("a fault"), KeyError),
    ],
)
async def test_all_callers_hear_the_same(error: BaseException, told: type[Exception]) -> None:
    jobs = Left(error, in_doubt=False).jobs * 2
    found = [one for one in failed(FakeBackend(), jobs, error) if one is not None]
    assert len(found) == 2
    assert all(isinstance(one[1], told) for one in found)
    assert all(one[1] is error or one[1].__cause__ is error for one in found if one[1])
