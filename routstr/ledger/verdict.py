"""What is known about the books, durable and shared by every instance on the database.

One row says up to where they were proven, when everything was verified the last time, and whether
deposits are closed because an equation is broken. Whoever writes a proof names the version of the
row that it was worked out from: a proof that another instance has overtaken changes nothing.
"""

from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.errors import DepositsClosed
from routstr.ledger import seals
from routstr.ledger.checkpoint import Checkpoint
from routstr.ledger.models import Verification, VerifiedAccount

_ROW: Final = 1


class Verdict(Struct, frozen=True):
    """The row as it was read. Times are ms since the epoch; ``None``: never, or not."""

    version: int = 0
    checkpoint: Checkpoint | None = None
    full_at: int | None = None
    closed_at: int | None = None
    reason: str = ""

    @property
    def closed(self) -> bool:
        """Whether deposits are closed."""
        return self.closed_at is not None


def read(connection: Connection) -> Verdict:
    """Return what is known; on a database that was never verified, nothing."""
    row = connection.execute(
        select(
            col(Verification.version),
            col(Verification.proven),
            col(Verification.full_at),
            col(Verification.closed_at),
            col(Verification.reason),
        ).where(col(Verification.id) == _ROW)
    ).first()
    if row is None:
        return Verdict()
    proven = None if row[1] is None else msgspec.json.decode(row[1], type=Checkpoint)
    return Verdict(row[0], proven, row[2], row[3], row[4] or "")


def require_open(tx: Tx) -> None:
    """Raise :class:`DepositsClosed` while deposits are closed. For a deposit's own transaction."""
    row = tx.sql.execute(
        select(col(Verification.closed_at)).where(col(Verification.id) == _ROW)
    ).first()
    if row is not None and row[0] is not None:
        raise DepositsClosed


def prove(tx: Tx, seen: Verdict, checkpoint: Checkpoint, *, full_at: int | None) -> bool:
    """Store a proof that was worked out from ``seen``; false when the row has changed since.

    ``full_at`` is set when everything was verified: that opens deposits again.
    """
    values: dict[str, str | int | None] = {"proven": msgspec.json.encode(checkpoint).decode()}
    if full_at is not None:
        values |= {"full_at": full_at, "closed_at": None, "reason": None}
    _ensure_row(tx)
    result = tx.sql.execute(
        update(Verification)
        .where(col(Verification.id) == _ROW, col(Verification.version) == seen.version)
        .values(version=seen.version + 1, **values)
    )
    return result.rowcount == 1


def close(tx: Tx, at: int, reason: str) -> None:
    """Close deposits, or say again why they are closed."""
    _ensure_row(tx)
    row = tx.sql.execute(
        select(col(Verification.version), col(Verification.closed_at))
        .where(col(Verification.id) == _ROW)
        .with_for_update()
    ).one()
    since = at if row[1] is None else row[1]
    tx.sql.execute(
        update(Verification)
        .where(col(Verification.id) == _ROW)
        .values(version=row[0] + 1, closed_at=since, reason=reason)
    )


def forget(tx: Tx) -> None:
    """Forget what was proven and sealed: the next verification compares with nothing earlier."""
    _ensure_row(tx)
    tx.sql.execute(
        update(Verification)
        .where(col(Verification.id) == _ROW)
        .values(version=col(Verification.version) + 1, proven=None)
    )
    tx.sql.execute(delete(VerifiedAccount))
    seals.forget(tx)


def _ensure_row(tx: Tx) -> None:
    row = insert_into(tx, Verification).values(id=_ROW, version=0)
    tx.sql.execute(row.on_conflict_do_nothing(index_elements=["id"]))
