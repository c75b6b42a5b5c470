"""A process that announces, on relays of this machine."""

from dataclasses import dataclass, field

from aiohttp import ClientSession

from devkit.relay import NostrRelay
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery import store
from routstr.discovery.announcement import Facts
from routstr.discovery.announcer import Announcer
from routstr.discovery.identity import Identity
from routstr.discovery.keyring import Keyring
from routstr.discovery.lease import Lease
from routstr.discovery.relays import RelayPool
from routstr.discovery.report import Report, last_report

ME = Identity(Secret("11" * 32))
URL = "https://node.example.com"
FACTS = Facts("Bob", "sells", (URL,), ("https://mint.example.com",), "1.0")


@dataclass
class Announcing:
    """One process that announces; ``facts`` are what its settings say now."""

    db: Database
    session: ClientSession
    relays: list[NostrRelay]
    clock: ManualClock = field(default_factory=ManualClock)
    facts: Facts = FACTS
    settings: Settings = field(default_factory=lambda: Settings(allow_insecure_mints=True))
    given: Secret = ME.secret()  # noqa: RUF009 - it does not change

    @property
    def keyring(self) -> Keyring:
        return Keyring(self.db, NodeKey(b"k" * 32), self.clock, self.given)

    def lease(self, owner: str) -> Lease:
        return Lease(self.db, self.clock, owner)

    def announcer(self, owner: str = "one") -> Announcer:
        pool = RelayPool([one.url for one in self.relays], self.session, self.clock)
        return Announcer(
            self.db,
            self.clock,
            self.keyring,
            pool,
            lambda: self.facts,
            self.lease(owner),
            self.settings,
        )

    async def say(self, name: str) -> None:
        await self.db.write(lambda tx: store.put(tx, name, b"%d" % self.clock.ms, self.clock.ms))

    async def report(self) -> Report:
        found = last_report(await self.db.read(store.every))
        assert found is not None
        return found
