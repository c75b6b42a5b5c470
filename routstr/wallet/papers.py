"""Tokens that were given out and invoices, as the operator lists them. Opens no seal.

A page reads at most :data:`WINDOW` rows: what is rare may be on a later one.
"""

from collections.abc import Sequence
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, Table, func, select
from sqlmodel import col

from routstr.money import Msat, Unit
from routstr.wallet.models import (
    IssuedState,
    IssuedToken,
    QuoteRow,
    QuoteState,
    SagaKind,
    SagaRow,
    SagaState,
)

WINDOW: Final = 20_000
_LAST: Final = (1 << 63) - 1
_SAGA: Final = cast("ColumnElement[int]", col(SagaRow.id))
_SAGAS: Final[tuple[Any, ...]] = (
    _SAGA,
    col(SagaRow.kind),
    col(SagaRow.state),
    col(SagaRow.purpose),
    col(SagaRow.account),
    col(SagaRow.mint),
    col(SagaRow.unit),
    col(SagaRow.gross),
    col(SagaRow.created_at),
    col(IssuedToken.state),
)
_QUOTE: Final = cast("ColumnElement[int]", col(QuoteRow.id))


class GivenToken(Struct, frozen=True, kw_only=True):
    """A token that was given out, or is being made. Amounts are in ``unit``, times ms."""

    saga: int
    purpose: str
    account: int | None
    mint: str
    unit: Unit
    amount: int
    fee: int
    saga_state: SagaState
    state: IssuedState | None
    created_at: int
    claimed_at: int | None

    @property
    def worth(self) -> Msat:
        """The face value."""
        return self.unit.to_msat(self.amount)


class Moved(Struct, frozen=True, kw_only=True):
    """A movement of ecash in or out. ``gross`` and ``fee`` are in ``unit``, times ms."""

    id: int
    kind: SagaKind
    state: SagaState
    purpose: str
    account: int | None
    mint: str
    unit: Unit
    gross: int
    fee: int
    created_at: int
    issued: IssuedState | None


class QuotePaper(Struct, frozen=True, kw_only=True):
    """An invoice of a mint. ``amount`` is in ``unit``, times are ms."""

    id: int
    mint: str
    unit: Unit
    amount: int
    request: str
    payment_hash: bytes
    state: QuoteState
    purpose: str
    account: int | None
    saga: int | None
    created_at: int
    expires_at: int
    paid_at: int | None

    @property
    def worth(self) -> Msat:
        """What is to be paid."""
        return self.unit.to_msat(self.amount)


class Page(Struct, frozen=True):
    """Rows, and below which id older ones are; None when there are none."""

    rows: list[Any]
    next_before: int | None


def given_tokens(
    connection: Connection, state: str, *, account: int | None, limit: int, before: int | None
) -> Page:
    """List tokens, newest first: ``issued``, ``collected``, ``pending``, or all of them."""
    where: list[ColumnElement[bool]] = [col(SagaRow.kind) == int(SagaKind.SEND)]
    if account is not None:
        where.append(col(SagaRow.account) == account)
    if state == "pending":
        where.append(col(SagaRow.state) == int(SagaState.OPEN))
    elif state == "failed":
        where.append(col(SagaRow.state) == int(SagaState.FAILED))
    elif state:
        wanted = IssuedState.CLAIMED if state == "collected" else IssuedState.UNCLAIMED
        where.append(col(IssuedToken.state) == int(wanted))
    query = _sagas(col(SagaRow.fee), col(IssuedToken.amount), col(IssuedToken.claimed_at))
    return _page(connection, query.where(*where), _SAGA, limit, before, _given, account is None)


def moved(
    connection: Connection, kinds: Sequence[SagaKind], *, limit: int, before: int | None
) -> Page:
    """List movements of these kinds, newest first."""
    query = _sagas(col(SagaRow.fee))
    query = query.where(col(SagaRow.kind).in_([int(kind) for kind in kinds]))
    return _page(connection, query, _SAGA, limit, before, _moved, windowed=True)


def quotes(
    connection: Connection,
    *,
    states: Sequence[QuoteState],
    purpose: str,
    payment_hash: bytes | None,
    limit: int,
    before: int | None,
) -> Page:
    """List invoices, newest first; of no states and an empty purpose: whatever they are."""
    table = cast("Table", QuoteRow.__table__)  # type: ignore[attr-defined]  # it has one
    query = select(*(table.c[name] for name in QuotePaper.__struct_fields__))
    if states:
        query = query.where(col(QuoteRow.state).in_([int(one) for one in states]))
    if purpose:
        query = query.where(col(QuoteRow.purpose) == purpose)
    if payment_hash is not None:
        query = query.where(col(QuoteRow.payment_hash) == payment_hash)
    return _page(connection, query, _QUOTE, limit, before, _quote, payment_hash is None)


def _page(
    connection: Connection,
    query: Select[*tuple[Any, ...]],
    key: ColumnElement[int],
    limit: int,
    before: int | None,
    make: Any,  # noqa: ANN401 - from a row of the query
    windowed: bool,  # noqa: FBT001
) -> Page:
    top, floor = _LAST if before is None else before, 0
    if windowed:
        newest = connection.execute(select(func.max(key)).where(key < top)).scalar() or 0
        floor = max(int(newest) - WINDOW, 0)
    found = query.where(key < top, key > floor).order_by(key.desc()).limit(limit + 1)
    rows = connection.execute(found).all()
    if len(rows) > limit:
        return Page([make(row) for row in rows[:limit]], rows[limit - 1][0])
    return Page([make(row) for row in rows], floor + 1 if floor else None)


def _sagas(*more: Any) -> Select[*tuple[Any, ...]]:  # noqa: ANN401 - columns
    query = select(*_SAGAS, *more)
    return query.outerjoin(IssuedToken, col(IssuedToken.saga) == _SAGA)


def _given(row: Any) -> GivenToken:  # noqa: ANN401 - a row of ``_sagas``
    face = row[7] - row[10] if row[11] is None else row[11]
    return GivenToken(
        saga=row[0],
        purpose=row[3],
        account=row[4],
        mint=row[5],
        unit=Unit(row[6]),
        amount=face,
        fee=row[10],
        saga_state=SagaState(row[2]),
        state=None if row[9] is None else IssuedState(row[9]),
        created_at=row[8],
        claimed_at=row[12],
    )


def _moved(row: Any) -> Moved:  # noqa: ANN401 - as above
    return Moved(
        id=row[0],
        kind=SagaKind(row[1]),
        state=SagaState(row[2]),
        purpose=row[3],
        account=row[4],
        mint=row[5],
        unit=Unit(row[6]),
        gross=row[7],
        fee=row[10],
        created_at=row[8],
        issued=None if row[9] is None else IssuedState(row[9]),
    )


def _quote(row: Any) -> QuotePaper:  # noqa: ANN401 - a row of the columns of QuotePaper
    values = dict(zip(QuotePaper.__struct_fields__, row, strict=True))
    unit, state = Unit(values["unit"]), QuoteState(values["state"])
    hashed = bytes(values["payment_hash"])
    return QuotePaper(**{**values, "unit": unit, "state": state, "payment_hash": hashed})
