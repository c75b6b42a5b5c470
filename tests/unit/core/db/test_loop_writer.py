"""When a batch that did not get through may have taken effect all the same."""

import asyncio
from collections.abc import Generator, Sequence
from typing import cast

import pytest
from sqlalchemy import Connection

from routstr.core.db import CommitLost, Dialect, Tx
from routstr.core.db.backend import Stepped
from routstr.core.db.jobs import Job
from routstr.core.db.loop_writer import LoopBatch
from routstr.core.db.steps import Answers, Steps, at_once


class Wire:
    """A pipe: ``fails`` says in which trip, counted from 1, and how."""

    def __init__(self, breaks: int = 0, refuses: int = 0) -> None:
        self.trips = 0
        self._breaks = breaks
        self._refuses = refuses

    def trip(self) -> Generator[int, None, int]:
        self.trips += 1
        yield 1
        if self.trips == self._breaks:
            raise OSError("broken as told")
        return self.trips

    def told(self, came: int) -> Answers:
        if came == self._refuses:
            raise ValueError("refused as told")
        return [[[b"%d" % came]]]


class Wired:
    """A backend; ``lost``: what the server says at COMMIT means that nobody can tell."""

    def __init__(self, *, lost: bool = False) -> None:
        self.began: list[bool] = []
        self._lost = lost

    def begin(self, *, full: bool) -> None:
        self.began.append(full)

    def committing(self) -> Steps[None]:
        try:
            yield
        except ValueError as error:
            if self._lost:
                raise CommitLost from error
            raise


class Echo:
    """A batch function of one trip."""

    def steps(self, _tx: Tx, operations: Sequence[str]) -> Steps[Sequence[str]]:
        [[[answer]]] = yield
        return [f"{operation} {int(answer or 0)}" for operation in operations]

    def __call__(self, tx: Tx, operations: Sequence[str]) -> Sequence[str]:
        return at_once(lambda: [[[b"7"]]], self.steps(tx, operations))


async def carried_out(wire: Wire, backend: Wired) -> tuple[LoopBatch, BaseException | None]:
    class Raw:
        pipe = wire

    loop = asyncio.get_running_loop()
    echo = Echo()
    jobs = [
        Job(loop, loop.create_future(), batch=echo, op="hold", full=False),
        Job(loop, loop.create_future(), batch=echo, op="settle", full=True),
    ]
    tx = Tx(cast("Connection", None), Raw, Dialect.POSTGRESQL)
    batch = LoopBatch(jobs, cast("Stepped", backend), tx)
    try:
        for _ in batch.trips:
            pass
    except Exception as error:  # noqa: BLE001 - any
        batch.error = error
    return batch, batch.error


async def test_two_trips_answer_everybody_and_wait_for_the_disk_if_anybody_does() -> None:
    wire, backend = Wire(), Wired()
    batch, error = await carried_out(wire, backend)
    assert (error, wire.trips, backend.began) == (None, 2, [True])
    assert batch.outcomes == [("hold 1", None), ("settle 1", None)]


@pytest.mark.parametrize(
    ("wire", "backend", "in_doubt"),
    [
        pytest.param(Wire(breaks=1), Wired(), False, id="lost before COMMIT was sent"),
        pytest.param(Wire(refuses=1), Wired(), False, id="refused before COMMIT was sent"),
        pytest.param(Wire(breaks=2), Wired(), True, id="lost on COMMIT's way"),
        pytest.param(Wire(refuses=2), Wired(), False, id="COMMIT refused"),
        pytest.param(Wire(refuses=2), Wired(lost=True), True, id="the session ended in COMMIT"),
    ],
)
async def test_only_the_servers_own_word_says_that_a_commit_was_not_made(
    wire: Wire, backend: Wired, in_doubt: bool
) -> None:
    batch, error = await carried_out(wire, backend)
    assert error is not None
    assert batch.in_doubt is in_doubt
