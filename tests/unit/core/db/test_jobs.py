"""How callers are told: each once, on its own event loop."""

import asyncio
import threading

import pytest

from routstr.core.db.jobs import Job, deliver


def a_job(**more: object) -> Job:
    loop = asyncio.get_running_loop()
    return Job(loop, loop.create_future(), **more)  # type: ignore[arg-type]  # tests name them


async def test_each_gets_its_own_outcome_and_a_postponed_one_waits() -> None:
    done, failed, later = a_job(), a_job(), a_job()
    deliver([done, failed, later], [(1, None), (None, ValueError("no")), None])
    assert await done.future == 1
    with pytest.raises(ValueError, match="no"):
        await failed.future
    assert not later.future.done()
    deliver([later], [(3, None)])
    assert await later.future == 3


async def test_whoever_was_answered_is_not_answered_again() -> None:
    job, other = a_job(), a_job()
    deliver([job], [("first", None)])
    deliver([job, other], [(None, ValueError("second")), (2, None)])
    assert await other.future == 2
    assert job.future.result() == "first"


async def test_only_a_result_is_told_when_nobody_waits() -> None:
    told: list[object] = []
    left, failed, waiting = a_job(orphan=told.append), a_job(orphan=told.append), a_job()
    left.future.cancel()
    failed.future.cancel()
    deliver([left, failed, waiting], [(1, None), (None, ValueError("no")), (3, None)])
    assert await waiting.future == 3
    assert told == [1]


async def test_a_loop_that_is_closed_disturbs_no_other() -> None:
    gone: list[Job] = []

    async def leave() -> None:
        gone.append(a_job())

    thread = threading.Thread(target=lambda: asyncio.run(leave()))
    thread.start()
    await asyncio.to_thread(thread.join)
    here = a_job()
    deliver([*gone, here], [(1, None), (2, None)])
    assert await here.future == 2
    assert not gone[0].future.done()
