"""SQL of child keys, as their parent sees them."""

from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, func, insert, select, update
from sqlmodel import col

from routstr.auth.models import ChildKey
from routstr.core.db import Tx

_ID: Final = cast("ColumnElement[int]", col(ChildKey.id))  # None only before the row exists


class NewChild(Struct, frozen=True):
    """A child key as it is made. ``operation`` names the call that makes it."""

    parent: int
    number: int
    limit: int
    key_hash: bytes
    public_id: str
    name: str | None
    metadata: str
    created_at: int
    expires_at: int | None
    operation: bytes | None


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
    revoked_at: int | None


def next_number(tx: Tx, parent: int) -> int:
    """The number of a parent's next child. The parent has to be locked."""
    highest = tx.sql.execute(
        select(func.max(col(ChildKey.number))).where(col(ChildKey.parent) == parent)
    ).scalar_one()
    return 0 if highest is None else int(highest) + 1


def add(tx: Tx, child: NewChild) -> int:
    """Store a new child key and return its id."""
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
            made_by=child.operation,
        )
        .returning(_ID)
    )
    return int(result.scalar_one())


def of_parent(connection: Connection, parent: int) -> list[ChildRecord]:
    """List a key's children in the order in which they were made, revoked ones included."""
    return _read(connection, col(ChildKey.parent) == parent)


def made_by(connection: Connection, parent: int, operation: bytes) -> list[tuple[int, bytes]]:
    """Number and hash of the children that this call made."""
    rows = connection.execute(
        select(col(ChildKey.number), col(ChildKey.key_hash))
        .where(col(ChildKey.parent) == parent, col(ChildKey.made_by) == operation)
        .order_by(col(ChildKey.number))
    )
    return [(row[0], bytes(row[1])) for row in rows]


def find(connection: Connection, *, key_hash: bytes, public_id: str) -> ChildRecord | None:
    """Return the child key that has this hash or this public id."""
    named = (col(ChildKey.key_hash) == key_hash) | (col(ChildKey.public_id) == public_id)
    found = _read(connection, named)
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
            col(ChildKey.revoked_at),
        )
        .where(which)
        .order_by(_ID)
    )
    return [ChildRecord(*row) for row in rows]
