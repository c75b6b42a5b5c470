"""Invoices as the wallet's operator looks at them. Reads only, and opens no seal."""

from collections.abc import Collection
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import Connection, Select, Table, select
from sqlmodel import col

from routstr.money import Unit
from routstr.wallet.models import QuoteRow, QuoteState

_SETTLED: Final = (int(QuoteState.ISSUED), int(QuoteState.EXPIRED))


class Ordered(Struct, frozen=True, kw_only=True):
    """A mint quote without what is secret of it. Times are milliseconds since 1970."""

    id: int
    mint: str
    unit: Unit
    amount: int  # in the unit
    state: QuoteState
    purpose: str
    created_at: int
    expires_at: int
    polls: int
    saga: int | None


def unsettled(connection: Connection, limit: int, *, newest: bool = False) -> list[Ordered]:
    """List quotes that wait, are being minted or are lost, oldest first; or the newest of all."""
    query = _query().limit(limit)
    if newest:
        return _read(connection, query.order_by(col(QuoteRow.id).desc()))
    return _read(
        connection,
        query.where(col(QuoteRow.state).not_in(_SETTLED)).order_by(col(QuoteRow.id)),
    )


def orders(connection: Connection, ids: Collection[int]) -> list[Ordered]:
    """Read these quotes, in the order of their ids."""
    return _read(connection, _query().where(col(QuoteRow.id).in_(ids)).order_by(col(QuoteRow.id)))


def _query() -> Select[Any]:
    table = cast("Table", QuoteRow.__table__)  # type: ignore[attr-defined]  # it has one
    return select(*(table.c[name] for name in Ordered.__struct_fields__))


def _read(connection: Connection, query: Select[Any]) -> list[Ordered]:
    return [
        Ordered(**{**row, "unit": Unit(row["unit"]), "state": QuoteState(row["state"])})
        for row in connection.execute(query).mappings()
    ]
