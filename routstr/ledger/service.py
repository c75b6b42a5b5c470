"""The ledger as the rest of the node uses it."""

import asyncio

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.errors import DatabaseUnavailable, NodeError, OutcomeUnknown
from routstr.ledger import instances
from routstr.ledger.accounts import node_accounts
from routstr.ledger.batch import LedgerBatch
from routstr.ledger.entries import (
    Answer,
    Held,
    HoldRequest,
    NodeAccounts,
    Placed,
    Refused,
    Release,
    Settled,
    Settlement,
    UnknownHold,
)


class Ledger:
    """Holds, settlements and releases of one instance.

    A placed hold is remembered as live until it ends here; :meth:`live_holds` lets the sweeper tell
    holds that are worked on from those that were left behind.
    """

    def __init__(self, db: Database, clock: Clock, instance: int, node: NodeAccounts) -> None:
        self._db = db
        self._batch = LedgerBatch(node, clock, instance)
        self._live: set[int] = set()
        self._unsettled: dict[int, Settlement] = {}
        self.node = node

    @staticmethod
    async def open_books(db: Database, clock: Clock, instance: int | None = None) -> NodeAccounts:
        """Open the node's own accounts (once per database) and return their ids.

        An ``instance`` that writes beside others has a revenue account that they do not use.
        """
        at = clock.now_ms()

        def opened(tx: Tx) -> NodeAccounts:
            shard = 0 if instance is None else instances.shard_of(tx.sql, instance)
            return node_accounts(tx, at, shard)

        return await db.write(opened)

    def live_holds(self) -> frozenset[int]:
        """Return holds that this instance works on, or still has to settle."""
        return frozenset(self._live) | self._unsettled.keys()

    async def hold(self, request: HoldRequest) -> Held | Refused:
        """Set money aside: ``clamp(available, minimum, wanted)``, or refuse below ``minimum``.

        Survives a crash of the process. If the caller is cancelled while this waits, the hold is
        released as soon as it exists.
        """
        future = self._db.hot(self._batch, request, full=False, orphan=self._abandon)
        try:
            answer: Answer = await future
        except asyncio.CancelledError:
            # the answer may be there already, only that this call is not to hear it any more
            if future.done() and not future.cancelled() and future.exception() is None:
                self._abandon(future.result())
            raise
        if isinstance(answer, Held):
            self._live.add(answer.hold)
            return answer
        assert isinstance(answer, Refused), "a hold request is answered with a hold or a refusal"
        return answer

    async def settle(self, settlement: Settlement) -> Settled:
        """Charge ``min(cost, hold)``, free the rest, durably. A second call repeats the answer.

        A hold that expired meanwhile, or that a crash of the database server lost and the
        settlement knows of, is charged ``min(cost, hold, available)``, once. While the database is
        away the settlement is kept, and made by :meth:`settle_late`.
        """
        try:
            return await self._end(settlement, full=True)
        except (DatabaseUnavailable, OutcomeUnknown):
            self._unsettled[settlement.hold] = settlement
            raise

    async def settle_late(self) -> int:
        """Make the settlements that failed because the database was away; return how many."""
        kept = list(self._unsettled.values())
        for settlement in kept:
            # whatever the answer is, an unknown hold too: there is nothing more to do
            await self._db.hot(self._batch, settlement, full=True)
            self._unsettled.pop(settlement.hold, None)
        return len(kept)

    async def release(
        self, hold: int, placed: Placed | None = None, *, expire: bool = False
    ) -> Settled:
        """Free the whole hold, or repeat how it ended. ``expire`` when its owner is gone."""
        return await self._end(Release(hold, expire, placed), full=False)

    async def _end(self, operation: Settlement | Release, *, full: bool) -> Settled:
        try:
            answer: Answer = await self._db.hot(self._batch, operation, full=full)
        finally:
            self._live.discard(operation.hold)
        if isinstance(answer, UnknownHold):
            raise NodeError(f"hold {answer.hold} does not exist")
        assert isinstance(answer, Settled), "the end of a hold is answered with its outcome"
        return answer

    def _abandon(self, answer: Answer) -> None:
        """Release a hold whose request went away before it heard of it."""
        if isinstance(answer, Held):
            self._db.hot(self._batch, Release(answer.hold), full=False)
