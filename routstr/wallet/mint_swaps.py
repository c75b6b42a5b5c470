"""Moves of ecash between listed mints: which invoice of the one the other pays. SQL.

::

    ORDERED   the target has made an invoice; nothing has moved ──> GIVEN_UP: nothing will
      │ a melt saga of the source pays it (failed: ORDERED again)
      ▼
    LEAVING   the saga is under way
      │ paid
      ▼
    BETWEEN   it has left the source; the quote is asked about until its ecash is here
      │ a mint saga of the target has taken it
      ▼
    DONE

Each half survives crashes by its own saga; the row says that they belong together.
"""

from enum import StrEnum
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, RowMapping, Select, func, insert, or_, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.money import ZERO, Msat, Unit, total
from routstr.wallet.models import (
    MintSwapRow,
    QuoteRow,
    QuoteState,
    SagaKind,
    SagaRow,
    SagaState,
)

ORDER_GOOD_MS: Final = 20_000
"""How long after the order a melt may still be about to begin: a process may have died before.

One that takes longer does no harm: then two moves are made.
"""


class Stage(StrEnum):
    """How far a move is."""

    ORDERED = "ordered"
    GIVEN_UP = "given up"
    LEAVING = "leaving"
    BETWEEN = "between"
    DONE = "done"


class MintSwap(msgspec.Struct, frozen=True, kw_only=True):
    """A move between mints. ``amount`` arrives; ``cost`` is what it took beside, once it left."""

    id: int
    source: str
    target: str
    amount: Msat
    cost: Msat | None
    quote: int
    melt: int | None
    stage: Stage
    created_at: int


def add(tx: Tx, *, source: str, target: str, amount: Msat, quote: int, at: int) -> int:
    """Store a move with the invoice that it pays; return its id."""
    values = {
        "source": source,
        "target": target,
        "amount": int(amount),
        "quote": quote,
        "given_up": False,
        "created_at": at,
    }
    result = tx.sql.execute(insert(MintSwapRow).values(**values).returning(col(MintSwapRow.id)))
    return int(result.scalar_one() or 0)


def begin(tx: Tx, swap: int, melt: int) -> bool:
    """Give a move to the saga that pays; false when one does already."""
    result = tx.sql.execute(
        update(MintSwapRow)
        .where(col(MintSwapRow.id) == swap, col(MintSwapRow.melt).is_(None))
        .values(melt=melt, given_up=False)
    )
    return result.rowcount == 1


def give_back(tx: Tx, melt: int) -> None:
    """Record that a saga did not pay and never will."""
    tx.sql.execute(update(MintSwapRow).where(col(MintSwapRow.melt) == melt).values(melt=None))


def give_up(tx: Tx, swap: int) -> None:
    """Record that a move will not be paid, unless a saga does already."""
    tx.sql.execute(
        update(MintSwapRow)
        .where(col(MintSwapRow.id) == swap, col(MintSwapRow.melt).is_(None))
        .values(given_up=True)
    )


def load(connection: Connection, swap: int) -> MintSwap:
    """Read a move by its id."""
    row = connection.execute(_moves().where(col(MintSwapRow.id) == swap)).mappings().one()
    return _move(row)


def paid_by(connection: Connection, melt: int) -> MintSwap:
    """Read the move that a saga pays or has paid."""
    row = connection.execute(_moves().where(col(MintSwapRow.melt) == melt)).mappings().one()
    return _move(row)


def between(connection: Connection) -> list[MintSwap]:
    """List moves that have left and not arrived, oldest first."""
    return [move for move in _unfinished(connection) if move.stage is Stage.BETWEEN]


def newest(connection: Connection, limit: int) -> list[MintSwap]:
    """List moves, newest first."""
    query = _moves().order_by(col(MintSwapRow.id).desc()).limit(limit)
    return [_move(row) for row in connection.execute(query).mappings()]


def is_under_way(connection: Connection, source: str, now_ms: int) -> bool:
    """Whether a move out of this mint has begun and not ended."""
    moves = [move for move in _unfinished(connection) if move.source == source]
    late = now_ms - ORDER_GOOD_MS
    return any(
        move.stage in {Stage.LEAVING, Stage.BETWEEN}
        or (move.stage is Stage.ORDERED and move.created_at > late)
        for move in moves
    )


def moved_since(connection: Connection, at: int) -> Msat:
    """Add up what moves since then took, or are taking, out of their mints."""
    query = select(func.coalesce(func.sum(col(MintSwapRow.amount)), 0)).where(
        col(MintSwapRow.created_at) >= at, col(MintSwapRow.melt).is_not(None)
    )
    return Msat(int(connection.execute(query).scalar_one()))


def in_transit(connection: Connection) -> Msat:
    """Compute what the books must have between mints, from what is known of each movement.

    What is set aside for fees counts up, what has left counts down until it arrives.
    """
    rows = connection.execute(_moves().where(_UNFINISHED)).mappings()
    return total((_fees(connection), *map(_in_transit, rows)))


_MELT_IS_DONE: Final = func.coalesce(col(SagaRow.state), int(SagaState.OPEN)) == int(SagaState.DONE)
_IS_ISSUED: Final = col(QuoteRow.state) == int(QuoteState.ISSUED)
_UNFINISHED: Final = or_(~_MELT_IS_DONE, ~_IS_ISSUED)


def _moves() -> Select[*tuple[Any, ...]]:
    return (
        select(
            col(MintSwapRow.id),
            col(MintSwapRow.source),
            col(MintSwapRow.target),
            col(MintSwapRow.amount),
            col(MintSwapRow.quote),
            col(MintSwapRow.melt),
            col(MintSwapRow.given_up),
            col(MintSwapRow.created_at),
            col(SagaRow.unit),
            col(SagaRow.gross),
            col(SagaRow.spent),
            col(SagaRow.state).label("melt_state"),
            col(QuoteRow.state).label("quote_state"),
        )
        # outer, so that it is the moves that are read, and an invoice for each
        .outerjoin(QuoteRow, col(QuoteRow.id) == col(MintSwapRow.quote))
        .outerjoin(SagaRow, col(SagaRow.id) == col(MintSwapRow.melt))
    )


def _unfinished(connection: Connection) -> list[MintSwap]:
    query = _moves().where(_UNFINISHED).order_by(col(MintSwapRow.id))
    return [_move(row) for row in connection.execute(query).mappings()]


def _move(row: RowMapping) -> MintSwap:
    amount, cost = Msat(row["amount"]), None
    if row["melt_state"] == SagaState.DONE:
        cost = Unit(row["unit"]).to_msat(row["spent"]) - amount
    return MintSwap(
        id=row["id"],
        source=row["source"],
        target=row["target"],
        amount=amount,
        cost=cost,
        quote=row["quote"],
        melt=row["melt"],
        stage=_stage(row),
        created_at=row["created_at"],
    )


def _stage(row: RowMapping) -> Stage:
    if row["melt"] is None:
        return Stage.GIVEN_UP if row["given_up"] else Stage.ORDERED
    if row["melt_state"] != SagaState.DONE:
        return Stage.LEAVING
    return Stage.DONE if row["quote_state"] == QuoteState.ISSUED else Stage.BETWEEN


def _in_transit(row: RowMapping) -> Msat:
    amount = Msat(row["amount"])
    arrived = amount if row["quote_state"] == QuoteState.ISSUED else ZERO
    if row["melt"] is None:
        return arrived
    if row["melt_state"] == SagaState.DONE:
        return arrived - amount
    return arrived + Unit(row["unit"]).to_msat(row["gross"]) - amount


def _fees(connection: Connection) -> Msat:
    """Add up what consolidations that are under way have set aside."""
    rows = connection.execute(
        select(col(SagaRow.unit), func.sum(col(SagaRow.fee)))
        .where(
            col(SagaRow.state) == int(SagaState.OPEN),
            col(SagaRow.kind) == int(SagaKind.CONSOLIDATE),
        )
        .group_by(col(SagaRow.unit))
    )
    return total(Unit(unit).to_msat(int(fee)) for unit, fee in rows)
