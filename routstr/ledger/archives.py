"""The archives that a database knows of.

What leaves for one, and how, is in :mod:`routstr.ledger.archive_removal`.
"""

from typing import Any, Final

from msgspec import Struct
from sqlalchemy import Connection, Row, text

ARCHIVED: Final = "what has left for archives is as it was signed"
"""Name of the equation that :mod:`routstr.payment.archive.audit` computes."""
_COLUMNS: Final = (
    "number, upto, seal, digest, statement, proof, parts, removed, amount, created_at, ended_at"
)
_LAST: Final = f"SELECT {_COLUMNS} FROM archives ORDER BY number DESC LIMIT 1"  # noqa: S608
_ALL: Final = f"SELECT {_COLUMNS} FROM archives ORDER BY number"  # noqa: S608
_REMOVED: Final = (
    "SELECT coalesce(sum(removed), 0), coalesce(sum(amount), 0) FROM archives WHERE upto <= :upto"
)


class Archived(Struct, frozen=True):
    """One archive; :class:`routstr.ledger.archive_models.Archive` says what each field is."""

    number: int
    upto: int
    seal: int
    digest: bytes
    statement: str
    proof: bytes
    parts: int = 0
    removed: int = 0
    amount: int = 0
    created_at: int = 0
    ended_at: int | None = None


def last(connection: Connection) -> Archived | None:
    """The newest archive, if there is one."""
    row = connection.execute(text(_LAST)).first()
    return None if row is None else _archived(row)


def known(connection: Connection) -> list[Archived]:
    """All archives, the first one first."""
    return [_archived(row) for row in connection.execute(text(_ALL))]


def removed(connection: Connection, upto: int = (1 << 63) - 1) -> tuple[int, int]:
    """How many transfers have left of those up to an id, and their sum in msat.

    Whole archives only: none ends behind an id that was proven, and begins before it.
    """
    count, amount = connection.execute(text(_REMOVED), {"upto": upto}).one()
    return int(count), int(amount)


def _archived(row: Row[Any]) -> Archived:
    number, upto, seal, digest, statement, proof, *rest = tuple(row)
    return Archived(number, upto, seal, bytes(digest), statement, bytes(proof), *rest)
