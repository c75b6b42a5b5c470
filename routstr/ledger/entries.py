"""What a batch of holds, settlements and releases does to the books. Pure: values in, values out.

A hold is a pending charge and has exactly one end::

    open ──settle──> settled      charge = min(cost, hold); the rest is free again
      ├────release─> released     nothing is charged
      └────expire──> expired      its instance is gone; nothing is charged, until
                        └─settle─> late    min(cost, hold, available), once; the rest is a loss

A hold need not have reached the disk when the database server crashes. The node that placed it may
live on, with the request served: what ends a hold can tell how it was placed, and a hold that is
lost is entered again, as expired. Its id was given to no other meanwhile (``batch_postgres``).

``decide`` runs after the rows it needs were read under lock, on either database alike; the SQL
around it only loads and stores. Rows hold their msat as plain ``int``, as the database does; what
enters and leaves is ``Msat``. The records are msgspec structs: no code of the node is hotter.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import IntEnum
from typing import Final

from msgspec import Struct, field

from routstr.ledger.kinds import (
    CUSTOMERS,
    NEVER_NEGATIVE,
    OPERATORS,
    AccountKind,
    TransferKind,
)
from routstr.ledger.limits import NO_LIMITS, LimitRow, Limits
from routstr.ledger.operations import (
    Answer,
    Held,
    HoldRequest,
    KeyMark,
    Operation,
    Placed,
    Refused,
    Release,
    Settled,
    Settlement,
    UnknownHold,
)
from routstr.money import MAX_MSAT, Msat

__all__ = [
    "CUSTOMERS",
    "NEVER_NEGATIVE",
    "OPERATORS",
    "AccountKind",
    "AccountRow",
    "Answer",
    "Decision",
    "Held",
    "HoldRequest",
    "HoldRow",
    "HoldState",
    "KeyMark",
    "LimitRow",
    "NodeAccounts",
    "Operation",
    "Placed",
    "Posting",
    "Refused",
    "Release",
    "Settled",
    "Settlement",
    "Stamp",
    "TransferKind",
    "UnknownHold",
    "charge_key",
    "decide",
    "loss_key",
]


class HoldState(IntEnum):
    """Where a hold stands; only ``OPEN`` counts as held."""

    OPEN = 0
    SETTLED = 1
    RELEASED = 2
    EXPIRED = 3
    LATE = 4


class AccountRow(Struct, gc=False):
    """An account as read under lock, then as it will be."""

    id: int
    posted: int
    held: int
    closed: bool
    version: int = 0
    touched: bool = False
    spent: int = 0  # what this batch adds
    requests: int = 0


class HoldRow(Struct, gc=False):
    """A hold as read under lock, then as it will be."""

    id: int
    account: int
    amount: int
    state: int
    charged: int = 0
    uncollected: int = 0
    limit: int | None = None
    period: int = 0  # of the limit, in which the hold counts
    prompt_tokens: int = 0
    completion_tokens: int = 0
    estimated: bool = False
    provider: str = ""
    own_cost: int = 0


class Posting(Struct, frozen=True, gc=False):
    """One transfer to write. ``customer`` is the account whose ``balance_after`` it records."""

    debit: int
    credit: int
    amount: int
    kind: int
    key: bytes
    reference: int
    balance_after: int | None


class NodeAccounts(Struct, frozen=True, gc=False):
    """Ids of the node's own accounts that a batch may touch."""

    revenue: int
    loss: int


class Stamp(Struct, frozen=True, gc=False):
    """What a batch writes beside the decision: whose accounts, when (ms), by which instance."""

    node: NodeAccounts
    at: int
    owner: int


class Decision(Struct):
    """Everything a batch changes, ready to be stored, and one answer per operation."""

    answers: list[Answer]
    accounts: Mapping[int, AccountRow]
    limits: Limits
    placed: list[tuple[int, HoldRequest, int]] = field(default_factory=list)  # id, request, msat
    closed: list[int] = field(default_factory=list)  # accounts that take no more holds
    ended: dict[int, HoldRow] = field(default_factory=dict)
    limited: list[tuple[int, int, int]] = field(default_factory=list)  # hold, limit, period
    postings: list[Posting] = field(default_factory=list)
    revenue: int = 0
    loss: int = 0


# as plain numbers, which the database takes at once: a driver asks around what else it is given
_OPEN: Final = int(HoldState.OPEN)
_SETTLED: Final = int(HoldState.SETTLED)
_RELEASED: Final = int(HoldState.RELEASED)
_EXPIRED: Final = int(HoldState.EXPIRED)
_LATE: Final = int(HoldState.LATE)
_CHARGE: Final = int(TransferKind.CHARGE)
_LATE_LOSS: Final = int(TransferKind.LATE_LOSS)


def charge_key(hold: int) -> bytes:
    """Idempotency key of the one charge that a hold can have."""
    return b"C" + hold.to_bytes(8, "big")


def loss_key(hold: int) -> bytes:
    """Idempotency key of the loss that a late settlement can leave."""
    return b"L" + hold.to_bytes(8, "big")


def decide(
    operations: Sequence[Operation],
    accounts: Iterable[AccountRow],
    holds: Iterable[HoldRow],
    new_holds: Iterable[int],
    node: NodeAccounts,
    limits: Limits = NO_LIMITS,
) -> Decision:
    """Answer each operation in order: ends first (they free money), then holds.

    ``accounts``, ``holds`` and ``limits`` are the locked rows that the operations name,
    ``new_holds`` at least as many unused ids as there are hold requests. An operation never raises;
    it is answered "no".
    """
    rows = {row.id: row for row in accounts}
    known = {row.id: row for row in holds}
    ids = iter(new_holds)
    decision = Decision([_NOTHING] * len(operations), rows, limits)
    for index, operation in enumerate(operations):
        if not isinstance(operation, HoldRequest):
            decision.answers[index] = _end(operation, known, decision, node)
    for index, operation in enumerate(operations):
        if isinstance(operation, HoldRequest):
            decision.answers[index] = _place(operation, rows, ids, decision)
    return decision


_NOTHING: Final[Answer] = UnknownHold(0)


def _place(
    request: HoldRequest, rows: Mapping[int, AccountRow], ids: Iterator[int], decision: Decision
) -> Answer:
    row = rows.get(request.account)
    if row is None:
        return Refused(Msat(0), Msat(0), closed=True)
    available = row.posted - row.held
    limit, left = None, available
    if (mark := request.mark) is not None:
        limit = decision.limits.of(mark.limit, row.id)
        marked = row if mark.limit is None else limit
        if marked is None or marked.version != mark.version:
            return Refused(Msat(available), Msat(row.held), row.closed, stale=True)
    minimum = max(int(request.minimum), 0)
    if limit is not None and (left := limit.left(decision.limits.at)) < minimum and not row.closed:
        return Refused(Msat(available), Msat(row.held), closed=False, allowance=Msat(left))
    if row.closed or available < minimum:
        return Refused(Msat(available), Msat(row.held), closed=row.closed)
    amount = min(available, left, max(minimum, int(request.wanted)))
    hold = next(ids)
    row.held += amount
    row.touched = True
    decision.placed.append((hold, request, amount))
    if limit is not None:
        limit.hold(amount)
        decision.limited.append((hold, limit.id, limit.period))
    if request.closes:
        _close(row, decision)
    return Held(hold, Msat(amount), Msat(available - amount))


def _end(
    operation: Settlement | Release,
    known: dict[int, HoldRow],
    decision: Decision,
    node: NodeAccounts,
) -> Answer:
    hold = known.get(operation.hold) or _entered_again(operation, known, decision)
    if hold is None:
        return UnknownHold(operation.hold)
    row = decision.accounts[hold.account]
    if isinstance(operation, Settlement):
        if hold.state == _OPEN:
            _settle_open(operation, hold, row, decision, node)
        elif hold.state == _EXPIRED:
            _settle_late(operation, hold, row, decision, node)
    elif hold.state == _OPEN:
        _free(hold, row, decision)
        row.touched = True
        hold.state = _EXPIRED if operation.expire else _RELEASED
        decision.ended[hold.id] = hold
    return Settled(
        Msat(hold.charged), Msat(hold.uncollected), Msat(row.posted - row.held), Msat(row.held)
    )


def _entered_again(
    operation: Settlement | Release, known: dict[int, HoldRow], decision: Decision
) -> HoldRow | None:
    placed = operation.placed
    if placed is None or placed.request.account not in decision.accounts:
        return None
    amount = int(placed.amount)
    hold = HoldRow(operation.hold, placed.request.account, amount, _EXPIRED)
    if (mark := placed.request.mark) is not None:
        hold.limit = mark.limit
    known[hold.id] = decision.ended[hold.id] = hold
    decision.placed.append((hold.id, placed.request, amount))
    if placed.request.closes:
        _close(decision.accounts[hold.account], decision)
    return hold


def _free(hold: HoldRow, row: AccountRow, decision: Decision) -> None:
    row.held -= hold.amount
    limit = decision.limits.of(hold.limit, hold.account)
    if limit is not None:
        limit.free(hold.amount, hold.period)


def _close(row: AccountRow, decision: Decision) -> None:
    row.closed = True
    decision.closed.append(row.id)


def _settle_open(
    settlement: Settlement, hold: HoldRow, row: AccountRow, decision: Decision, node: NodeAccounts
) -> None:
    _free(hold, row, decision)
    cost = min(max(int(settlement.cost), 0), MAX_MSAT)
    charged = min(cost, hold.amount)
    hold.uncollected = cost - charged
    hold.state = _SETTLED
    _charge(settlement, hold, row, charged, decision, node)


def _settle_late(
    settlement: Settlement, hold: HoldRow, row: AccountRow, decision: Decision, node: NodeAccounts
) -> None:
    owed = min(max(int(settlement.cost), 0), hold.amount)
    charged = max(min(owed, row.posted - row.held), 0)
    limit = decision.limits.of(hold.limit, hold.account)
    if limit is not None:
        charged = min(charged, limit.left(decision.limits.at))
        hold.period = limit.period
        decision.limited.append((hold.id, limit.id, limit.period))
    hold.uncollected = owed - charged
    hold.state = _LATE
    _charge(settlement, hold, row, charged, decision, node)
    if hold.uncollected:
        lost = hold.uncollected
        decision.postings.append(
            Posting(
                node.loss,
                node.revenue,
                lost,
                _LATE_LOSS,
                loss_key(hold.id),
                hold.id,
                None,
            )
        )
        decision.loss += lost
        decision.revenue += lost


def _charge(
    settlement: Settlement,
    hold: HoldRow,
    row: AccountRow,
    charged: int,
    decision: Decision,
    node: NodeAccounts,
) -> None:
    hold.charged = charged
    hold.prompt_tokens = settlement.prompt_tokens
    hold.completion_tokens = settlement.completion_tokens
    hold.estimated = settlement.estimated
    hold.provider = settlement.provider
    hold.own_cost = min(max(settlement.own_cost, 0), MAX_MSAT)
    row.requests += 1
    row.touched = True
    decision.ended[hold.id] = hold
    limit = decision.limits.of(hold.limit, hold.account)
    if limit is not None:
        limit.charge(charged, hold.period)
    if not charged:
        return
    row.posted -= charged
    row.spent += charged
    decision.revenue += charged
    decision.postings.append(
        Posting(
            hold.account,
            node.revenue,
            charged,
            _CHARGE,
            charge_key(hold.id),
            hold.id,
            row.posted,
        )
    )
