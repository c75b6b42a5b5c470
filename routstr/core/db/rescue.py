"""What becomes of a batch that failed, or whose connection is lost, in the thread that can wait."""

import time
from collections.abc import Callable
from typing import Final

from routstr.core.db.backend import Backend, CommitLost, Failure, Tx
from routstr.core.db.jobs import Job, Outcome, caused, deliver
from routstr.core.db.loop_writer import LoopBatch, LoopWriter
from routstr.core.db.retries import Retried, Retries, Retry
from routstr.core.logging import get_logger
from routstr.errors import DatabaseUnavailable, OutcomeUnknown

_log: Final = get_logger(__name__)

_RECONNECT_PAUSE_SECONDS: Final = 0.1
_MEND_PAUSE_SECONDS: Final = 1.0  # between tries, and longer each time: one may take long
_MEND_PAUSE_SECONDS_MAX: Final = 60.0


def reconnect(backend: Backend, deadline: float) -> Tx | None:
    """Connect again, or nothing in time."""
    while True:
        try:
            return backend.open()
        except BaseException as error:
            if backend.classify(error) is None:
                raise
            if time.monotonic() > deadline:
                return None
            time.sleep(_RECONNECT_PAUSE_SECONDS)


def took_effect(backend: Backend, deadline: float) -> tuple[Tx, bool]:
    """Reconnect and ask about a lost commit; :class:`CommitLost` when nobody can tell."""
    while (tx := reconnect(backend, deadline)) is not None:
        try:
            return tx, backend.was_committed()
        except BaseException as error:
            if backend.classify(error) not in {Failure.GONE, Failure.RETRY}:
                raise CommitLost from error
    raise CommitLost


def failed(backend: Backend, jobs: list[Job], error: BaseException) -> list[Outcome | None]:
    """Give all callers one error for "the database failed"; programming errors stay bare."""
    told = error
    if isinstance(error, CommitLost):
        told = OutcomeUnknown()
    elif backend.classify(error) is not None:
        told = DatabaseUnavailable()
    if told is not error:
        caused(told, error)
    return [(None, told)] * len(jobs)


class Rescue:
    """Takes over what the event loop did not get through, and gives its connection back."""

    def __init__(
        self,
        writer: LoopWriter,
        retried: Retried,
        reconnect_seconds: float,
        wrote: Callable[[int, float], None],
    ) -> None:
        self._writer: Final = writer
        self._retried: Final = retried
        self._reconnect_seconds: Final = reconnect_seconds
        self._wrote: Final = wrote
        self._mend_at: float | None = 0.0  # not before; None: the loop has its connection
        self._pause_s = _MEND_PAUSE_SECONDS

    def left_to_do(self, batch: LoopBatch) -> list[Job]:
        """The jobs that had no effect; the callers of others are told."""
        backend, jobs, error = self._writer.backend, batch.jobs, batch.error
        assert error is not None, "what got through needs no rescue"
        if batch.in_doubt:
            return self._asked(batch)
        if jobs:
            Retries(self._retried).tell(error, backend.classify(error))
        backend.abandon()  # and with it what it has locked
        self._mend_at = time.monotonic()
        return jobs

    def _asked(self, batch: LoopBatch) -> list[Job]:
        try:
            tx, made = took_effect(self._writer.backend, time.monotonic() + self._reconnect_seconds)
        except BaseException as error:  # noqa: BLE001 - no caller may wait for ever
            self._mend_at = time.monotonic()
            unknown = caused(OutcomeUnknown(), error)
            deliver(batch.jobs, [(None, unknown)] * len(batch.jobs))
            return []
        self._retried(Retry.COMMIT_MADE if made else Retry.COMMIT_NOT_MADE)
        self._writer.resume(tx)
        if not made:
            return batch.jobs
        self._wrote(len(batch.jobs), time.monotonic() - batch.began)
        deliver(batch.jobs, batch.outcomes)
        return []

    def mend(self) -> None:
        """Give the event loop a connection, if it has none; tried now and then.

        The first time after a hot batch: whoever never has one needs no second connection.
        """
        if self._mend_at is None or time.monotonic() < self._mend_at:
            return
        try:
            self._writer.resume(self._writer.backend.open())
        except BaseException as error:  # noqa: BLE001 - the thread's own connection serves all
            _log.warning("loop_connection_lost", error=str(error))
            self._mend_at = time.monotonic() + self._pause_s
            self._pause_s = min(self._pause_s * 2, _MEND_PAUSE_SECONDS_MAX)
        else:
            self._mend_at = None
            self._pause_s = _MEND_PAUSE_SECONDS
