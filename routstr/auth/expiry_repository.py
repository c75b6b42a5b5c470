"""SQL of expired keys that are to be refunded."""

from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, select, update
from sqlmodel import col

from routstr.auth.models import ApiKey
from routstr.auth.repository import ID
from routstr.core.db import Tx
from routstr.ledger.models import Account
from routstr.money import Unit

_PART_MAX: Final = 50


class ExpiredKey(Struct, frozen=True):
    """A key whose time is over, with money, and where it goes."""

    id: int
    account: int
    public_id: str
    mint: str
    unit: Unit
    address: str
    tries: int


def due(connection: Connection, at: int) -> list[ExpiredKey]:
    """List expired keys with money whose refund is due at a moment (ms), a part of them at most."""
    rows = connection.execute(
        select(
            ID,
            col(ApiKey.account),
            col(ApiKey.public_id),
            col(ApiKey.mint),
            col(ApiKey.unit),
            col(ApiKey.refund_address),
            col(ApiKey.refund_tries),
        )
        .join(Account, col(Account.id) == col(ApiKey.account))
        .where(
            col(ApiKey.refund_address).is_not(None),
            col(ApiKey.expires_at) <= at,
            col(ApiKey.refund_next_at).is_(None) | (col(ApiKey.refund_next_at) <= at),
            col(Account.posted) > 0,
        )
        .order_by(col(ApiKey.expires_at))
        .limit(_PART_MAX)
    )
    return [
        ExpiredKey(row[0], row[1], row[2], row[3], Unit(row[4]), row[5] or "", row[6])
        for row in rows
    ]


def take(tx: Tx, key: ExpiredKey, *, at: int, until: int) -> bool:
    """Take a refund on for a while; false when another instance has, or the key has changed."""
    result = tx.sql.execute(
        update(ApiKey)
        .where(
            ID.in_((key.id,)),
            col(ApiKey.expires_at) <= at,
            col(ApiKey.refund_address) == key.address,
            col(ApiKey.refund_tries) == key.tries,
            col(ApiKey.refund_next_at).is_(None) | (col(ApiKey.refund_next_at) <= at),
        )
        .values(refund_tries=key.tries + 1, refund_next_at=until)
    )
    return result.rowcount == 1


def note(tx: Tx, key: ExpiredKey, *, tries: int, next_at: int, problem: str | None) -> None:
    """Say how a try went, unless the key was changed meanwhile: then it is tried anew."""
    tx.sql.execute(
        update(ApiKey)
        .where(ID.in_((key.id,)), col(ApiKey.refund_tries) == key.tries + 1)
        .values(refund_tries=tries, refund_next_at=next_at, refund_problem=problem)
    )
