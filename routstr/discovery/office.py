"""What an operator does about the node on Nostr: its key, looking and publishing, withdrawing.

Only what is wanted is written down here: whichever instance publishes does it within seconds.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Final

import msgspec
from msgspec import Struct

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.core.node_key import SealBroken
from routstr.core.secret import Secret
from routstr.discovery import store
from routstr.discovery.announcement import withdrawal
from routstr.discovery.events import Event
from routstr.discovery.identity import Identity, InvalidKey
from routstr.discovery.keyring import Keyring
from routstr.discovery.report import Report, last_report

_log = get_logger(__name__)


class Standing(Struct, frozen=True):
    """How it stands now. ``report`` is what was last seen, by whichever instance publishes."""

    npub: str
    locked: bool
    """The environment names the key."""
    withdrawn: bool
    report: Report | None
    relays: tuple[str, ...]
    """Those of the settings."""


class Office:
    """The use cases; the same for pages, programs and commands."""

    def __init__(
        self, db: Database, clock: Clock, keyring: Keyring, relays: tuple[str, ...]
    ) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._keyring: Final = keyring
        self._relays: Final = relays

    async def standing(self) -> Standing:
        """How it stands."""
        values = await self._keyring.look()
        report, npub = last_report(values), self._keyring.npub
        return Standing(
            npub,
            self._keyring.locked,
            store.WITHDRAWN in values,
            report if report is not None and report.npub == npub else None,
            self._relays,
        )

    async def change_key(self, secret: Secret) -> str:
        """Use another key, and take back what the former one announced; the npub.

        An empty one: none any more. Raises ``InvalidKey``, ``KeyLocked``.
        """
        if not secret.reveal().strip():
            farewells = await self._farewells()
            await self._keyring.clear()
            await self._leave(farewells)
            return ""
        return await self._replace(partial(self._keyring.change, secret))

    async def create_key(self) -> str:
        """Make a new key; the npub. Raises ``KeyLocked``."""
        return await self._replace(self._keyring.create)

    async def publish(self) -> None:
        """Be found, from now on, and look at once what relays hold."""
        at = self._clock.now_ms()

        def write(tx: Tx) -> None:
            store.drop(tx, store.WITHDRAWN)
            store.put(tx, store.ASKED, str(at).encode(), at)

        await self._db.write(write)

    async def withdraw(self) -> None:
        """Be found no more, until :meth:`publish`."""
        at = self._clock.now_ms()
        await self._db.write(lambda tx: store.put(tx, store.WITHDRAWN, b"1", at))
        _log.info("nostr_withdrawal_asked")

    async def _replace(self, make: Callable[[], Awaitable[Identity]]) -> str:
        farewells = await self._farewells()
        me = await make()
        await self._leave([event for event in farewells if event.pubkey != me.pubkey])
        return me.npub

    async def _farewells(self) -> list[Event]:
        """What takes back what the present key has announced, signed while it is there."""
        values = await self._keyring.look()
        try:
            me = await self._keyring.identity(values)
        except (SealBroken, InvalidKey):
            return []
        provider = "" if me is None else store.provider_of(values, me.pubkey)
        if me is None or not provider:
            return []
        report = last_report(values)
        last = 0 if report is None or report.event is None else report.event.created_at
        at = max(self._clock.now_ms() // 1_000, last + 1)
        return [me.sign(draft, at) for draft in withdrawal(me.pubkey, provider)]

    async def _leave(self, farewells: list[Event]) -> None:
        if farewells:
            text, at = msgspec.json.encode(farewells), self._clock.now_ms()
            await self._db.write(lambda tx: store.put(tx, store.FAREWELLS, text, at))
