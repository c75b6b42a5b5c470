"""Opening, reading and changing keys' limits; what they count is the hot batch's business.

Whoever changes what is known of a key calls :func:`renew` in the same transaction: every hold that
relies on what was read before is then refused as stale, on every instance.
"""

from collections.abc import Iterable
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, insert, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.ledger.limits import LimitRow, Reset, period_start
from routstr.ledger.models import Account, KeyLimit
from routstr.money import Msat

_COLUMNS: Final[tuple[Any, ...]] = (
    col(KeyLimit.id),
    col(KeyLimit.account),
    col(KeyLimit.version),
    col(KeyLimit.cap),
    col(KeyLimit.reset),
    col(KeyLimit.period),
    col(KeyLimit.spent),
    col(KeyLimit.forgiven),
    col(KeyLimit.held),
    col(KeyLimit.total_spent),
    col(KeyLimit.total_requests),
)


class LimitState(Struct, frozen=True):
    """A limit at one moment. ``left`` is None without a cap; totals are of all periods."""

    cap: Msat | None
    reset: Reset
    spent: Msat
    left: Msat | None
    total_spent: Msat
    total_requests: int


def open_limit(tx: Tx, account: int, cap: Msat | None, reset: Reset, at: int) -> int:
    """Open a limit on an account and return its id; without a cap it only counts."""
    values = {
        "account": account,
        "version": 0,
        "cap": None if cap is None else int(cap),
        "reset": int(reset),
        "period": period_start(reset, at),
        "spent": 0,
        "forgiven": 0,
        "held": 0,
        "total_spent": 0,
        "total_requests": 0,
    }
    result = tx.sql.execute(insert(KeyLimit).values(**values).returning(col(KeyLimit.id)))
    return int(result.scalar_one() or 0)


def set_cap(tx: Tx, limit: int, cap: Msat | None, reset: Reset) -> None:
    """Change how much may be spent and how often that begins anew.

    What was spent in the current period counts on: the next one begins when ``reset`` says so.
    """
    tx.sql.execute(
        update(KeyLimit)
        .where(_is(limit))
        .values(cap=None if cap is None else int(cap), reset=int(reset))
    )


def forgive(tx: Tx, limit: int) -> None:
    """Begin the limit's period anew by hand: what was charged in it counts no more."""
    tx.sql.execute(update(KeyLimit).where(_is(limit)).values(forgiven=col(KeyLimit.spent)))


def renew(tx: Tx, account: int) -> None:
    """Make every instance read again what it knows of the keys that spend an account."""
    row = cast("ColumnElement[int]", col(Account.id))
    tx.sql.execute(
        update(Account).where(row.in_((account,))).values(version=col(Account.version) + 1)
    )
    tx.sql.execute(
        update(KeyLimit)
        .where(col(KeyLimit.account) == account)
        .values(version=col(KeyLimit.version) + 1)
    )


def read_limits(connection: Connection, limits: Iterable[int], at: int) -> dict[int, LimitState]:
    """Read limits as they stand at a moment (ms), by their ids."""
    rows = connection.execute(select(*_COLUMNS).where(col(KeyLimit.id).in_(list(limits))))
    return {row[0]: _state(LimitRow(*row[:9]), row[9], row[10], at) for row in rows}


def _state(row: LimitRow, total_spent: int, total_requests: int, at: int) -> LimitState:
    left = row.left(at)  # enters the period of this moment
    return LimitState(
        cap=None if row.cap is None else Msat(row.cap),
        reset=Reset(row.reset),
        spent=Msat(row.spent - row.forgiven),
        left=None if row.cap is None else Msat(left),
        total_spent=Msat(total_spent),
        total_requests=total_requests,
    )


def _is(limit: int) -> ColumnElement[bool]:
    return cast("ColumnElement[int]", col(KeyLimit.id)).in_((limit,))
