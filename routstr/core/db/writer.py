"""The one thread that writes.

Callers queue jobs; the thread takes whatever waits (at most ``BATCH_JOBS_MAX``) and runs it as one
transaction, so that one wait for the disk serves many callers. Hot jobs of the same kind are handed
together, first and as plain data, to a *batch function*, which answers and never raises. Other jobs
run one by one, each behind a savepoint, so that a failing one undoes only itself. Futures resolve
after the commit, in one call per batch and event loop. A queued job is never cancelled.
"""

import asyncio
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue
from typing import Any, Final

from routstr.core.db.backend import Backend, CommitLost, Failure, Tx
from routstr.errors import DatabaseUnavailable

BATCH_JOBS_MAX: Final = 256
BATCH_SECONDS_MAX: Final = 0.005
RECONNECT_SECONDS_MAX: Final = 15.0
_RECONNECT_PAUSE_SECONDS: Final = 0.1

HotBatch = Callable[[Tx, Sequence[Any]], Sequence[Any]]
Outcome = tuple[object, BaseException | None]


class Job:
    """One queued operation; ``batch`` is set for hot ones, ``fn`` for the others."""

    __slots__ = ("batch", "fn", "full", "future", "loop", "op", "orphan")

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        future: "asyncio.Future[Any]",
        *,
        fn: Callable[[Tx], object] | None = None,
        batch: HotBatch | None = None,
        op: object = None,
        full: bool = True,
        orphan: Callable[[Any], None] | None = None,
    ) -> None:
        self.loop = loop
        self.future = future
        self.fn = fn
        self.batch = batch
        self.op = op
        self.full = full
        self.orphan = orphan  # told the result when nobody waits for it any more


class Writer:
    """Owns the writing connection and the thread that uses it."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._queue: SimpleQueue[Job | None] = SimpleQueue()
        self._later: deque[Job] = deque()  # jobs that the time limit left for the next batch
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._tx: Tx | None = None
        self._closing = False

    def start(self) -> None:
        """Connect in the caller's thread, so that a wrong address fails at once, then run."""
        self._tx = self._backend.open()
        self._thread.start()

    def submit(self, job: Job) -> None:
        """Queue a job; its future resolves after the commit that contains it."""
        if self._closing:
            job.future.set_exception(DatabaseUnavailable("The node is stopping."))
            return
        self._queue.put(job)

    def stop(self) -> None:
        """Finish everything queued, then close the connection. Blocks."""
        self._closing = True
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        try:
            while jobs := self._take():
                try:
                    outcomes = self._execute(jobs)
                except BaseException as error:  # noqa: BLE001 - no caller may wait for ever
                    self._tx = None  # the next batch begins with a new connection
                    outcomes = [(None, error)] * len(jobs)
                _deliver(jobs, outcomes)
        finally:
            self._backend.close()

    def _take(self) -> list[Job]:
        jobs: list[Job] = []
        while self._later and len(jobs) < BATCH_JOBS_MAX:
            jobs.append(self._later.popleft())
        if not jobs:
            first = self._queue.get()
            if first is None:
                return []
            jobs.append(first)
        while len(jobs) < BATCH_JOBS_MAX:
            try:
                job = self._queue.get_nowait()
            except Empty:
                break
            if job is None:
                self._queue.put(None)  # stop after this batch
                break
            jobs.append(job)
        return jobs

    def _execute(self, jobs: list[Job]) -> list[Outcome | None]:
        """Run one batch as one transaction; an outcome of ``None`` means: in the next one."""
        deadline = time.monotonic() + RECONNECT_SECONDS_MAX
        full = any(job.full for job in jobs)
        while True:
            outcomes: list[Outcome | None] | None = None
            try:
                if self._tx is None:
                    self._tx = self._backend.open()
                self._backend.begin(full=full)
                outcomes = self._apply(self._tx, jobs)
                self._backend.commit()
            except CommitLost as error:
                if self._settle_lost_commit(deadline) and outcomes is not None:
                    return self._postpone(jobs, outcomes)
                failure: BaseException = error
            except BaseException as error:  # noqa: BLE001 - handed to every caller of the batch
                failure = error
                if not self._may_retry(error, deadline):
                    return [(None, _as_unavailable(self._backend, error))] * len(jobs)
            else:
                return self._postpone(jobs, outcomes)
            if time.monotonic() > deadline:
                return [(None, _as_unavailable(self._backend, failure))] * len(jobs)

    def _postpone(self, jobs: list[Job], outcomes: list[Outcome | None]) -> list[Outcome | None]:
        self._later.extend(
            job for job, outcome in zip(jobs, outcomes, strict=True) if outcome is None
        )
        return outcomes

    def _apply(self, tx: Tx, jobs: list[Job]) -> list[Outcome | None]:
        outcomes: list[Outcome | None] = [None] * len(jobs)
        hot: dict[HotBatch, list[int]] = {}
        for index, job in enumerate(jobs):
            if job.batch is not None:
                hot.setdefault(job.batch, []).append(index)
        for batch, indexes in hot.items():
            answers = batch(tx, [jobs[index].op for index in indexes])
            for index, answer in zip(indexes, answers, strict=True):
                outcomes[index] = (answer, None)
        started = time.monotonic()
        for index, job in enumerate(jobs):
            if job.fn is None:
                continue
            if time.monotonic() - started > BATCH_SECONDS_MAX:
                break
            outcomes[index] = self._apply_one(tx, job.fn)
        return outcomes

    def _apply_one(self, tx: Tx, fn: Callable[[Tx], object]) -> Outcome:
        self._backend.savepoint()
        try:
            result = fn(tx)
        except BaseException as error:
            if self._backend.classify(error) is not None:
                raise  # the database itself: the whole batch is answered alike
            self._backend.rollback_to()
            return None, error
        self._backend.release()
        return result, None

    def _may_retry(self, error: BaseException, deadline: float) -> bool:
        """Clean up after a batch that was not committed; true when it can run again."""
        verdict = self._backend.classify(error)
        if verdict is Failure.GONE:
            return self._reconnect(deadline)
        self._backend.rollback()
        return verdict is Failure.RETRY

    def _reconnect(self, deadline: float) -> bool:
        self._tx = None
        while True:
            try:
                self._tx = self._backend.open()
            except BaseException as error:
                if self._backend.classify(error) is None:
                    raise
                if time.monotonic() > deadline:
                    return False
                time.sleep(_RECONNECT_PAUSE_SECONDS)
            else:
                return True

    def _settle_lost_commit(self, deadline: float) -> bool:
        """Reconnect and ask; false means that the batch had no effect and may run again."""
        if not self._reconnect(deadline):
            return False
        return self._backend.was_committed()


def _as_unavailable(backend: Backend, error: BaseException) -> BaseException:
    """Give callers one error for "the database failed"; leave programming errors as they are."""
    if isinstance(error, CommitLost) or backend.classify(error) is not None:
        unavailable = DatabaseUnavailable()
        unavailable.__cause__ = error
        return unavailable
    return error


def _deliver(jobs: list[Job], outcomes: Sequence[Outcome | None]) -> None:
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome is not None:
            by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, pairs in by_loop.items():
        if not loop.is_closed():
            loop.call_soon_threadsafe(_resolve, pairs)


def _resolve(pairs: list[tuple[Job, Outcome]]) -> None:
    for job, (result, error) in pairs:
        if job.future.cancelled():
            if job.orphan is not None and error is None:
                job.orphan(result)
            continue
        if error is not None:
            job.future.set_exception(error)
        else:
            job.future.set_result(result)
