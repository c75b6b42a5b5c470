"""Hot batches that the event loop carries out on PostgreSQL, without a thread.

A batch is two trips to the server, and while it is on its way the loop does something else: the
socket tells when the answers are there. What arrives meanwhile is the next batch, and is on its way
before anybody hears of the last one: server and loop work side by side. Nobody is woken, and no two
threads want the interpreter. Whatever goes wrong, the batch is the writer's thread's,
which can wait: to try again, to ask whether a COMMIT without an answer took effect, to connect anew
(:mod:`routstr.core.db.rescue`). Until then all batches are. See docs/decisions/0033.
"""

import asyncio
from collections.abc import Callable, Generator
from time import monotonic
from typing import Final, cast

from routstr.core.db.backend import CommitLost, Stepped, Tx
from routstr.core.db.jobs import Job, Outcome, SteppedBatch, by_batch, resolve
from routstr.core.db.steps import Steps

BATCH_JOBS_MAX: Final = 128
"""More than these would keep the loop from everything else for some milliseconds."""
_WRITE: Final = 4  # select.POLLOUT


class LoopBatch:
    """One batch: its jobs, what they are answered, and why it did not get through, if so."""

    __slots__ = ("_refusal", "began", "committing", "error", "jobs", "outcomes", "trips", "writes")

    def __init__(self, jobs: list[Job], backend: Stepped, tx: Tx) -> None:
        self.jobs: Final = jobs
        self.trips: Final = self._carried_out(backend, tx)
        self.began: Final = monotonic()
        self.outcomes: list[Outcome] = [(None, None)] * len(jobs)
        self.committing = False
        self.writes = False  # waits until it can send more
        self.error: BaseException | None = None
        self._refusal: BaseException | None = None

    @property
    def in_doubt(self) -> bool:
        """Whether COMMIT may have taken effect: only the server's own word says that it did not."""
        return self.committing and (
            isinstance(self.error, CommitLost) or self.error is not self._refusal
        )

    def _carried_out(self, backend: Stepped, tx: Tx) -> Generator[int, None, None]:
        """Carry it out and commit; yields for which events on the socket it waits."""
        pipe, steps = tx.raw.pipe, self._steps(backend, tx)
        try:
            next(steps)
            while True:
                came = yield from pipe.trip()
                try:
                    answers = pipe.told(came)
                except BaseException as error:  # noqa: BLE001 - theirs to judge
                    self._refusal = error
                    steps.throw(error)
                else:
                    steps.send(answers)
        except StopIteration:
            return

    def _steps(self, backend: Stepped, tx: Tx) -> Steps[None]:
        jobs, outcomes = self.jobs, self.outcomes
        backend.begin(full=any(job.full for job in jobs))
        for hot, indexes in by_batch(jobs).items():
            operations = [jobs[index].op for index in indexes]
            answers = yield from cast("SteppedBatch", hot).steps(tx, operations)
            for index, answer in zip(indexes, answers, strict=True):
                outcomes[index] = answer, None
        self.committing = True
        yield from backend.committing()


class LoopWriter:
    """A connection, its socket watched by one event loop; every call is made by that loop.

    ``wrote`` is told of each batch that is committed. ``left`` is given one that did not get
    through, and the jobs behind it; the connection is then no longer used, until :meth:`resume`.
    """

    def __init__(
        self,
        backend: Stepped,
        wrote: Callable[[int, float], None],
        left: Callable[[LoopBatch, list[Job]], None],
    ) -> None:
        self.backend: Final = backend
        self._wrote: Final = wrote
        self._left: Final = left
        self._tx: Tx | None = None
        self._loop: asyncio.AbstractEventLoop | None = None
        self._socket = -1  # that is watched
        self._arrived: list[Job] = []
        self._batch: LoopBatch | None = None
        self._closed = False
        self._then: Callable[[], object] | None = None

    @property
    def waiting(self) -> int:
        """Jobs that wait for the batch before them."""
        return len(self._arrived)

    def take(self, jobs: list[Job]) -> list[Job]:
        """Carry out what can be here; the other jobs are returned."""
        loop = self._watching()
        if loop is None:
            return jobs
        others: list[Job] = []
        for job in jobs:
            fits = job.loop is loop and hasattr(job.batch, "steps")
            (self._arrived if fits else others).append(job)
        if self._batch is None and self._arrived:
            self._begin()
        return others

    def look(self, loop: asyncio.AbstractEventLoop) -> None:
        """Carry the batch on if its answers are there; ``loop`` is the one that runs.

        The loop looks at its sockets when a turn is over, and the server has nothing to do until
        then. A turn with many requests is long, so they look now and then.
        """
        if self._batch is not None and loop is self._loop:
            self._go_on(self._batch)

    def resume(self, tx: Tx) -> None:
        """Use this connection from now on."""
        self._tx = tx

    def close(self, then: Callable[[], object]) -> None:
        """Take no more; ``then`` is called when all that was taken is done."""
        self._closed = True
        self._then = then
        if self._tx is None or (self._batch is None and not self._arrived):
            self._let_go()
        elif self._loop is not _running_loop():  # nobody carries it on any more
            batch = self._batch or LoopBatch([], self.backend, self._tx)
            self._leave(batch, CommitLost())

    def _watching(self) -> asyncio.AbstractEventLoop | None:
        """The loop that watches the socket, if it is the one that asks."""
        if self._tx is None or self._closed:
            return None
        loop = _running_loop()
        if self._socket < 0 and loop is not None:
            self._loop, self._socket = loop, self._tx.raw.pipe.socket
            loop.add_reader(self._socket, self._ready)
        return loop if loop is self._loop else None

    def _begin(self) -> None:
        arrived, tx = self._arrived, self._tx
        assert tx is not None, "without a connection nothing is taken"
        self._arrived = arrived[BATCH_JOBS_MAX:]
        self._batch = LoopBatch(arrived[:BATCH_JOBS_MAX], self.backend, tx)
        self._go_on(self._batch)

    def _ready(self) -> None:
        """Something happened on the socket."""
        if self._batch is not None:
            self._go_on(self._batch)
        elif self._tx is not None:
            try:
                self._tx.raw.pipe.heard()
            except Exception as error:  # noqa: BLE001 - gone; the thread connects anew
                self._leave(LoopBatch([], self.backend, self._tx), error)

    def _go_on(self, batch: LoopBatch) -> None:
        try:
            writes = bool(next(batch.trips) & _WRITE)
        except StopIteration:
            self._finish(batch)
        except BaseException as error:  # noqa: BLE001 - the thread meets it too, or asks
            self._leave(batch, error)
        else:
            if writes is not batch.writes:
                self._watch_writing(wanted=writes)
                batch.writes = writes

    def _watch_writing(self, *, wanted: bool) -> None:
        assert self._loop is not None, "a batch is under way in a loop"
        if wanted:
            self._loop.add_writer(self._socket, self._ready)
        else:
            self._loop.remove_writer(self._socket)

    def _finish(self, batch: LoopBatch) -> None:
        if batch.writes:
            self._watch_writing(wanted=False)
        self._batch = None
        self._wrote(len(batch.jobs), monotonic() - batch.began)
        if self._arrived:
            self._begin()
        elif self._then is not None:
            self._let_go()
        resolve(zip(batch.jobs, batch.outcomes, strict=True))

    def _leave(self, batch: LoopBatch, error: BaseException) -> None:
        batch.error = error
        self._batch = None
        behind, self._arrived = self._arrived, []
        self._unwatch()
        self._left(batch, behind)
        if self._then is not None:
            self._let_go()

    def _let_go(self) -> None:
        self._unwatch()
        then, self._then = self._then, None
        if then is not None:
            then()

    def _unwatch(self) -> None:
        self._tx = None
        if self._socket >= 0 and self._loop is not None and not self._loop.is_closed():
            self._loop.remove_reader(self._socket)
            self._loop.remove_writer(self._socket)
        self._socket = -1


def _running_loop() -> asyncio.AbstractEventLoop | None:
    try:
        return asyncio.get_running_loop()
    except RuntimeError:
        return None
