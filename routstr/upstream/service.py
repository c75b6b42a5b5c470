"""The providers that the operator has stored: added, changed, removed, and read for asking.

The provider of the settings (``UPSTREAM_BASE_URL``) is none of them. It is always there, comes
first, and its name is taken.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Final, TypeVar

import msgspec
from msgspec import UNSET, UnsetType
from yarl import URL

from routstr.catalog.override_store import forget
from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.errors import ProviderExists, ProviderInvalid, ProviderNotFound
from routstr.upstream import repository
from routstr.upstream.adapters import ADAPTERS, find_adapter
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.description import (
    Description,
    checked_adapter,
    checked_fee,
    checked_keys,
    checked_options,
    checked_priority,
    checked_slug,
    checked_url,
    limits_of,
    texts_of,
)
from routstr.upstream.provider import Profile
from routstr.upstream.repository import Record, Versions

T = TypeVar("T")

PROVIDERS_MAX: Final = 500
ChangeKeys = Callable[[tuple[Secret, ...]], tuple[Secret, ...]]
_SEAL: Final = "provider_keys"
_keys_of: Final = msgspec.json.Decoder(list[str]).decode
_options_of: Final = msgspec.json.Decoder(dict[str, object]).decode


@dataclass(frozen=True, slots=True)
class StoredProvider:
    """One provider as the operator has stored it. Times are ms since the epoch."""

    id: int
    slug: str
    adapter: Adapter
    base_url: str
    keys: tuple[Secret, ...]
    enabled: bool
    fee: Decimal | None
    priority: int
    options: Mapping[str, object]
    created_at: int
    updated_at: int

    def profile(self, usual: UpstreamLimits) -> Profile:
        """The provider as requests see it."""
        return Profile(
            id=self.id,
            name=self.slug,
            adapter=self.adapter,
            base_url=self.base_url,
            keys=self.keys,
            limits=limits_of(self.options, usual),
            fee=self.fee,
            priority=self.priority,
            options=texts_of(self.options),
        )


class Providers:
    """The use cases. A change is seen by every instance as soon as it looks at the versions."""

    def __init__(
        self,
        db: Database,
        node_key: NodeKey,
        clock: Clock,
        *,
        allow_insecure: bool,
        taken: str = "",
        adapters: Mapping[str, Adapter] = ADAPTERS,
    ) -> None:
        """``allow_insecure``: addresses on this machine are fine. ``taken``: the settings' name."""
        self.adapters: Final = adapters
        """Every type that a provider may have."""
        self._db: Final = db
        self._node_key: Final = node_key
        self._clock: Final = clock
        self._allow_insecure: Final = allow_insecure
        self._taken: Final = taken

    async def versions(self) -> Versions:
        """What changes with every change."""
        return await self._db.read(repository.versions)

    async def every(self) -> list[StoredProvider]:
        """All of them in the order in which they were added."""
        return [self._opened(record) for record in await self._db.read(repository.every)]

    async def get(self, which: str) -> StoredProvider:
        """The one with this id or slug. Raises ``ProviderNotFound``."""
        return self._opened(_find(await self._db.read(repository.every), which))

    async def add(self, wanted: Description) -> StoredProvider:
        """Store another one. Raises ``ProviderInvalid``, ``ProviderExists``."""

        def write(tx: Tx) -> Record:
            made = self._made(wanted, repository.every(tx.sql))
            return msgspec.structs.replace(made, id=repository.add(tx, made))

        return self._opened(await self._db.write(write))

    async def check(self, wanted: Description) -> None:
        """Raise what :meth:`add` would raise now, and store nothing."""
        await self._db.read(lambda sql: self._made(wanted, repository.every(sql)))

    async def edit(self, which: str, wanted: Description) -> StoredProvider:
        """Change one. Raises ``ProviderNotFound``, ``ProviderInvalid``, ``ProviderExists``."""
        now = self._clock.now_ms()

        def write(tx: Tx) -> Record:
            records = repository.every(tx.sql)
            before = _find(records, which)
            others = [record for record in records if record.id != before.id]
            after = self._changed(before, wanted, others)
            if isinstance(wanted.keys, UnsetType) and self._keys_would_move(before, after):
                raise ProviderInvalid(
                    "Another address gets no key that was stored for this one: say the keys, too.",
                    details={"param": "api_key"},
                )
            after = msgspec.structs.replace(after, updated_at=now)
            repository.change(tx, after)
            return after

        return self._opened(await self._db.write(write))

    def _keys_would_move(self, before: Record, after: Record) -> bool:
        """Whether stored keys would be sent somewhere else than where they were meant for."""
        moves = URL(before.base_url).origin() != URL(after.base_url).origin()
        return moves and bool(self._opened(before).keys)

    async def change_keys(
        self, which: str, change: ChangeKeys, *, seen: int | None = None
    ) -> StoredProvider:
        """Make other keys of those that there are. Raises as :meth:`edit`, and what it raises.

        ``seen``: only if nothing has changed since this ``updated_at``.
        """
        now = self._clock.now_ms()

        def write(tx: Tx) -> Record:
            records = repository.every(tx.sql)
            before = _find(records, which)
            others = [record for record in records if record.id != before.id]
            if seen is not None and seen != before.updated_at:
                raise ProviderInvalid(
                    "It was changed meanwhile: look at it again.", details={"param": "version"}
                )
            wanted = Description(keys=change(self._keys(before)))
            after = self._changed(before, wanted, others)
            after = msgspec.structs.replace(after, updated_at=now)
            repository.change(tx, after)
            return after

        return self._opened(await self._db.write(write))

    async def remove(self, which: str) -> StoredProvider:
        """Forget one, and what is stored of its models, and return it as it was.

        Raises ``ProviderNotFound``.
        """

        def write(tx: Tx) -> Record:
            found = _find(repository.every(tx.sql), which)
            repository.remove(tx, found.id)
            forget(tx, found.id)
            return found

        return self._opened(await self._db.write(write))

    def _made(self, wanted: Description, others: Sequence[Record]) -> Record:
        """Another record, without an id, if it may be so."""
        if isinstance(wanted.kind, UnsetType):
            raise ProviderInvalid(
                "A provider needs a provider_type.", details={"param": "provider_type"}
            )
        if len(others) >= PROVIDERS_MAX:
            raise ProviderInvalid(f"There are {PROVIDERS_MAX} providers; remove one first.")
        now = self._clock.now_ms()
        fresh = Record(0, "", wanted.kind, "", b"", True, None, 0, "{}", now, now)  # noqa: FBT003
        sealed = msgspec.structs.replace(fresh, sealed_keys=self._sealed(()))
        return self._changed(sealed, wanted, others)

    def _changed(self, before: Record, wanted: Description, others: Sequence[Record]) -> Record:
        """The record as it is wanted, if it may be so."""
        adapter = checked_adapter(_or(wanted.kind, before.kind), self.adapters)
        keys = checked_keys(_or(wanted.keys, self._keys(before)))
        url = _or(wanted.base_url, before.base_url)
        base_url = checked_url(url, adapter, allow_insecure=self._allow_insecure)
        slug = _or(wanted.slug, before.slug) or _free_slug(adapter.name, self._names(others))
        if slug != before.slug:
            checked_slug(slug)
            if slug in self._names(others):
                raise ProviderExists(f"There is a provider {slug!r} already.")
        for other in others:
            if other.base_url == base_url and set(keys) & set(self._keys(other)):
                raise ProviderExists(f"Provider {other.slug!r} has this address and this key.")
        fee = before.fee
        if not isinstance(wanted.fee, UnsetType):
            found = checked_fee(wanted.fee)
            fee = None if found is None else format(found, "f")
        options = before.options
        if not isinstance(wanted.options, UnsetType):
            options = checked_options(wanted.options).decode()
        return Record(
            id=before.id,
            slug=slug,
            kind=adapter.name,
            base_url=base_url,
            sealed_keys=self._sealed(keys) if wanted.keys is not UNSET else before.sealed_keys,
            enabled=_or(wanted.enabled, before.enabled),
            fee=fee,
            priority=checked_priority(_or(wanted.priority, before.priority)),
            options=options,
            created_at=before.created_at,
            updated_at=before.updated_at,
        )

    def _names(self, others: Sequence[Record]) -> set[str]:
        return {self._taken, *(record.slug for record in others)} - {""}

    def _sealed(self, keys: Sequence[Secret]) -> bytes:
        clear = msgspec.json.encode([key.reveal() for key in keys])
        return self._node_key.seal(_SEAL, clear)

    def _keys(self, record: Record) -> tuple[Secret, ...]:
        clear = self._node_key.open(_SEAL, record.sealed_keys)
        return tuple(map(Secret, _keys_of(clear)))

    def _opened(self, record: Record) -> StoredProvider:
        return StoredProvider(
            id=record.id,
            slug=record.slug,
            adapter=find_adapter(record.kind, self.adapters) or _absent(record.kind),
            base_url=record.base_url,
            keys=self._keys(record),
            enabled=record.enabled,
            fee=None if record.fee is None else Decimal(record.fee),
            priority=record.priority,
            options=_options_of(record.options),
            created_at=record.created_at,
            updated_at=record.updated_at,
        )


def _or(wanted: T | UnsetType, before: T) -> T:
    return before if isinstance(wanted, UnsetType) else wanted


def _find(records: Sequence[Record], which: str) -> Record:
    by_id = which.isascii() and which.isdigit()
    for record in records:
        if record.slug == which or (by_id and str(record.id) == which):
            return record
    raise ProviderNotFound(f"There is no provider {which!r}.")


def _absent(kind: str) -> Adapter:
    """The type of a provider whose package is not installed any more: nothing is asked of it."""
    return Adapter(name=kind, title=f"{kind} (not installed)", native=frozenset())


def _free_slug(name: str, taken: set[str]) -> str:
    numbered = (f"{name}-{number}" for number in range(2, PROVIDERS_MAX + 3))
    return next(one for one in (name, *numbered) if one not in taken)
