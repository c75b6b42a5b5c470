"""SQL of keys as the operator lists them: newest first, a page at a time, never all of them.

No page reads more than :data:`WINDOW` rows, however rare what is looked for is: a page may hold few
keys, or none, and go on below ``next_before``. Nothing is counted.
"""

from enum import StrEnum
from typing import Any, Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Row, Select, exists, func, select
from sqlmodel import col

from routstr.auth.models import ApiKey, ChildKey
from routstr.auth.repository import ID, sought
from routstr.ledger.models import Account
from routstr.money import Msat

WINDOW: Final = 20_000
_ACCOUNT: Final = cast("ColumnElement[int]", col(Account.id))
_CHILD_ID: Final = cast("ColumnElement[int]", col(ChildKey.id))
_LAST: Final = (1 << 63) - 1
_MONEY: Final = (
    col(Account.posted),
    col(Account.held),
    col(Account.spent),
    col(Account.requests),
    col(Account.last_used_at),
)
_HOME: Final = (col(ApiKey.mint), col(ApiKey.unit), col(ApiKey.refund_address))
_KEY: Final[tuple[Any, ...]] = (
    ID,
    col(ApiKey.account),
    col(ApiKey.public_id),
    col(ApiKey.name),
    col(ApiKey.note),
    col(ApiKey.created_at),
    col(ApiKey.expires_at),
    col(ApiKey.revoked_at),
    *_MONEY,
    col(ApiKey.limit_id),
    *_HOME,
    col(ApiKey.key_metadata),
)
_CHILD: Final[tuple[Any, ...]] = (
    _CHILD_ID,
    col(ApiKey.account),
    col(ChildKey.public_id),
    col(ChildKey.name),
    col(ApiKey.note),
    col(ChildKey.created_at),
    col(ChildKey.expires_at),
    col(ChildKey.revoked_at),
    *_MONEY,
    col(ChildKey.limit_id),
    *_HOME,
    col(ChildKey.key_metadata),
    col(ApiKey.public_id),
)


class Which(StrEnum):
    """What is listed."""

    ALL = "all"
    FUNDED = "funded"
    EXPIRED = "expired"
    REVOKED = "revoked"
    PARENTS = "parents"
    CHILDREN = "children"


class KeyRow(Struct, frozen=True, kw_only=True):
    """A key. Times are ms since the epoch; of a child key the money is its parent's."""

    id: int
    account: int
    public_id: str
    name: str | None
    note: str | None
    created_at: int
    expires_at: int | None
    revoked_at: int | None
    posted: Msat
    held: Msat
    spent: Msat
    requests: int
    last_used_at: int | None
    limit: int | None
    mint: str
    unit: str
    metadata: str
    refund_address: str | None
    parent: str | None = None

    @property
    def available(self) -> Msat:
        """What can be spent now."""
        return self.posted - self.held


class KeyPage(Struct, frozen=True):
    """A page; older keys have ids below ``next_before``, None when there are none."""

    keys: list[KeyRow]
    next_before: int | None


def page(
    connection: Connection, which: Which, *, limit: int, before: int | None, now: int
) -> KeyPage:
    """List keys with ids below ``before``, newest first."""
    is_child = which is Which.CHILDREN
    table_id = _CHILD_ID if is_child else ID
    top = _LAST if before is None else before
    newest = connection.execute(select(func.max(table_id)).where(table_id < top)).scalar()
    if newest is None:
        return KeyPage([], None)
    floor = max(int(newest) - WINDOW, 0)
    query = (_children() if is_child else _own()).where(table_id < top, table_id > floor)
    query = query.where(*_filter(which, now)).order_by(table_id.desc()).limit(limit + 1)
    rows = [_row(row, is_child=is_child) for row in connection.execute(query)]
    if len(rows) > limit:
        return KeyPage(rows[:limit], rows[limit - 1].id)
    return KeyPage(rows, floor + 1 if floor else None)


def search(connection: Connection, text: str, limit: int) -> list[KeyRow]:
    """Find keys and child keys whose public id, name or note begins so, ``limit`` of each."""
    ids, words = _public_ids(text), sought(text) or b""
    found: dict[int, Row[*tuple[Any, ...]]] = {}
    for column in (col(ApiKey.name_sought), col(ApiKey.note_sought)):
        query = _own().where(column >= words, column < words + b"\xff").order_by(column)
        found |= {row[0]: row for row in connection.execute(query.limit(limit))}
    own = _own().where(_begins(col(ApiKey.public_id), ids)).limit(limit)
    found |= {row[0]: row for row in connection.execute(own)}
    rows = [_row(found[key], is_child=False) for key in sorted(found, reverse=True)]
    children = _children().where(_begins(col(ChildKey.public_id), ids)).limit(limit)
    return rows + [_row(row, is_child=True) for row in connection.execute(children)]


def one(connection: Connection, public_id: str) -> KeyRow | None:
    """Read a key or a child key."""
    own = connection.execute(_own().where(col(ApiKey.public_id) == public_id)).first()
    if own is not None:
        return _row(own, is_child=False)
    child = connection.execute(_children().where(col(ChildKey.public_id) == public_id)).first()
    return None if child is None else _row(child, is_child=True)


def children_of(connection: Connection, parent: int, limit: int) -> list[KeyRow]:
    """List the child keys of a key, revoked ones too, newest first."""
    query = _children().where(col(ChildKey.parent) == parent)
    rows = connection.execute(query.order_by(col(ChildKey.number).desc()).limit(limit))
    return [_row(row, is_child=True) for row in rows]


def owners(connection: Connection, accounts: set[int]) -> dict[int, str]:
    """Return the public ids of the keys that own these accounts."""
    rows = connection.execute(
        select(col(ApiKey.account), col(ApiKey.public_id)).where(col(ApiKey.account).in_(accounts))
    )
    return {row[0]: row[1] for row in rows}


def _filter(which: Which, now: int) -> list[ColumnElement[bool]]:
    match which:
        case Which.FUNDED:
            return [col(Account.posted) > 0]
        case Which.EXPIRED:
            return [col(ApiKey.expires_at) <= now]
        case Which.REVOKED:
            return [col(ApiKey.revoked_at).is_not(None)]
        case Which.PARENTS:
            return [exists(select(_CHILD_ID).where(col(ChildKey.parent) == ID))]
        case Which.ALL | Which.CHILDREN:
            return []


def _public_ids(text: str) -> str:
    """What a public id begins with, with or without its ``key_``."""
    plain = text.casefold()
    return plain if plain.startswith("key_"[: len(plain)]) else f"key_{plain}"


def _begins(column: Any, prefix: str) -> ColumnElement[bool]:  # noqa: ANN401 - a mapped column
    """Public ids are hex digits behind ``key_``: g comes after all of them in any language."""
    between = (column >= prefix) & (column < prefix + "g")
    return cast("ColumnElement[bool]", between if len(prefix) > len("key_") else column == prefix)


def _own() -> Select[*tuple[Any, ...]]:
    return select(*_KEY).join(Account, col(ApiKey.account) == _ACCOUNT)


def _children() -> Select[*tuple[Any, ...]]:
    return (
        select(*_CHILD)
        .join(ApiKey, col(ChildKey.parent) == ID)
        .join(Account, col(ApiKey.account) == _ACCOUNT)
    )


def _row(row: Row[*tuple[Any, ...]], *, is_child: bool) -> KeyRow:
    return KeyRow(
        id=row[0],
        account=row[1],
        public_id=row[2],
        name=row[3],
        note=None if is_child else row[4],
        created_at=row[5],
        expires_at=row[6],
        revoked_at=row[7],
        posted=Msat(row[8]),
        held=Msat(row[9]),
        spent=Msat(row[10]),
        requests=row[11],
        last_used_at=row[12],
        limit=row[13],
        mint=row[14],
        unit=row[15],
        refund_address=row[16],
        metadata=row[17],
        parent=row[18] if is_child else None,
    )
