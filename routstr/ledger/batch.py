"""The hot batch: load the rows that the operations name, decide, store.

Loading locks rows in id order on PostgreSQL (SQLite's BEGIN IMMEDIATE has locked the file); node
accounts are updated once, last. Hot statements use the driver directly: SQLAlchemy's compiled path
costs more than the statement itself here.
"""

from collections.abc import Sequence
from typing import Any

from routstr.core.clock import Clock
from routstr.core.db import Dialect, Tx
from routstr.core.db.steps import Steps, at_once
from routstr.ledger import batch_postgres, batch_sqlite
from routstr.ledger.entries import (
    Answer,
    HoldRequest,
    HoldRow,
    NodeAccounts,
    Operation,
    Stamp,
    decide,
)
from routstr.ledger.limits import LimitRow, Limits


class LedgerBatch:
    """A batch function for :meth:`routstr.core.db.Database.hot`."""

    def __init__(self, node: NodeAccounts, clock: Clock, instance: int) -> None:
        self._node = node
        self._clock = clock
        self._instance = instance
        self._speakers: list[tuple[Tx, Any]] = []
        """Of the connections in use: the thread's, and the event loop's."""

    def __call__(self, tx: Tx, operations: Sequence[Operation]) -> Sequence[Answer]:
        """Apply operations in one set-based step and answer each in order."""
        if tx.dialect is Dialect.POSTGRESQL:
            return at_once(tx.raw.pipe.run, self.steps(tx, operations))
        raw = self._known(tx)
        if raw is None:
            raw = self._know(tx, batch_sqlite.speaker(tx.raw))
        holds, accounts, ids = batch_sqlite.load(raw, *_named(operations))
        counted = _limits(operations, holds)
        limits = batch_sqlite.load_limits(raw, sorted(counted)) if counted else []
        stamp = self._stamp()
        decision = decide(operations, accounts, holds, ids, self._node, Limits(limits, stamp.at))
        batch_sqlite.store(raw, decision, stamp)
        return decision.answers

    def steps(self, tx: Tx, operations: Sequence[Operation]) -> Steps[Sequence[Answer]]:
        """The same on PostgreSQL, for whoever carries it on when the database has answered."""
        raw, new = tx.raw, self._known(tx) is None
        if new:
            batch_postgres.skip_hold_ids(raw)
        holds, accounts, ids = yield from batch_postgres.load(raw, *_named(operations))
        if new:
            self._know(tx, raw)
        counted = _limits(operations, holds)
        limits: list[LimitRow] = []
        if counted:
            limits = yield from batch_postgres.load_limits(raw, sorted(counted))
        stamp = self._stamp()
        decision = decide(operations, accounts, holds, ids, self._node, Limits(limits, stamp.at))
        batch_postgres.store(raw, decision, stamp)
        return decision.answers

    def _stamp(self) -> Stamp:
        return Stamp(self._node, self._clock.now_ms(), self._instance)

    def _known(self, tx: Tx) -> Any:  # noqa: ANN401 - the driver's
        return next((speaker for known, speaker in self._speakers if known is tx), None)

    def _know(self, tx: Tx, speaker: Any) -> Any:  # noqa: ANN401
        self._speakers = [(tx, speaker), *self._speakers[:1]]
        return speaker


def _named(operations: Sequence[Operation]) -> tuple[list[int], list[int], int]:
    """The holds and accounts that the operations name, and how many holds they place."""
    count = 0
    ends, named = set[int](), set[int]()
    for operation in operations:
        if isinstance(operation, HoldRequest):
            count += 1
            named.add(operation.account)
            continue
        ends.add(operation.hold)
        if operation.placed is not None:  # the hold's row may be lost
            named.add(operation.placed.request.account)
    return sorted(ends), sorted(named), count


def _limits(operations: Sequence[Operation], holds: Sequence[HoldRow]) -> set[int]:
    """Return the limits that the operations count in."""
    named = {hold.limit for hold in holds if hold.limit is not None}
    for operation in operations:
        request = operation
        if not isinstance(request, HoldRequest):
            if request.placed is None:
                continue
            request = request.placed.request
        if request.mark is not None and request.mark.limit is not None:
            named.add(request.mark.limit)
    return named
