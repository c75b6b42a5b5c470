"""The wallet as its operator looks at it: where the ecash is, and what moves. Reads only.

Nothing here opens a seal, so nothing bearer can come out: no token, no secret, no proof.
"""

from collections.abc import Collection
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    Table,
    func,
    literal_column,
    select,
)
from sqlmodel import col

from routstr.core.redaction import clean
from routstr.money import Msat, Unit
from routstr.wallet.holdings import Holding, holdings
from routstr.wallet.mint_errors import printable
from routstr.wallet.models import SagaKind, SagaRow, SagaState

_OPEN: Final[ColumnElement[int]] = literal_column(str(int(SagaState.OPEN)))
_IS_OPEN: Final = col(SagaRow.state) == _OPEN
"""Written as the index of open sagas says it: ended ones are not read."""
_COMING_IN: Final = (SagaKind.RECEIVE, SagaKind.MINT)
_GOING_OUT: Final = (SagaKind.SEND, SagaKind.MELT)


class Position(Struct, frozen=True, kw_only=True):
    """What is at one mint in one unit, in that unit.

    ``liquid``, ``reserved`` and ``given_out`` are proofs. What moves is counted in sagas:
    ``coming_in`` are deposits less the mint's fee, which are no asset yet; ``going_out`` are the
    refunds and payments that ``reserved`` proofs pay, the fees included.
    """

    mint: str
    unit: Unit
    liquid: int
    reserved: int
    coming_in: int
    going_out: int
    given_out: int

    @property
    def held_msat(self) -> Msat:
        """Everything here that is an asset."""
        return self.unit.to_msat(self.liquid + self.reserved + self.given_out)

    @property
    def leaving_msat(self) -> Msat:
        """The part of it that belongs to whoever gets it: it was given out, or is on its way."""
        return self.unit.to_msat(self.given_out + self.going_out)

    @classmethod
    def empty(cls, mint: str, unit: Unit) -> "Position":
        """Make the position of a place where there is nothing."""
        return cls(
            mint=mint, unit=unit, liquid=0, reserved=0, coming_in=0, going_out=0, given_out=0
        )


class Movement(Struct, frozen=True, kw_only=True):
    """A saga without its plan. Amounts are in ``unit``, times in milliseconds since 1970."""

    id: int
    kind: SagaKind
    purpose: str
    state: SagaState
    mint: str
    unit: Unit
    gross: int  # the whole amount, fee included
    fee: int
    created_at: int
    ended_at: int | None
    owner: int
    problem: str | None


def positions(connection: Connection) -> list[Position]:
    """Tell what is where, by mint and unit; only places where there is something."""
    moving = _moving(connection)
    held = {(holding.mint, holding.unit): holding for holding in holdings(connection)}
    places = held.keys() | {(mint, unit) for mint, unit, _ in moving}
    found = []
    for mint, unit in sorted(places):
        here = held.get((mint, unit), Holding(mint, unit, 0, 0, 0))
        position = Position(
            mint=mint,
            unit=unit,
            liquid=here.liquid,
            reserved=here.reserved,
            given_out=here.issued,
            coming_in=sum(moving.get((mint, unit, kind), 0) for kind in _COMING_IN),
            going_out=sum(moving.get((mint, unit, kind), 0) for kind in _GOING_OUT),
        )
        found.append(position)
    return found


def open_movements(connection: Connection) -> list[Movement]:
    """List open sagas, oldest first."""
    return _read(connection, select(_sagas()).where(_IS_OPEN))


def newest_movements(
    connection: Connection, limit: int, before: int | None = None
) -> list[Movement]:
    """List sagas, whatever became of them, newest first, those with an id below ``before``."""
    table = _sagas()
    newest = select(table.c.id).order_by(table.c.id.desc()).limit(limit)
    if before is not None:
        newest = newest.where(table.c.id < before)
    return _read(connection, select(table).where(table.c.id.in_(newest)))[::-1]


def movements(connection: Connection, ids: Collection[int]) -> list[Movement]:
    """Read these sagas, in the order of their ids; those that do not exist are left out."""
    table = _sagas()
    return _read(connection, select(table).where(table.c.id.in_(ids)))


def _sagas() -> Table:
    return cast("Table", SagaRow.__table__)  # type: ignore[attr-defined]  # it has one


def _read(connection: Connection, query: Select[Any]) -> list[Movement]:
    rows = connection.execute(query.order_by(_sagas().c.id)).mappings()
    return [_movement(row) for row in rows]


def _moving(connection: Connection) -> dict[tuple[str, Unit, SagaKind], int]:
    """Add up what open sagas move: what comes in arrives less the fee, going out is all of it."""
    rows = connection.execute(
        select(
            col(SagaRow.mint),
            col(SagaRow.unit),
            col(SagaRow.kind),
            func.sum(col(SagaRow.gross)),
            func.sum(col(SagaRow.fee)),
        )
        .where(_IS_OPEN)
        .group_by(col(SagaRow.mint), col(SagaRow.unit), col(SagaRow.kind))
    )
    return {
        (mint, Unit(unit), SagaKind(kind)): int(gross - fee if kind in _COMING_IN else gross)
        for mint, unit, kind, gross, fee in rows
    }


def _movement(row: RowMapping) -> Movement:
    problem = row["problem"]
    return Movement(
        id=row["id"],
        kind=SagaKind(row["kind"]),
        purpose=row["purpose"],
        state=SagaState(row["state"]),
        mint=row["mint"],
        unit=Unit(row["unit"]),
        gross=row["gross"],
        fee=row["fee"],
        created_at=row["created_at"],
        ended_at=row["ended_at"],
        owner=row["lease_owner"],
        problem=None if problem is None else printable(clean(problem)),
    )
