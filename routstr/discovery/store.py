"""SQL of what the node keeps about itself on Nostr, the same for all instances on the database."""

from collections.abc import Mapping
from typing import Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.discovery.models import NostrValue

KEY: Final = "nsec"
"""The secret key, sealed."""
NPUB: Final = "npub"
ASKED: Final = "asked"
"""When the operator asked to look and publish at once."""
WITHDRAWN: Final = "withdrawn"
"""There while the operator wants the node to be found no more."""
REPORT: Final = "report"
FAREWELLS: Final = "farewells"
"""Signed events of keys that were given up, for whoever publishes next."""
_LEASE: Final = "lease"
_USED: Final = "used-"
_USED_MS: Final = 600_000
_PROVIDER: Final = "provider-"


class Kept(Struct, frozen=True):
    """A value, and since when, in ms since 1970."""

    value: bytes
    changed_at: int


class _Lease(Struct, frozen=True):
    owner: str
    until: int


Values = Mapping[str, Kept]


def every(connection: Connection) -> Values:
    """All of them: a handful."""
    found = connection.execute(
        select(col(NostrValue.name), col(NostrValue.value), col(NostrValue.changed_at))
    )
    return {name: Kept(bytes(value), int(at)) for name, value, at in found}


def put(tx: Tx, name: str, value: bytes, at: int) -> None:
    """Keep a value instead of an earlier one."""
    row = {"value": value, "changed_at": at}
    new = insert_into(tx, NostrValue).values(name=name, **row)
    tx.sql.execute(new.on_conflict_do_update(index_elements=["name"], set_=row))


def drop(tx: Tx, *names: str) -> None:
    """Forget values."""
    tx.sql.execute(delete(NostrValue).where(col(NostrValue.name).in_(names)))


def remember_provider(tx: Tx, pubkey: str, provider: str, at: int) -> str:
    """Keep the name under which a key announces; the one that was kept first, if there is one."""
    new = insert_into(tx, NostrValue).values(
        name=_PROVIDER + pubkey, value=provider.encode(), changed_at=at
    )
    tx.sql.execute(new.on_conflict_do_nothing(index_elements=["name"]))
    return provider_of(every(tx.sql), pubkey) or provider


def provider_of(values: Values, pubkey: str) -> str:
    """The name under which a key announces; empty: none was chosen."""
    kept = values.get(_PROVIDER + pubkey)
    return "" if kept is None else kept.value.decode()


def take_lease(tx: Tx, owner: str, now: int, until: int) -> bool:
    """Be the one who publishes, until then (ms); false: another one is."""
    kept = every(tx.sql).get(_LEASE)
    if kept is not None:
        held = msgspec.json.decode(kept.value, type=_Lease)
        if held.owner != owner and held.until > now:
            return False
    put(tx, _LEASE, msgspec.json.encode(_Lease(owner, until)), now)
    return True


def spend(tx: Tx, event_id: str, now: int) -> bool:
    """Use up an event that counts once, for ten minutes; false: it was used before."""
    old = col(NostrValue.name).like(f"{_USED}%"), col(NostrValue.changed_at) < now - _USED_MS
    tx.sql.execute(delete(NostrValue).where(*old))
    new = insert_into(tx, NostrValue).values(name=_USED + event_id, value=b"", changed_at=now)
    once = new.on_conflict_do_nothing(index_elements=["name"]).returning(col(NostrValue.name))
    return tx.sql.execute(once).first() is not None
