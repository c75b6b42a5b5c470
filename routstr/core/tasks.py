"""Background work under supervision: what fails is logged with its traceback and goes on."""

import asyncio
import random
from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass, replace
from typing import Final, final

from routstr.core.clock import Clock
from routstr.core.logging import get_logger

_FIRST_RETRY_SECONDS: Final = 1.0
_DOUBLINGS_MAX: Final = 16

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class TaskReport:
    """How a task fares; times in milliseconds since 1970. ``error`` is only the error's class."""

    name: str
    running: bool = True
    last_ok_ms: int | None = None
    last_error_ms: int | None = None
    error: str | None = None
    failures: int = 0
    """Failures since the last success."""


@final
class Supervisor:
    """Owns the background tasks of the process. Use it from one event loop."""

    def __init__(
        self, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._clock = clock
        self._sleep = sleep
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._reports: dict[str, TaskReport] = {}

    def every(
        self,
        name: str,
        seconds: float,
        job: Callable[[], Awaitable[object]],
        *,
        jitter: float = 0.1,
    ) -> None:
        """Run ``job`` now and then again ``seconds`` after each end, give or take the jitter.

        After a failure it is tried again in 1, 2, 4, ... seconds, at most its own interval.
        ``jitter`` is a fraction of the pause, so that instances do not march in step.
        """
        self._launch(name, lambda: self._repeat(name, seconds, job, jitter))

    def start(self, name: str, job: Callable[[], Awaitable[object]]) -> None:
        """Run ``job`` once, for as long as it takes; a failure is logged and reported."""
        self._launch(name, lambda: self._attempt(name, job))

    async def stop(self, timeout_seconds: float, *, keep: Collection[str] = ()) -> bool:
        """Cancel every task but those to ``keep``, and wait for their ends.

        False when some did not end in time.
        """
        stopped = [task for name, task in self._tasks.items() if name not in keep]
        for task in stopped:
            task.cancel()
        if not stopped:
            return True
        _, pending = await asyncio.wait(stopped, timeout=timeout_seconds)
        for task in pending:
            _log.warning("task did not stop in time", task=task.get_name())
        return not pending

    def reports(self) -> tuple[TaskReport, ...]:
        """How every task fares, in the order of their start."""
        return tuple(
            replace(report, running=not self._tasks[name].done())
            for name, report in self._reports.items()
        )

    def _launch(self, name: str, work: Callable[[], Coroutine[object, object, None]]) -> None:
        if name in self._tasks:
            raise ValueError(f"task {name} exists already")
        self._reports[name] = TaskReport(name)
        self._tasks[name] = asyncio.create_task(work(), name=name)

    async def _repeat(
        self, name: str, seconds: float, job: Callable[[], Awaitable[object]], jitter: float
    ) -> None:
        while True:
            await self._attempt(name, job)
            pause = seconds
            if failures := self._reports[name].failures:
                doublings = min(failures - 1, _DOUBLINGS_MAX)
                pause = min(seconds, _FIRST_RETRY_SECONDS * 2**doublings)
            spread = random.uniform(-jitter, jitter)  # noqa: S311 - not a secret
            await self._sleep(pause * (1 + spread))

    async def _attempt(self, name: str, job: Callable[[], Awaitable[object]]) -> None:
        report = self._reports[name]
        try:
            await job()
        except Exception as error:  # noqa: BLE001 - whatever it is, the task goes on
            _log.exception("task failed", task=name)
            self._reports[name] = replace(
                report,
                last_error_ms=self._clock.now_ms(),
                error=type(error).__name__,
                failures=report.failures + 1,
            )
        else:
            self._reports[name] = replace(report, last_ok_ms=self._clock.now_ms(), failures=0)
