"""Runs sagas: in tasks of their own, once at a time, and again after a restart.

A saga's task outlives the request that began it: a client that goes away stops nothing. Whoever
asks for the same saga meanwhile waits for the same task.
"""

import asyncio
from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping
from typing import Final, TypeAlias

import msgspec
from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import RedemptionPending
from routstr.money import Unit
from routstr.wallet import sagas
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import Completion, LeaseLost, Saga, Seal
from routstr.wallet.swaps import Ending, Result

_log = get_logger(__name__)

WAIT_SECONDS_MAX: Final = 45.0
LOST_MS: Final = 60_000
"""The age at which a saga fails whose inputs its mint calls spent and has signed nothing for."""
POLL_SECONDS: Final = 0.2

Attempt: TypeAlias = Callable[[Saga, bool], Awaitable["Outcome"]]  # saga, resumed


class Outcome(msgspec.Struct, frozen=True):
    """How an attempt ended: the saga as it is now, and why if it is not done."""

    saga: Saga
    result: Result | None = None


class Engine:
    """Knows the purposes, owns the running tasks and the leases of this instance."""

    def __init__(self, db: Database, clock: Clock, seal: Seal, seed: bytes, instance: int) -> None:
        self.db = db
        self.clock = clock
        self.seal = seal
        self.seed = seed
        self.instance = instance
        # requests that choose at the same time would choose the same proofs
        self.choosing: defaultdict[tuple[str, Unit], asyncio.Lock] = defaultdict(asyncio.Lock)
        self._purposes: dict[str, Completion] = {}
        self._running: dict[int, asyncio.Task[Outcome]] = {}

    def register(self, purpose: str, completion: Completion) -> None:
        """Name who takes part in the sagas of a purpose, also of those found after a restart."""
        self._purposes[purpose] = completion

    def completion(self, saga: Saga) -> Completion:
        """Return who takes part in a saga."""
        return self._purposes[saga.purpose]

    @property
    def running(self) -> Mapping[int, "asyncio.Task[Outcome]"]:
        """Sagas that this instance works on right now."""
        return self._running

    async def run(self, saga: Saga, attempt: Attempt, *, resumed: bool) -> Outcome:
        """Work on a saga in a task of its own, or join the one that does already.

        A resumed saga is read again first: it may have ended since the caller read it. Raises
        :class:`LeaseLost` when it belongs to another instance by now.
        """
        task = self._running.get(saga.id)
        if task is None:
            task = asyncio.create_task(self._attempt(saga, attempt, resumed=resumed))
            self._running[saga.id] = task
            task.add_done_callback(lambda done: self._forget(saga.id, done))
        return await asyncio.shield(task)

    async def wait(self, saga_id: int, attempt: Attempt) -> Saga:
        """Wait until a saga has ended, whichever instance works on it, and return it.

        One that this instance left open is taken up again at once. Raises
        :class:`RedemptionPending` when it stays open; it goes on in the background.
        """
        deadline = self.clock.monotonic() + WAIT_SECONDS_MAX
        while True:
            saga = await self.load(saga_id)
            if saga.state is not SagaState.OPEN:
                return saga
            if saga_id in self._running or saga.owner == self.instance:
                try:
                    outcome = await self.run(saga, attempt, resumed=True)
                except LeaseLost:
                    continue  # read again: whoever took it over is waited for
                if outcome.saga.state is SagaState.OPEN:
                    raise RedemptionPending(headers={"Retry-After": "5"})
                return outcome.saga
            if self.clock.monotonic() > deadline:
                raise RedemptionPending(headers={"Retry-After": "5"})
            await asyncio.sleep(POLL_SECONDS)

    async def load(self, saga_id: int) -> Saga:
        """Read a saga."""
        return await self.db.read(lambda c: sagas.load_saga(c, self.seal, saga_id))

    def has_lost(self, saga: Saga, result: Result, *, resumed: bool) -> bool:
        """Whether it is certain that a saga's inputs were spent, and not by it.

        The mint was asked more than once, and for long enough that nothing is under way any more.
        """
        age_ms = self.clock.now_ms() - saga.created_at
        return result.ending is Ending.SPENT and resumed and age_ms >= LOST_MS

    async def open_sagas(self) -> list[tuple[int, int]]:
        """List open sagas as (id, instance)."""
        return await self.db.read(sagas.open_saga_ids)

    async def take(self, saga_id: int, gone: int) -> Saga | None:
        """Take an open saga over from an instance that is gone; None when another was faster."""

        def lease(tx: Tx) -> Saga:
            saga = self._load(tx.sql, saga_id)
            if saga.owner != gone:
                raise LeaseLost
            return sagas.take_lease(tx, saga, self.instance)

        try:
            return await self.db.write(lease)
        except LeaseLost:
            return None

    async def drain(self, timeout_seconds: float) -> None:
        """Give running sagas time to end; what is left is resumed after the next start."""
        if self._running:
            await asyncio.wait(self._running.values(), timeout=timeout_seconds)

    def _load(self, connection: Connection, saga_id: int) -> Saga:
        return sagas.load_saga(connection, self.seal, saga_id)

    async def _attempt(self, saga: Saga, attempt: Attempt, *, resumed: bool) -> Outcome:
        if resumed:
            saga = await self.load(saga.id)
            if saga.state is not SagaState.OPEN:
                return Outcome(saga)
            if saga.owner != self.instance:
                raise LeaseLost
        outcome = await attempt(saga, resumed)
        result = outcome.result
        if outcome.saga.state is SagaState.OPEN and result is not None:
            problem = str(result.error)
            _log.warning("saga_open", saga=saga.id, purpose=saga.purpose, problem=problem)
            await self.db.write(lambda tx: sagas.note_problem(tx, saga, problem))
        elif outcome.saga.state is not SagaState.OPEN:
            _log.info("saga_ended", **_told(outcome.saga))
        return outcome

    def _forget(self, saga_id: int, task: "asyncio.Task[Outcome]") -> None:
        self._running.pop(saga_id, None)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("saga_failed", saga=saga_id, exc_info=error)


def _told(saga: Saga) -> dict[str, str | int]:
    """What may be logged of a movement: nothing of its plan."""
    return {
        "saga": saga.id,
        "kind": saga.kind.name.lower(),
        "purpose": saga.purpose,
        "state": saga.state.name.lower(),
        "mint": saga.mint,
        "amount_msat": int(saga.gross_msat),
        "fee_msat": int(saga.unit.to_msat(saga.fee)),
    }
