"""The one thread that writes.

Callers queue jobs; what one turn of the event loop brings is handed to the thread together. It
takes whatever waits (at most ``BATCH_JOBS_MAX``) and runs it as one transaction, so that one wait
for the disk serves many callers. Hot jobs of the same kind are handed together, first and as plain
data, to a *batch function*, which answers and does not raise. Should it raise after all (a value
that no column takes), the batch runs again with each job on its own, so that only the one to blame
fails. Other jobs run one by one, each behind a savepoint, so that a failing one undoes only itself.
Futures resolve after the commit, in one call per batch and event loop. A queued job is never
cancelled.

Should the writer itself fail, outside of what a job does, then whoever waits is told at once, the
fault is logged, and it goes on with a new connection: a node whose writer is gone would take
requests and answer none.

Where several writers lock rows (PostgreSQL), each of the other jobs has a transaction of its own: a
job locks in a certain order, customers before the node's accounts, but two jobs in one transaction
lock in any order, and the transactions of two instances then wait for each other.

The event loop carries hot jobs out itself where it can (:mod:`routstr.core.db.near`,
:mod:`routstr.core.db.loop_writer`), and leaves to the thread what has to be waited for.
"""

import threading
import time
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from queue import Empty, SimpleQueue
from typing import Final

from routstr.core.db.backend import Backend, CommitLost, Failure, Tx
from routstr.core.db.jobs import (
    Job,
    Outcome,
    alone,
    by_batch,
    caused,
    deliver,
    raisable,
    resolve,
)
from routstr.core.db.loop_writer import LoopBatch, LoopWriter
from routstr.core.db.near import JOBS_MAX, WAIT_SECONDS_MAX, Near
from routstr.core.db.rescue import Rescue, failed, reconnect, took_effect
from routstr.core.db.retries import Retried, Retries, Retry
from routstr.core.logging import get_logger
from routstr.errors import DatabaseUnavailable, OutcomeUnknown

_log = get_logger(__name__)

BATCH_JOBS_MAX: Final = 256
Committed = Callable[[int, float], None]
"""Told of each batch how many operations it had and how many seconds it took."""
WAITING_JOBS_MAX: Final = 10_000  # a second's work: what comes on top of it would wait in vain
BATCH_SECONDS_MAX: Final = 0.005
RECONNECT_SECONDS_MAX: Final = 15.0
_COMPANY_JOBS_MAX: Final = JOBS_MAX // 2  # two turns' jobs are to fit into one batch of the loop
_FAULT_PAUSE_SECONDS: Final = 0.1  # a fault that comes again at once must not fill the log


class Writer:
    """Owns the writing connection and the thread that uses it."""

    def __init__(
        self,
        backend: Backend,
        *,
        reconnect_seconds: float = RECONNECT_SECONDS_MAX,
        waiting_max: int = WAITING_JOBS_MAX,
        committed: Committed = lambda _operations, _seconds: None,
        retried: Retried = lambda _why: None,
        disk_seconds: float = WAIT_SECONDS_MAX,
    ) -> None:
        self._backend = backend
        self._waiting_max = waiting_max
        self._committed = committed
        self._retried = retried
        self._reconnect_seconds = reconnect_seconds
        self._queue: SimpleQueue[list[Job] | LoopBatch | None] = SimpleQueue()
        self._telling = threading.Lock()
        self._arrived: deque[Job] = deque()  # in this turn of the event loop, or in two
        self._handing_over = False
        self._in_company = False  # whether several jobs, but not many, were handed over last
        self._submitted = self._taken = 0
        self._hot: deque[Job] = deque()
        self._later: deque[Job] = deque()  # functions that hot jobs or the time limit left behind
        self._batch: list[Job] = []  # what is being carried out
        self._hot_turn = False
        self._thread = threading.Thread(target=self._run, name="database-writer", daemon=True)
        self._tx: Tx | None = None
        self._closing = False
        near = backend.near()
        self._near = None if near is None else Near(near, disk_seconds)
        self._loop_writer, self._rescue = self._for_the_loop(backend)
        self._handed = self._got = self._done = 0  # lists of jobs: to the thread, by it, finished

    def _for_the_loop(self, backend: Backend) -> tuple[LoopWriter | None, Rescue | None]:
        stepped = backend.stepped()
        if stepped is None:
            return None, None
        writer = LoopWriter(stepped, self._wrote, self._left)
        return writer, Rescue(writer, self._retried, self._reconnect_seconds, self._wrote)

    def start(self) -> None:
        """Connect in the caller's thread, so that a wrong address fails at once, then run."""
        self._tx = self._backend.open()
        if self._near is not None:
            self._near.open()
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Jobs that nobody has taken yet."""
        behind = 0 if self._loop_writer is None else self._loop_writer.waiting
        return self._submitted - self._taken + behind

    def submit(self, job: Job) -> None:
        """Queue a job; its future resolves after the commit that contains it.

        ``DatabaseUnavailable`` at once while the queue is full: then the database is away, or
        slower than what is asked of it.
        """
        if self._closing:
            job.future.set_exception(DatabaseUnavailable("The node is stopping."))
            return
        if self.waiting >= self._waiting_max:
            job.future.set_exception(DatabaseUnavailable(headers={"Retry-After": "5"}))
            return
        if self._loop_writer is not None:
            self._loop_writer.look(job.loop)
        self._submitted += 1
        self._arrived.append(job)
        if not self._handing_over:
            if self._in_company and self._near is not None:  # others may be a turn behind
                job.loop.call_soon(job.loop.call_soon, self._hand_over)
            else:
                job.loop.call_soon(self._hand_over)
            self._handing_over = True

    def _hand_over(self) -> None:
        """Give the thread all that this turn of the event loop has brought, at once.

        Woken by the first, it would want the interpreter while the others are still being made.
        """
        self._handing_over = False
        jobs: list[Job] = []
        with suppress(IndexError):
            while True:
                jobs.append(self._arrived.popleft())
        self._in_company = 1 < len(jobs) <= _COMPANY_JOBS_MAX
        if self._loop_writer is not None:
            arrived = len(jobs)
            jobs = self._loop_writer.take(jobs)
            self._submitted -= arrived - len(jobs)
        if jobs and not self._written_here(jobs):
            self._handed += 1
            self._queue.put(jobs)

    def _left(self, batch: LoopBatch, behind: list[Job]) -> None:
        """Leave to the thread what the event loop did not get through."""
        self._submitted += len(batch.jobs) + len(behind)
        self._queue.put(batch)
        if behind:
            self._queue.put(behind)

    def _wrote(self, operations: int, seconds: float) -> None:
        with self._telling:
            self._committed(operations, seconds)

    def _written_here(self, jobs: list[Job]) -> bool:
        """Carry jobs out in this thread, if the other one has nothing to do and all goes well."""
        near, loop = self._near, jobs[0].loop
        if near is None or self._done != self._handed:
            return False
        for job in jobs:  # no generator: each of its steps is as dear as a call
            if job.loop is not loop:
                return False
        began = time.monotonic()
        outcomes = near.run(jobs)
        if outcomes is None:
            return False
        self._taken += len(jobs)
        self._wrote(len(jobs), time.monotonic() - began)
        resolve(zip(jobs, outcomes, strict=True))
        return True

    def close(self) -> None:
        """Take no more jobs. Called where jobs are submitted, so that none slips in behind."""
        self._closing = True
        self._hand_over()
        if self._loop_writer is None:
            self._queue.put(None)
        else:
            self._loop_writer.close(partial(self._queue.put, None))

    def join(self) -> None:
        """Wait until everything queued is finished and the connection closed."""
        if self._thread.ident is not None:
            self._thread.join()

    def _run(self) -> None:
        try:
            while not self._finished():
                pass
        finally:
            self._closing = True  # nobody may queue for a thread that is gone
            self._backend.close()
            if self._near is not None:
                self._near.close()
            if self._loop_writer is not None:
                self._loop_writer.backend.close()

    def _finished(self) -> bool:
        """Write what waits; true when there is no more to come."""
        try:
            while jobs := self._take():
                began = time.monotonic()
                try:
                    outcomes = self._execute(jobs)
                except BaseException as error:  # noqa: BLE001 - no caller may wait for ever
                    self._tx = None  # the next batch begins with a new connection
                    outcomes = failed(self._backend, jobs, error)
                self._wrote(len(jobs), time.monotonic() - began)
                if not (self._hot or self._later):
                    self._done = self._got  # before anybody hears of it and comes with more
                deliver(jobs, outcomes)
                self._batch = []
                if self._rescue is not None and jobs[0].batch is not None:
                    self._rescue.mend()
        except BaseException as error:  # noqa: BLE001 - nor may the writer end while they queue
            self._give_up_all(error)
            return False
        return True

    def _give_up_all(self, error: BaseException) -> None:
        """Tell all who wait that the writer itself failed, and be as new."""
        _log.critical("writer_failed", exc_info=error)
        begun, self._batch = self._batch, []
        waiting = [*self._hot, *self._later]
        self._hot.clear()
        self._later.clear()
        with suppress(Empty):
            while True:
                jobs = self._queue.get_nowait() or ()
                if isinstance(jobs, LoopBatch):
                    jobs = self._rescued(jobs)
                else:
                    self._got += bool(jobs)
                self._taken += len(jobs)
                waiting += jobs
        if self._closing:
            self._queue.put(None)
        self._tx = None
        started = {id(job) for job in begun}
        self._done = self._got
        deliver(begun, [(None, caused(OutcomeUnknown(), error))] * len(begun))
        waiting = [job for job in waiting if id(job) not in started]
        deliver(waiting, [(None, caused(DatabaseUnavailable(), error))] * len(waiting))
        time.sleep(_FAULT_PAUSE_SECONDS)

    def _take(self) -> list[Job]:
        """Return the next batch; nothing when the writer is to stop.

        Hot jobs come first. Where functions may not share a transaction, they take turns with
        the hot ones, one by one; else one place is for the function that waits the longest.
        """
        if not self._collect():
            return []
        hot, later, jobs = self._hot, self._later, self._batch
        if self._backend.shares_transactions:
            _move(hot, jobs, BATCH_JOBS_MAX - 1)
            _move(later, jobs, BATCH_JOBS_MAX - len(jobs))
            return jobs
        self._hot_turn = bool(hot) and not (self._hot_turn and later)
        _move(*((hot, jobs, BATCH_JOBS_MAX) if self._hot_turn else (later, jobs, 1)))
        return jobs

    def _collect(self) -> bool:
        """Sort what is queued, after waiting for the first; false when there is no more."""
        wait = not (self._hot or self._later)
        while len(self._hot) < BATCH_JOBS_MAX:
            try:
                jobs = self._queue.get(wait)
            except Empty:
                break
            if jobs is None:
                if wait:
                    return False
                self._queue.put(None)  # stop when everything before it is done
                break
            if isinstance(jobs, LoopBatch):
                jobs = self._rescued(jobs)
            else:
                self._got += 1
            self._taken += len(jobs)
            for job in jobs:
                (self._later if job.batch is None else self._hot).append(job)
            wait = not (self._hot or self._later)  # the loop may have left nothing to do
        return True

    def _rescued(self, batch: LoopBatch) -> list[Job]:
        assert self._rescue is not None, "only a loop's writer leaves something"
        jobs = self._rescue.left_to_do(batch)
        self._taken += len(batch.jobs) - len(jobs)
        if not jobs:
            self._rescue.mend()
        return jobs

    def _execute(self, jobs: list[Job]) -> list[Outcome | None]:
        """Run one batch as one transaction; an outcome of ``None`` means: in the next one."""
        deadline = time.monotonic() + self._reconnect_seconds
        full = any(job.full for job in jobs)
        apart = False
        retries = Retries(self._retried)
        while True:
            outcomes: list[Outcome | None] = []
            try:
                if self._tx is None:
                    self._tx = self._backend.open()
                self._backend.begin(full=full)
                outcomes = self._apply(self._tx, jobs, apart=apart)
                self._backend.commit()
            except CommitLost as error:
                self._tx = None
                self._tx, made = took_effect(
                    self._backend, time.monotonic() + self._reconnect_seconds
                )
                self._retried(Retry.COMMIT_MADE if made else Retry.COMMIT_NOT_MADE)
                if made:
                    return self._postpone(jobs, outcomes)
                failure: BaseException = error
            except BaseException as error:  # noqa: BLE001 - handed to every caller of the batch
                failure = error
                if not self._may_retry(error, deadline, retries):
                    if apart or self._backend.classify(error) is not None:
                        return failed(self._backend, jobs, error)
                    apart = True  # not the database: one of the hot jobs is to blame
            else:
                return self._postpone(jobs, outcomes)
            if time.monotonic() > deadline:
                return failed(self._backend, jobs, failure)

    def _postpone(self, jobs: list[Job], outcomes: list[Outcome | None]) -> list[Outcome | None]:
        late = [job for job, outcome in zip(jobs, outcomes, strict=True) if outcome is None]
        self._later.extendleft(reversed(late))
        return outcomes

    def _apply(self, tx: Tx, jobs: list[Job], *, apart: bool) -> list[Outcome | None]:
        outcomes: list[Outcome | None] = [None] * len(jobs)
        for batch, indexes in by_batch(jobs).items():
            if apart:
                for index in indexes:
                    outcomes[index] = self._apply_one(tx, partial(alone, batch, jobs[index].op))
                continue
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
            self._backend.release()  # PostgreSQL refuses after an error that the function caught
        except BaseException as error:
            if self._backend.classify(error) is not None:
                raise  # the database itself: the whole batch is answered alike
            self._backend.rollback_to()
            return None, raisable(error)
        return result, None

    def _may_retry(self, error: BaseException, deadline: float, retries: Retries) -> bool:
        """Clean up after a batch that was not committed; true when it can run again."""
        verdict = self._backend.classify(error)
        retries.tell(error, verdict)
        if verdict is Failure.GONE:
            self._tx = None
            self._tx = reconnect(self._backend, deadline)
            return self._tx is not None
        self._backend.rollback()
        if verdict is not Failure.RETRY:
            return False
        retries.pause()
        return True


def _move(waiting: deque[Job], jobs: list[Job], count: int) -> None:
    jobs.extend(waiting.popleft() for _ in range(min(len(waiting), count)))
