"""Hot batches that the event loop writes itself, where that is quicker than to wait for a thread.

What one turn of the event loop brings is a batch. Its transaction takes less time than to wake
another thread, to share the interpreter with it and to be woken by it; so while the writer's thread
has nothing to do, the loop carries hot jobs out on a connection of its own. It never waits for
another writer: a file that is locked, an error of any kind, and the thread gets the jobs, as if
nobody had tried. Nor does it wait long for the disk: where that takes longer than a change of
threads, the thread waits. See docs/decisions/0034.

A transaction costs more than a job in it. Where the last batch had several, the next one begins a
turn later: whoever is still being read from the network is in it, too. See docs/decisions/0036.
"""

from collections.abc import Callable, Sequence
from time import monotonic, thread_time
from typing import Final

from routstr.core.db.backend import Backend, Tx
from routstr.core.db.jobs import Job, Outcome, by_batch
from routstr.core.logging import get_logger

JOBS_MAX: Final = 64
"""More than these would keep the loop from everything else for longer than a millisecond or two."""
WAIT_SECONDS_MAX: Final = 0.0004
"""For the disk, on average; a change of threads and back takes about as long."""
PAUSE_SECONDS_MAX: Final = 30.0
_PAUSE_SECONDS: Final = 0.1
_WEIGHT: Final = 1 / 16  # of the newest wait in the average: one slow answer is not a slow disk
_TURN_JOBS: Final = 400
"""After so many the thread has a turn, whose commit copies the log into the file."""

_log: Final = get_logger(__name__)


class Near:
    """A connection for the thread of the event loop. ``now`` and ``cpu`` tell seconds."""

    def __init__(
        self,
        backend: Backend,
        wait_s: float = WAIT_SECONDS_MAX,
        now: Callable[[], float] = monotonic,
        cpu: Callable[[], float] = thread_time,
    ) -> None:
        self._backend: Final = backend
        self._wait_max_s: Final = wait_s
        self._now: Final = now
        self._cpu: Final = cpu
        self._tx: Tx | None = None
        self._wait_s = 0.0
        self._pause_s = _PAUSE_SECONDS
        self._not_before = 0.0
        self._jobs = 0  # since the thread had a turn

    def open(self) -> None:
        """Connect; raises the driver's error."""
        self._tx = self._backend.open()

    def close(self) -> None:
        """Let the connection go; nothing is carried out any more."""
        self._tx = None
        self._backend.close()

    def run(self, jobs: Sequence[Job]) -> list[Outcome] | None:
        """Carry out hot jobs and commit; None: nothing was done, the thread is to do it."""
        began = self._now()
        if self._tx is None or began < self._not_before or not self._fits(jobs):
            return None
        full = False
        for job in jobs:  # no generators here: each of their steps is as dear as a call
            full = full or job.full
        used = self._cpu()
        try:
            self._backend.begin(full=full)
            outcomes = _apply(self._tx, jobs)
            self._backend.commit()
        except BaseException:  # noqa: BLE001 - the thread meets it too, and tells whom it concerns
            self._give_up()
            return None
        if full:
            ended = self._now()
            self._learn(ended, ended - began - (self._cpu() - used))
        return outcomes

    def _fits(self, jobs: Sequence[Job]) -> bool:
        self._jobs += len(jobs)
        if self._jobs > _TURN_JOBS:
            self._jobs = 0
            return False
        for job in jobs:
            if job.batch is None:
                return False
        return len(jobs) <= JOBS_MAX

    def _learn(self, now: float, waited: float) -> None:
        """Keep away for a while from a disk that is slow, and longer from one that stays so."""
        self._wait_s += (waited - self._wait_s) * _WEIGHT
        if self._wait_s <= self._wait_max_s:
            return
        again = now - self._not_before < self._pause_s
        self._pause_s = min(self._pause_s * 2, PAUSE_SECONDS_MAX) if again else _PAUSE_SECONDS
        self._not_before = now + self._pause_s
        self._wait_s = self._wait_max_s / 2

    def _give_up(self) -> None:
        try:
            self._backend.rollback()
        except BaseException as error:  # noqa: BLE001 - a connection that cannot even do this
            _log.warning("near_connection_lost", error=str(error))
            self.close()


def _apply(tx: Tx, jobs: Sequence[Job]) -> list[Outcome]:
    outcomes: list[Outcome] = [(None, None)] * len(jobs)
    for batch, indexes in by_batch(jobs).items():
        answers = batch(tx, [jobs[index].op for index in indexes])
        for index, answer in zip(indexes, answers, strict=True):
            outcomes[index] = answer, None
    return outcomes
