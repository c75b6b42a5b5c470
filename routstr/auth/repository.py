"""SQL of API keys."""

from msgspec import Struct
from sqlalchemy import Connection, insert, select
from sqlmodel import col

from routstr.auth.models import ApiKey
from routstr.core.db import Tx
from routstr.money import Unit


class KeyRecord(Struct, frozen=True):
    """A stored key. Times are ms since the epoch."""

    id: int
    account: int
    public_id: str
    mint: str
    unit: Unit
    metadata: str
    created_at: int
    expires_at: int | None


def find(connection: Connection, key_hash: bytes) -> KeyRecord | None:
    """Return the key with this hash."""
    row = connection.execute(
        select(
            col(ApiKey.id),
            col(ApiKey.account),
            col(ApiKey.public_id),
            col(ApiKey.mint),
            col(ApiKey.unit),
            col(ApiKey.key_metadata),
            col(ApiKey.created_at),
            col(ApiKey.expires_at),
        ).where(col(ApiKey.key_hash) == key_hash)
    ).first()
    if row is None:
        return None
    return KeyRecord(row[0] or 0, row[1], row[2], row[3], Unit(row[4]), row[5], row[6], row[7])


def add(tx: Tx, record: KeyRecord, key_hash: bytes) -> None:
    """Store a new key."""
    tx.sql.execute(
        insert(ApiKey).values(
            account=record.account,
            key_hash=key_hash,
            public_id=record.public_id,
            mint=record.mint,
            unit=record.unit.value,
            key_metadata=record.metadata,
            created_at=record.created_at,
            expires_at=record.expires_at,
        )
    )
