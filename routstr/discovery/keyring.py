"""Which key the node has on Nostr: that of the settings, else the stored one, else none.

Nothing is made by itself: a key speaks for the operator, who asks for it.
"""

import asyncio
from functools import partial
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.discovery import store
from routstr.discovery.identity import Identity

_SEAL: Final = "nostr key"
_log = get_logger(__name__)


class KeyLocked(Exception):
    """The settings of the environment name the key: it is changed there."""


class Keyring:
    """Reads and keeps the key. ``npub`` is told without waiting, as it was last seen."""

    def __init__(self, db: Database, node_key: NodeKey, clock: Clock, given: Secret) -> None:
        """``given``: the key of the settings, or nothing."""
        self._db: Final = db
        self._node_key: Final = node_key
        self._clock: Final = clock
        self._given: Final = given
        self._sealed = b""
        self._identity: Identity | None = None
        self.npub = ""

    @property
    def locked(self) -> bool:
        """Whether the settings name the key."""
        return bool(self._given)

    async def look(self) -> store.Values:
        """See what is stored; the npub is right from then on."""
        values = await self._db.read(store.every)
        if self._given:
            if self._identity is None:
                await self._use(self._given)
        elif store.NPUB in values:
            self.npub = values[store.NPUB].value.decode()
        else:
            self.npub = ""
        return values

    async def identity(self, values: store.Values | None = None) -> Identity | None:
        """The key, ready to sign; None: there is none. Raises ``InvalidKey``, ``SealBroken``."""
        values = await self.look() if values is None else values
        if self._given:
            return self._identity or await self._use(self._given)
        kept = values.get(store.KEY)
        if kept is None:
            self._identity = None
        elif self._identity is None or kept.value != self._sealed:
            self._sealed = kept.value
            await self._use(Secret(self._node_key.open(_SEAL, kept.value).decode()))
        return self._identity

    async def change(self, secret: Secret) -> Identity:
        """Keep another key. Raises ``InvalidKey``, :class:`KeyLocked`."""
        self._refuse_locked()
        return await self._keep(await asyncio.to_thread(Identity, secret))

    async def create(self) -> Identity:
        """Make a new one and keep it. Raises :class:`KeyLocked`."""
        self._refuse_locked()
        return await self._keep(await asyncio.to_thread(Identity.generate))

    async def clear(self) -> None:
        """Forget the stored key. Raises :class:`KeyLocked`."""
        self._refuse_locked()
        await self._db.write(lambda tx: store.drop(tx, store.KEY, store.NPUB))
        self._identity, self._sealed, self.npub = None, b"", ""
        _log.info("nostr_key_forgotten")

    async def _keep(self, identity: Identity) -> Identity:
        sealed = self._node_key.seal(_SEAL, identity.secret().reveal().encode())
        at = self._clock.now_ms()

        def write(tx: Tx) -> None:
            store.put(tx, store.KEY, sealed, at)
            store.put(tx, store.NPUB, identity.npub.encode(), at)

        await self._db.write(write)
        self._identity, self._sealed, self.npub = identity, sealed, identity.npub
        _log.info("nostr_key_kept", npub=identity.npub)
        return identity

    async def _use(self, secret: Secret) -> Identity:
        identity = self._identity = await asyncio.to_thread(partial(Identity, secret))
        self.npub = identity.npub
        return identity

    def _refuse_locked(self) -> None:
        if self.locked:
            raise KeyLocked
