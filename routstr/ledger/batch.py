"""The hot batch: load the rows that the operations name, decide, store.

Loading locks rows in id order on PostgreSQL (SQLite's BEGIN IMMEDIATE has locked the file); node
accounts are updated once, last. Hot statements use the driver directly: SQLAlchemy's compiled path
costs more than the statement itself here.
"""

from collections.abc import Sequence
from typing import Any, Final, Protocol

from routstr.core.clock import Clock
from routstr.core.db import Dialect, Tx
from routstr.ledger import batch_postgres, batch_sqlite
from routstr.ledger.entries import (
    AccountRow,
    Answer,
    Decision,
    HoldRequest,
    HoldRow,
    NodeAccounts,
    Operation,
    Stamp,
    decide,
)
from routstr.ledger.limits import LimitRow, Limits


class Statements(Protocol):
    """The few statements that differ between the databases."""

    def speaker(self, raw: Any) -> Any:  # noqa: ANN401
        """What the other functions are given for a connection."""
        ...

    def load(
        self,
        raw: Any,  # noqa: ANN401
        ends: Sequence[int],
        accounts: Sequence[int],
        count: int,
    ) -> tuple[list[HoldRow], list[AccountRow], Sequence[int]]:
        """Lock and read holds, then these accounts and those of the holds, in id order.

        With them ``count`` unused hold ids, ascending. The given ids are ascending, too.
        """
        ...

    def load_limits(self, raw: Any, ids: Sequence[int]) -> list[LimitRow]:  # noqa: ANN401
        """Lock and read limits, in id order, after the accounts."""
        ...

    def skip_hold_ids(self, raw: Any) -> None:  # noqa: ANN401
        """Give no id again that a crash of the server may have taken back."""
        ...

    def store(self, raw: Any, decision: Decision, stamp: Stamp) -> None:  # noqa: ANN401
        """Write what was decided."""
        ...


_STATEMENTS: Final[dict[Dialect, Statements]] = {
    Dialect.SQLITE: batch_sqlite,
    Dialect.POSTGRESQL: batch_postgres,
}


class LedgerBatch:
    """A batch function for :meth:`routstr.core.db.Database.hot`."""

    def __init__(self, node: NodeAccounts, clock: Clock, instance: int) -> None:
        self._node = node
        self._clock = clock
        self._instance = instance
        self._speakers: list[tuple[Tx, Any]] = []
        """Of the connections in use: the thread's, and the event loop's if it has one."""

    def __call__(self, tx: Tx, operations: Sequence[Operation]) -> Sequence[Answer]:
        """Apply operations in one set-based step and answer each in order."""
        statements = _STATEMENTS[tx.dialect]
        raw = next((speaker for known, speaker in self._speakers if known is tx), None)
        if raw is None:
            statements.skip_hold_ids(tx.raw)
            raw = statements.speaker(tx.raw)
            self._speakers = [(tx, raw), *self._speakers[:1]]
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
        holds, accounts, ids = statements.load(raw, sorted(ends), sorted(named), count)
        counted = _limits(operations, holds)
        limits = statements.load_limits(raw, sorted(counted)) if counted else []
        stamp = Stamp(self._node, self._clock.now_ms(), self._instance)
        decision = decide(operations, accounts, holds, ids, self._node, Limits(limits, stamp.at))
        statements.store(raw, decision, stamp)
        return decision.answers


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
