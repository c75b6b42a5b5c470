"""Reading transfers and open holds as the operator does: newest first, a page at a time.

Ids follow time closely, but not strictly: instances have clocks of their own. A moment is looked up
by halving the ids, and what is near it is compared by its own time.
"""

from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    and_,
    func,
    literal_column,
    select,
    union_all,
)
from sqlmodel import col

from routstr.ledger.kinds import AccountKind, TransferKind
from routstr.ledger.models import Account, Hold, Transfer
from routstr.money import Msat

_transfer: Final = cast("ColumnElement[int]", col(Transfer.id))
_ACCOUNT: Final = cast("ColumnElement[int]", col(Account.id))
HOLD_ID: Final = cast("ColumnElement[int]", col(Hold.id))
HOLD_TIME: Final = cast("ColumnElement[int]", col(Hold.created_at))
"""For :func:`first_since`, where holds are meant."""
_TIME: Final = cast("ColumnElement[int]", col(Transfer.created_at))
# as the indexes say it, not as parameters
_CHARGE: Final[ColumnElement[int]] = literal_column(str(int(TransferKind.CHARGE)))
_OPEN: Final[ColumnElement[int]] = literal_column("0")
_NEAR_MS: Final = 60_000


class Filter(Struct, frozen=True):
    """Which transfers: of a kind, of an account, between two moments (ms, the end not included)."""

    kind: TransferKind | None = None
    account: int | None = None
    since: int | None = None
    until: int | None = None


class Side(Struct, frozen=True):
    """An account that a transfer touches; only the node's own have names."""

    id: int
    kind: AccountKind
    name: str | None


class Entered(Struct, frozen=True, kw_only=True):
    """A transfer as it stands in the books; ``request_id`` and ``model`` of a charge."""

    id: int
    kind: TransferKind
    amount: Msat
    debit: Side
    credit: Side
    reference: int
    balance_after: Msat | None
    at: int
    request_id: str | None
    model: str | None


class OpenHold(Struct, frozen=True):
    """Money that is set aside for a request under way."""

    id: int
    amount: Msat
    request_id: str
    model: str
    endpoint: str
    created_at: int


def transfers(
    connection: Connection, which: Filter, *, limit: int, before: int | None
) -> list[Entered]:
    """List transfers with ids below ``before``, newest first."""
    bounds = _bounds(connection, which, before)
    ids = _ids(which, bounds, limit)
    found = connection.execute(
        select(
            _transfer,
            col(Transfer.kind),
            col(Transfer.amount),
            col(Transfer.debit),
            col(Transfer.credit),
            col(Transfer.reference),
            col(Transfer.balance_after),
            col(Transfer.created_at),
            col(Hold.request_id),
            col(Hold.model),
        )
        .outerjoin(Hold, and_(col(Transfer.reference) == HOLD_ID, col(Transfer.kind) == _CHARGE))
        .where(_transfer.in_(ids))
        .order_by(_transfer.desc())
    ).all()
    sides = _sides(connection, {row[3] for row in found} | {row[4] for row in found})
    return [
        Entered(
            id=row[0] or 0,
            kind=TransferKind(row[1]),
            amount=Msat(row[2]),
            debit=sides[row[3]],
            credit=sides[row[4]],
            reference=row[5],
            balance_after=None if row[6] is None else Msat(row[6]),
            at=row[7],
            request_id=row[8],
            model=row[9],
        )
        for row in found
    ]


def open_holds(connection: Connection, account: int, limit: int) -> list[OpenHold]:
    """List the open holds of an account, newest first."""
    rows = connection.execute(
        select(
            HOLD_ID,
            col(Hold.amount),
            col(Hold.request_id),
            col(Hold.model),
            col(Hold.endpoint),
            col(Hold.created_at),
        )
        .where(col(Hold.state) == _OPEN, col(Hold.account) == account)
        .order_by(
            (HOLD_ID + 0).desc()
        )  # so that the few open ones are sorted, not all walked through
        .limit(limit)
    )
    return [OpenHold(row[0], Msat(row[1]), *row[2:]) for row in rows]


def _ids(which: Filter, bounds: list[ColumnElement[bool]], limit: int) -> Select[Any]:
    if which.kind is TransferKind.CHARGE:
        bounds = [*bounds, col(Transfer.kind) == _CHARGE]
    elif which.kind is not None:
        bounds = [*bounds, col(Transfer.kind) != _CHARGE, col(Transfer.kind) == int(which.kind)]
    if which.account is None:
        return select(_transfer).where(*bounds).order_by(_transfer.desc()).limit(limit)
    sides = (
        col(Transfer.debit) == which.account,
        (col(Transfer.credit) == which.account) & (col(Transfer.kind) != _CHARGE),
    )
    parts = [
        select(
            select(_transfer)
            .where(side, *bounds)
            .order_by(_transfer.desc())
            .limit(limit)
            .subquery()
            .c.id
        )
        for side in sides
    ]
    both = union_all(*parts).subquery()
    return select(both.c.id).order_by(both.c.id.desc()).limit(limit)


def _bounds(connection: Connection, which: Filter, before: int | None) -> list[ColumnElement[bool]]:
    bounds: list[ColumnElement[bool]] = []
    if before is not None:
        bounds.append(_transfer < before)
    if which.since is not None:
        bounds.append(_transfer >= first_since(connection, which.since - _NEAR_MS))
        bounds.append(col(Transfer.created_at) >= which.since)
    if which.until is not None:
        bounds.append(_transfer < first_since(connection, which.until + _NEAR_MS))
        bounds.append(col(Transfer.created_at) < which.until)
    return bounds


def first_since(
    connection: Connection,
    at: int,
    ids: ColumnElement[int] = _transfer,
    times: ColumnElement[int] = _TIME,
) -> int:
    """The id of the first row (of transfers, if nothing else is said) since a moment, ms.

    One above all when there is none.
    """
    low, high = 1, int(connection.execute(select(func.max(ids))).scalar() or 0) + 1
    while low < high:
        middle = (low + high) // 2
        row = connection.execute(
            select(ids, times).where(ids >= middle).order_by(ids).limit(1)
        ).one()
        if row[1] < at:
            low = int(row[0] or 0) + 1
        else:
            high = middle
    return low


def _sides(connection: Connection, accounts: set[int]) -> dict[int, Side]:
    rows = connection.execute(
        select(_ACCOUNT, col(Account.kind), col(Account.name)).where(_ACCOUNT.in_(accounts))
    )
    return {row[0]: Side(row[0], AccountKind(row[1]), row[2]) for row in rows}
