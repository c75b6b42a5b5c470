"""SQL of API keys that have an account of their own, and finding a key of either sort."""

from collections.abc import Sequence
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Select, insert, select, update
from sqlmodel import col

from routstr.auth.models import ApiKey, ChildKey
from routstr.auth.terms import KeyTerms
from routstr.core.db import Tx
from routstr.ledger.entries import KeyMark
from routstr.ledger.models import Account, KeyLimit
from routstr.money import Unit

ID: Final = cast("ColumnElement[int]", col(ApiKey.id))  # None only before the row exists
_ACCOUNT: Final = cast("ColumnElement[int]", col(Account.id))
_LIMIT: Final = cast("ColumnElement[int]", col(KeyLimit.id))
_IN_FORCE: Final = col(ApiKey.revoked_at).is_(None)

_KEY: Final[tuple[Any, ...]] = (
    ID,
    col(ApiKey.account),
    col(ApiKey.public_id),
    col(ApiKey.mint),
    col(ApiKey.unit),
    col(ApiKey.key_metadata),
    col(ApiKey.created_at),
    col(ApiKey.expires_at),
    col(ApiKey.name),
    col(Account.version),
    col(KeyLimit.version),
    col(ApiKey.limit_id),
    col(ApiKey.refund_address),
    col(ApiKey.refund_problem),
)
_CHILD: Final[tuple[Any, ...]] = (
    col(ChildKey.id),
    col(ApiKey.account),
    col(ChildKey.public_id),
    col(ApiKey.mint),
    col(ApiKey.unit),
    col(ChildKey.key_metadata),
    col(ChildKey.created_at),
    col(ChildKey.expires_at),
    col(ChildKey.name),
    col(KeyLimit.version),
    col(ChildKey.limit_id),
    col(ApiKey.expires_at),
    ID,
    col(ApiKey.public_id),
)


class NewKey(Struct, frozen=True):
    """A key as it is made. ``created_at``: ms since the epoch."""

    account: int
    key_hash: bytes
    public_id: str
    mint: str
    unit: Unit
    terms: KeyTerms
    limit: int | None
    created_at: int
    note: str | None = None


class KeyRecord(Struct, frozen=True):
    """A stored key. Times are ms since the epoch.

    ``mark``: its limit, and the version of all this. Of a child key ``id`` and ``public_id`` are
    its own, ``account``, ``mint`` and ``unit`` its parent's.
    """

    id: int
    account: int
    public_id: str
    mint: str
    unit: Unit
    metadata: str
    created_at: int
    expires_at: int | None
    name: str | None = None
    mark: KeyMark | None = None
    refund_address: str | None = None
    refund_problem: str | None = None
    parent: int | None = None
    parent_public_id: str | None = None

    @property
    def is_child(self) -> bool:
        """Whether it spends another key's account."""
        return self.parent is not None


def sought(text: str | None) -> bytes | None:
    """A name or a note as it is looked for: bytes sort alike in every database, in any language."""
    return None if not text else text.casefold().encode("utf-8", "replace")


def find(connection: Connection, key_hash: bytes) -> KeyRecord | None:
    """Return the key with this hash, unless it or its parent was revoked."""
    row = connection.execute(_keys().where(col(ApiKey.key_hash) == key_hash, _IN_FORCE)).first()
    if row is not None:
        return _record(row)
    child = connection.execute(
        select(*_CHILD)
        .join(ApiKey, col(ChildKey.parent) == ID)
        .join(KeyLimit, col(ChildKey.limit_id) == _LIMIT)
        .where(col(ChildKey.key_hash) == key_hash, col(ChildKey.revoked_at).is_(None), _IN_FORCE)
    ).first()
    return None if child is None else _child(child)


def accounts_of(connection: Connection, public_id: str) -> list[int]:
    """Return the account of the key with this public id: one, as far as anybody can tell."""
    mine = select(col(ApiKey.account)).where(col(ApiKey.public_id) == public_id)
    return [int(row[0]) for row in connection.execute(mine)]


def account_of(connection: Connection, key_hash: bytes) -> int | None:
    """Return the account of the key with this hash, revoked or not; no child's."""
    row = connection.execute(select(col(ApiKey.account)).where(col(ApiKey.key_hash) == key_hash))
    return row.scalar()


def lock(tx: Tx, key_hash: bytes) -> KeyRecord | None:
    """Return the key with this hash, no child's, and keep others from changing it meanwhile."""
    row = tx.sql.execute(
        _keys().where(col(ApiKey.key_hash) == key_hash, _IN_FORCE).with_for_update(of=ApiKey)
    ).first()
    return None if row is None else _record(row)


def add(tx: Tx, key: NewKey) -> None:
    """Store a new key."""
    tx.sql.execute(
        insert(ApiKey).values(
            account=key.account,
            key_hash=key.key_hash,
            public_id=key.public_id,
            mint=key.mint,
            unit=key.unit.value,
            key_metadata=key.terms.metadata,
            created_at=key.created_at,
            expires_at=key.terms.expires_at,
            generation=0,
            limit_id=key.limit,
            name=key.terms.name,
            name_sought=sought(key.terms.name),
            note=key.note,
            note_sought=sought(key.note),
            refund_address=key.terms.refund_address,
            refund_tries=0,
        )
    )


def change(tx: Tx, key: int, values: dict[str, str | int | None]) -> None:
    """Change columns of a key; the refund of an expired one is tried anew."""
    fresh: dict[str, str | int | bytes | None] = {
        "refund_next_at": None,
        "refund_tries": 0,
        "refund_problem": None,
    }
    for text in ("name", "note"):
        if text in values:
            given = values[text]
            fresh[f"{text}_sought"] = sought(given if isinstance(given, str) else None)
    tx.sql.execute(update(ApiKey).where(ID.in_((key,))).values(**fresh, **values))


def rotate(tx: Tx, key: int, key_hash: bytes, operation: bytes | None) -> None:
    """Put another hash in the place of a key's; ``operation`` names the call that asked for it."""
    tx.sql.execute(
        update(ApiKey)
        .where(ID.in_((key,)))
        .values(key_hash=key_hash, generation=col(ApiKey.generation) + 1, rotated_by=operation)
    )


def was_rotated_by(connection: Connection, key_hash: bytes, operation: bytes | None) -> bool:
    """Whether this call put the key with this hash in its place; never for one without a name."""
    row = connection.execute(
        select(col(ApiKey.rotated_by)).where(col(ApiKey.key_hash) == key_hash)
    ).first()
    return row is not None and operation is not None and row[0] == operation


def _keys() -> Select[*tuple[Any, ...]]:
    return (
        select(*_KEY)
        .join(Account, col(ApiKey.account) == _ACCOUNT)
        .outerjoin(KeyLimit, col(ApiKey.limit_id) == _LIMIT)
    )


def _record(row: Sequence[Any]) -> KeyRecord:
    limited = row[11] is not None
    return KeyRecord(
        id=row[0],
        account=row[1],
        public_id=row[2],
        mint=row[3],
        unit=Unit(row[4]),
        metadata=row[5],
        created_at=row[6],
        expires_at=row[7],
        name=row[8],
        mark=KeyMark(row[10] if limited else row[9], row[11]),
        refund_address=row[12],
        refund_problem=row[13],
    )


def _child(row: Sequence[Any]) -> KeyRecord:
    ends = [at for at in (row[7], row[11]) if at is not None]
    return KeyRecord(
        id=row[0],
        account=row[1],
        public_id=row[2],
        mint=row[3],
        unit=Unit(row[4]),
        metadata=row[5],
        created_at=row[6],
        expires_at=min(ends) if ends else None,  # never after its parent
        name=row[8],
        mark=KeyMark(row[9], row[10]),
        parent=row[12],
        parent_public_id=row[13],
    )
