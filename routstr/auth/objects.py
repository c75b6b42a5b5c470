"""What providers keep for a key (responses, files, batches), and whose it is.

An id belongs to the key that made it, for ever: nobody else finds it, not even that it exists. The
first key stands: a provider that tells another key an id which is there already changes nothing.
"""

from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, delete, select, text, update
from sqlmodel import col

from routstr.auth.models import ProviderObject
from routstr.auth.service import Authenticator
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx

ID_CHARS_MAX: Final = 255
BODY_CHARS_MAX: Final = 16 * 1024
KEPT_DAYS: Final = 90
LISTED_MAX: Final = 1_000
_DAY_MS: Final = 86_400_000
_ADD: Final = text(
    "INSERT INTO provider_objects (id, account, child, provider, kind, body, created_at) "
    "VALUES (:id, :account, :child, :provider, :kind, :body, :at) ON CONFLICT (id) DO NOTHING"
)


class Owner(Struct, frozen=True):
    """A key: its account, and for a child key which one."""

    account: int
    child: str = ""


class Bound(Struct, frozen=True):
    """An object, and the provider that keeps it. ``body`` is JSON as it was last told."""

    id: str
    provider: str
    kind: str
    body: str


class Objects:
    """Binds objects to keys and finds them again."""

    def __init__(self, db: Database, auth: Authenticator, clock: Clock) -> None:
        self._db = db
        self._auth = auth
        self._clock = clock

    async def owner(self, authorization: str | None, *, just_paid: bool = False) -> Owner:
        """Whose credential it is. Raises AuthError for who has no key; redeems nothing.

        ``just_paid``: it paid a moment ago, so it is remembered.
        """
        look_up = self._auth.payer if just_paid else self._auth.known_payer
        payer = await look_up(authorization)
        return Owner(payer.account, payer.key_id if payer.is_child else "")

    async def bind(self, owner: Owner, provider: str, kind: str, bodies: Mapping[str, str]) -> None:
        """From now on these ids are this key's; ``bodies`` are what is known of each, as JSON."""
        at = self._clock.now_ms()
        rows = [
            {
                "id": name,
                "account": owner.account,
                "child": owner.child,
                "provider": provider,
                "kind": kind,
                "body": body if len(body) <= BODY_CHARS_MAX else "",
                "at": at,
            }
            for name, body in bodies.items()
            if 0 < len(name) <= ID_CHARS_MAX
        ]

        def add(tx: Tx) -> None:
            for row in rows:
                tx.sql.execute(_ADD, row)
                if row["body"]:
                    tx.sql.execute(
                        update(ProviderObject)
                        .where(*_is(owner, str(row["id"])))
                        .values(body=row["body"])
                    )

        if rows:
            await self._db.write(add)

    async def find(self, owner: Owner, name: str) -> Bound | None:
        """An object of this key."""

        def look(sql: Connection) -> Bound | None:
            row = sql.execute(
                select(
                    col(ProviderObject.id),
                    col(ProviderObject.provider),
                    col(ProviderObject.kind),
                    col(ProviderObject.body),
                ).where(*_is(owner, name))
            ).one_or_none()
            return None if row is None else Bound(*row)

        return await self._db.read(look)

    async def all(self, owner: Owner, kind: str) -> list[Bound]:
        """The objects of this key of one kind, the newest first."""

        def look(sql: Connection) -> list[Bound]:
            rows = sql.execute(
                select(
                    col(ProviderObject.id),
                    col(ProviderObject.provider),
                    col(ProviderObject.kind),
                    col(ProviderObject.body),
                )
                .where(
                    col(ProviderObject.account) == owner.account,
                    col(ProviderObject.child) == owner.child,
                    col(ProviderObject.kind) == kind,
                )
                .order_by(col(ProviderObject.created_at).desc(), col(ProviderObject.id))
                .limit(LISTED_MAX)
            )
            return [Bound(*row) for row in rows]

        return await self._db.read(look)

    async def forget(self, owner: Owner, name: str) -> None:
        """It is gone at the provider."""
        await self._db.write(
            lambda tx: tx.sql.execute(delete(ProviderObject).where(*_is(owner, name)))
        )

    async def forget_old(self) -> None:
        """Forget what is older than providers keep it."""
        until = self._clock.now_ms() - KEPT_DAYS * _DAY_MS
        await self._db.write(
            lambda tx: tx.sql.execute(
                delete(ProviderObject).where(col(ProviderObject.created_at) < until)
            )
        )


def _is(owner: Owner, name: str) -> tuple[ColumnElement[bool], ...]:
    return (
        col(ProviderObject.id) == name,
        col(ProviderObject.account) == owner.account,
        col(ProviderObject.child) == owner.child,
    )
