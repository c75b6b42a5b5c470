import asyncio
from collections.abc import AsyncIterator

import pytest

from routstr.core.clock import ManualClock
from routstr.core.tasks import Supervisor, TaskReport


class Pauses:
    """Sleeping that takes no time, until ``limit`` pauses were taken."""

    def __init__(self, clock: ManualClock, limit: int) -> None:
        self.taken: list[float] = []
        self.done = asyncio.Event()
        self._clock = clock
        self._limit = limit

    async def sleep(self, seconds: float) -> None:
        self.taken.append(seconds)
        self._clock.advance(seconds=seconds)
        if len(self.taken) >= self._limit:
            self.done.set()
            await asyncio.Event().wait()
        await asyncio.sleep(0)


@pytest.fixture
async def clock() -> ManualClock:
    return ManualClock(0)


@pytest.fixture
async def supervisor(clock: ManualClock) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(clock)
    yield supervisor
    assert await supervisor.stop(1)


async def run(clock: ManualClock, job: object, *, pauses: int, seconds: float) -> list[float]:
    """Run a periodic job until it has paused so often; give back the pauses."""
    sleeping = Pauses(clock, pauses)
    supervisor = Supervisor(clock, sleeping.sleep)
    supervisor.every("job", seconds, job, jitter=0)  # type: ignore[arg-type]
    await asyncio.wait_for(sleeping.done.wait(), 5)
    (report,) = supervisor.reports()
    assert report.running
    assert await supervisor.stop(1)
    return sleeping.taken


async def test_a_job_runs_at_once_and_then_at_its_interval(clock: ManualClock) -> None:
    ran_at: list[int] = []

    async def job() -> None:
        ran_at.append(clock.now_ms())

    assert await run(clock, job, pauses=3, seconds=60) == [60, 60, 60]
    assert ran_at == [0, 60_000, 120_000]


async def test_a_failing_job_is_retried_sooner_and_ever_less_often(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def job() -> None:
        raise ConnectionError

    assert await run(clock, job, pauses=6, seconds=10) == [1, 2, 4, 8, 10, 10]
    assert [record.getMessage() for record in caplog.records] == ["task failed"] * 6
    assert all(record.exc_info for record in caplog.records)


async def test_a_failing_job_is_never_run_more_often_than_a_working_one(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    async def job() -> None:
        raise ConnectionError

    assert await run(clock, job, pauses=3, seconds=0.5) == [0.5, 0.5, 0.5]
    assert len(caplog.records) == 3


async def test_a_success_ends_the_back_off(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    outcomes = iter([True, False, False, True, False, True])

    async def job() -> None:
        if not next(outcomes):
            raise ConnectionError

    assert await run(clock, job, pauses=6, seconds=10) == [10, 1, 2, 10, 1, 10]
    assert len(caplog.records) == 3


async def test_jitter_keeps_instances_apart_and_within_its_fraction(clock: ManualClock) -> None:
    sleeping = Pauses(clock, 50)
    supervisor = Supervisor(clock, sleeping.sleep)

    async def job() -> None: ...

    supervisor.every("job", 100, job, jitter=0.1)
    await asyncio.wait_for(sleeping.done.wait(), 5)
    await supervisor.stop(1)

    assert len(set(sleeping.taken)) > 40
    assert min(sleeping.taken) >= 90
    assert max(sleeping.taken) <= 110


async def test_the_reports_tell_how_tasks_fare(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    sleeping = Pauses(clock, 2)
    supervisor = Supervisor(clock, sleeping.sleep)
    outcomes = iter([True, False])

    async def job() -> None:
        clock.advance(ms=5)
        if not next(outcomes):
            raise ConnectionError("https://user:password@host")

    supervisor.every("prices", 60, job, jitter=0)
    assert supervisor.reports() == (TaskReport("prices"),)
    await asyncio.wait_for(sleeping.done.wait(), 5)

    assert supervisor.reports() == (
        TaskReport(
            "prices",
            last_ok_ms=5,
            last_error_ms=60_010,
            error="ConnectionError",
            failures=1,
        ),
    )
    assert await supervisor.stop(1)
    assert not supervisor.reports()[0].running
    assert caplog.records


async def test_a_single_task_ends_and_says_so(supervisor: Supervisor) -> None:
    done = asyncio.Event()

    async def work() -> None:
        done.set()

    supervisor.start("once", work)
    await done.wait()
    await asyncio.sleep(0)

    assert supervisor.reports() == (TaskReport("once", running=False, last_ok_ms=0),)


async def test_a_single_task_that_fails_is_logged_and_reported(
    supervisor: Supervisor, caplog: pytest.LogCaptureFixture
) -> None:
    async def work() -> None:
        raise LookupError

    supervisor.start("once", work)
    await asyncio.sleep(0.01)

    assert supervisor.reports()[0].error == "LookupError"
    assert caplog.messages == ["task failed"]


async def test_a_name_is_used_once(supervisor: Supervisor) -> None:
    async def work() -> None: ...

    supervisor.start("a", work)
    with pytest.raises(ValueError, match="a exists"):
        supervisor.every("a", 1, work)


async def test_stopping_lets_tasks_clean_up(supervisor: Supervisor) -> None:
    events: list[str] = []

    async def work() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            events.append("cleaned")

    supervisor.start("work", work)
    await asyncio.sleep(0)
    assert await supervisor.stop(1)

    assert events == ["cleaned"]


async def test_a_task_stopped_before_its_first_step_leaves_nothing_behind(
    supervisor: Supervisor,
) -> None:
    async def work() -> None:
        raise AssertionError

    supervisor.start("work", work)

    assert await supervisor.stop(1)


async def test_a_task_that_will_not_stop_is_named(
    clock: ManualClock, caplog: pytest.LogCaptureFixture
) -> None:
    release = asyncio.Event()

    async def stubborn() -> None:
        while not release.is_set():
            try:
                await release.wait()
            except asyncio.CancelledError:
                continue

    supervisor = Supervisor(clock)
    supervisor.start("stubborn", stubborn)
    await asyncio.sleep(0)

    assert not await supervisor.stop(0.01)
    assert caplog.messages == ["task did not stop in time"]
    release.set()
    await asyncio.sleep(0.01)


async def test_stopping_nothing_is_fine(clock: ManualClock) -> None:
    assert await Supervisor(clock).stop(1)


async def test_tasks_that_are_kept_go_on_when_the_rest_is_stopped(supervisor: Supervisor) -> None:
    async def forever() -> None:
        await asyncio.Event().wait()

    for name in ("needed", "not needed"):
        supervisor.start(name, forever)
    await asyncio.sleep(0)
    assert await supervisor.stop(1, keep={"needed"})
    assert {report.name: report.running for report in supervisor.reports()} == {
        "needed": True, "not needed": False,
    }  # fmt: skip
