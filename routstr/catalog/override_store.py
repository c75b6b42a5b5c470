"""The operator's stored changes of models. Every instance looks at :meth:`Overrides.version`."""

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import Any, Final

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, delete, func, insert, select, text, update
from sqlmodel import col

from routstr.catalog.models import ModelOverrideRow
from routstr.catalog.overrides import Entry, patched
from routstr.core.clock import Clock
from routstr.core.db import Database, Dialect, Tx
from routstr.errors import ModelInvalid

STORED_MAX: Final = 20_000
"""Changed models of all providers together."""
_decode: Final = msgspec.json.Decoder(dict[str, Any], float_hook=Decimal).decode
_provider: Final = col(ModelOverrideRow.provider)
_sought: Final = col(ModelOverrideRow.sought)
_ONE_BY_ONE: Final = text("LOCK TABLE model_overrides IN SHARE ROW EXCLUSIVE MODE")
"""What is stored is read, changed and stored; who only reads waits for nobody."""

Version = tuple[int, int, int]
Entries = Mapping[int, Mapping[str, Entry]]
"""By the provider's id and the model's id in lower case."""


class Alteration(Struct, frozen=True):
    """What is to be different of one model: ``patch`` into what is stored, or instead of it."""

    provider: int
    model: str
    patch: Entry
    whole: bool = False


class Overrides:
    """Reads and writes them; what they may say is checked by :mod:`routstr.catalog.overrides`."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db: Final = db
        self._clock: Final = clock

    async def version(self) -> Version:
        """What to compare in order to see whether anything has changed.

        Ids are never given twice, so rows can only be gone, new (the highest id) or changed (the
        sum of revisions).
        """
        return await self._db.read(_version)

    async def every(self) -> tuple[Version, Entries]:
        """All of them, and their version."""
        return await self._db.read(_every)

    async def alter(self, alterations: Sequence[Alteration]) -> None:
        """Store these changes, all or none. One that changes nothing any more is forgotten."""
        now = self._clock.now_ms()

        def write(tx: Tx) -> None:
            if tx.dialect is Dialect.POSTGRESQL:  # SQLite has one writer
                tx.sql.execute(_ONE_BY_ONE)
            for one in alterations:
                _alter(tx, one, now)
            if _version(tx.sql)[0] > STORED_MAX:
                raise ModelInvalid(f"At most {STORED_MAX} models can be changed.")

        await self._db.write(write)

    async def forget(self, provider: int, model: str | None = None) -> int:
        """Take back what is stored of one model or of all; return of how many there was any."""
        return await self._db.write(lambda tx: forget(tx, provider, model))


def forget(tx: Tx, provider: int, model: str | None = None) -> int:
    """See :meth:`Overrides.forget`."""
    rows = delete(ModelOverrideRow).where(_provider == provider)
    if model is not None:
        rows = rows.where(_sought == model.lower())
    return int(tx.sql.execute(rows).rowcount)


def _version(connection: Connection) -> Version:
    rows = select(
        func.count(),
        func.coalesce(func.max(col(ModelOverrideRow.id)), 0),
        func.coalesce(func.sum(col(ModelOverrideRow.revision)), 0),
    ).select_from(ModelOverrideRow)
    count, newest, revisions = connection.execute(rows).one()
    return int(count), int(newest or 0), int(revisions or 0)


def _every(connection: Connection) -> tuple[Version, Entries]:
    found: dict[int, dict[str, Entry]] = {}
    columns = (_provider, _sought, col(ModelOverrideRow.entry))
    for provider, sought, entry in connection.execute(select(*columns)):
        found.setdefault(provider, {})[sought] = _decode(entry)
    return _version(connection), found


def _alter(tx: Tx, one: Alteration, now: int) -> None:
    sought = one.model.lower()
    this = (_provider == one.provider, _sought == sought)
    stored = tx.sql.execute(select(col(ModelOverrideRow.entry)).where(*this)).scalar_one_or_none()
    before: Entry = {} if stored is None or one.whole else _decode(stored)
    after = {"id": one.model, **patched(before, one.patch)}
    if len(after) == 1:
        tx.sql.execute(delete(ModelOverrideRow).where(*this))
        return
    values = {"entry": msgspec.json.encode(after).decode(), "updated_at": now}
    if stored is None:
        new = insert(ModelOverrideRow).values(
            provider=one.provider, sought=sought, revision=1, **values
        )
        tx.sql.execute(new)
    else:
        revision = col(ModelOverrideRow.revision) + 1
        tx.sql.execute(update(ModelOverrideRow).where(*this).values(revision=revision, **values))
