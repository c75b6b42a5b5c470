"""SQL of stored providers."""

from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, insert, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.upstream.models import ProviderRow

_ID: Final = cast("ColumnElement[int]", col(ProviderRow.id))  # None only before the row exists
_COLUMNS: Final = (
    _ID,
    col(ProviderRow.slug),
    col(ProviderRow.kind),
    col(ProviderRow.base_url),
    col(ProviderRow.sealed_keys),
    col(ProviderRow.enabled),
    col(ProviderRow.fee),
    col(ProviderRow.priority),
    col(ProviderRow.options),
    col(ProviderRow.created_at),
    col(ProviderRow.updated_at),
)

Versions = tuple[tuple[int, int], ...]
"""Ids and revisions: equal exactly when nothing has changed."""


class Record(Struct, frozen=True):
    """A stored provider as it lies there. Times are ms since the epoch."""

    id: int
    slug: str
    kind: str
    base_url: str
    sealed_keys: bytes
    enabled: bool
    fee: str | None
    priority: int
    options: str
    created_at: int
    updated_at: int


def every(connection: Connection) -> list[Record]:
    """All providers in the order in which they were stored."""
    return [Record(*row) for row in connection.execute(select(*_COLUMNS).order_by(_ID))]


def versions(connection: Connection) -> Versions:
    """What to compare in order to see whether anything has changed."""
    rows = connection.execute(select(_ID, col(ProviderRow.revision)).order_by(_ID))
    return tuple((row[0], row[1]) for row in rows)


def add(tx: Tx, record: Record) -> int:
    """Store a provider and return its id; that of the record does not count."""
    values = {name: getattr(record, name) for name in Record.__struct_fields__ if name != "id"}
    result = tx.sql.execute(insert(ProviderRow).values(**values, revision=1).returning(_ID))
    return int(result.scalar_one())


def change(tx: Tx, record: Record) -> None:
    """Store another state of a provider."""
    values = {name: getattr(record, name) for name in Record.__struct_fields__ if name != "id"}
    tx.sql.execute(
        update(ProviderRow)
        .where(col(ProviderRow.id) == record.id)
        .values(**values, revision=col(ProviderRow.revision) + 1)
    )


def remove(tx: Tx, provider: int) -> None:
    """Forget a provider."""
    tx.sql.execute(delete(ProviderRow).where(col(ProviderRow.id) == provider))
