"""What waits for the writer, and how its callers are told."""

import asyncio
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from typing import Any, Protocol

from routstr.core.db.backend import Tx
from routstr.core.db.steps import Steps

HotBatch = Callable[[Tx, Sequence[Any]], Sequence[Any]]
Outcome = tuple[object, BaseException | None]


class SteppedBatch(Protocol):
    """A batch function that need not wait where it is called."""

    def steps(self, tx: Tx, operations: Sequence[Any]) -> Steps[Sequence[Any]]:
        """The same as calling it, for whoever carries on when the database has answered."""
        ...


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


def by_batch(jobs: Sequence[Job]) -> dict[HotBatch, list[int]]:
    """Where in ``jobs`` the operations of each batch function are."""
    hot: dict[HotBatch, list[int]] = {}
    for index, job in enumerate(jobs):
        if job.batch is not None:
            hot.setdefault(job.batch, []).append(index)
    return hot


def deliver(jobs: list[Job], outcomes: Sequence[Outcome | None]) -> None:
    """Resolve the futures, in one call per event loop; an outcome of ``None`` is left for later."""
    by_loop: dict[asyncio.AbstractEventLoop, list[tuple[Job, Outcome]]] = {}
    for job, outcome in zip(jobs, outcomes, strict=True):
        if outcome is not None:
            by_loop.setdefault(job.loop, []).append((job, outcome))
    for loop, pairs in by_loop.items():
        with suppress(RuntimeError):  # the loop was closed: nobody waits there any more
            loop.call_soon_threadsafe(resolve, pairs)


def resolve(pairs: Iterable[tuple[Job, Outcome]]) -> None:
    """Resolve the futures, in the thread of their event loop."""
    for job, (result, error) in pairs:
        future = job.future
        if not future.done():
            if error is None:
                future.set_result(result)
            else:
                future.set_exception(error)
        elif future.cancelled() and job.orphan is not None and error is None:
            job.orphan(result)
        # else it was answered just before the writer failed


def caused(told: BaseException, cause: BaseException) -> BaseException:
    """Say of an error what it came from."""
    told.__cause__ = cause
    return told


def raisable(error: BaseException) -> BaseException:
    """Replace what no future takes, as a coroutine does (PEP 479)."""
    if not isinstance(error, StopIteration):
        return error
    return caused(RuntimeError("a write raised StopIteration"), error)


def alone(batch: HotBatch, op: object, tx: Tx) -> object:
    """Carry one hot operation out by itself."""
    return batch(tx, [op])[0]
