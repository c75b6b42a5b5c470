"""SQL of child keys, as their parent sees them."""

from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, insert, select, update
from sqlmodel import col

from routstr.auth.models import ChildKey
from routstr.core.db import Tx

_ID: Final = cast("ColumnElement[int]", col(ChildKey.id))  # None only before the row exists


class NewChild(Struct, frozen=True):
    """A child key as it is made."""

    parent: int
    number: int
    limit: int
    key_hash: bytes
    public_id: str
    name: str | None
    metadata: str
    created_at: int
    expires_at: int | None


class ChildRecord(Struct, frozen=True):
    """A stored child key. Times are ms since the epoch."""

    id: int
    parent: int
    number: int
    public_id: str
    limit: int
    name: str | None
    created_at: int
    expires_at: int | None


def next_number(tx: Tx, parent: int) -> int:
    """The number of a parent's next child. The parent has to be locked."""
    highest = tx.sql.execute(
        select(func.max(col(ChildKey.number))).where(col(ChildKey.parent) == parent)
    ).scalar_one()
    return 0 if highest is None else int(highest) + 1


def add(tx: Tx, child: NewChild, operation: bytes | None) -> int:
    """Store a new child key and return its id; ``operation`` names the call that makes it."""
    result = tx.sql.execute(
        insert(ChildKey)
        .values(
            parent=child.parent,
            number=child.number,
            limit_id=child.limit,
            key_hash=child.key_hash,
            public_id=child.public_id,
            name=child.name,
            key_metadata=child.metadata,
            created_at=child.created_at,
            expires_at=child.expires_at,
            made_by=operation,
        )
        .returning(_ID)
    )
    return int(result.scalar_one())


def of_parent(connection: Connection, parent: int) -> list[ChildRecord]:
    """List the child keys of a key that were not revoked, in the order in which they were made."""
    mine = col(ChildKey.parent) == parent
    return _read(connection, mine & col(ChildKey.revoked_at).is_(None))


def made_by(tx: Tx, parent: int, operation: bytes | None) -> list[int]:
    """The numbers of the child keys that a call has made; none for a call without a name."""
    if operation is None:
        return []
    rows = tx.sql.execute(
        select(col(ChildKey.number))
        .where(col(ChildKey.parent) == parent, col(ChildKey.made_by) == operation)
        .order_by(col(ChildKey.number))
    )
    return [row[0] for row in rows]


def find(connection: Connection, *, key_hash: bytes, public_id: str) -> ChildRecord | None:
    """Return the child key that has this hash or this public id, unless it was revoked."""
    named = (col(ChildKey.key_hash) == key_hash) | (col(ChildKey.public_id) == public_id)
    found = _read(connection, named & col(ChildKey.revoked_at).is_(None))
    return found[0] if found else None


def change(tx: Tx, child: int, values: dict[str, str | int | None]) -> None:
    """Change columns of a child key."""
    tx.sql.execute(update(ChildKey).where(_ID.in_((child,))).values(**values))


def _read(connection: Connection, which: ColumnElement[bool]) -> list[ChildRecord]:
    rows = connection.execute(
        select(
            _ID,
            col(ChildKey.parent),
            col(ChildKey.number),
            col(ChildKey.public_id),
            col(ChildKey.limit_id),
            col(ChildKey.name),
            col(ChildKey.created_at),
            col(ChildKey.expires_at),
        )
        .where(which)
        .order_by(_ID)
    )
    return [ChildRecord(*row) for row in rows]
