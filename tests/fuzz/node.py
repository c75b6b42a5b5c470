"""A node without HTTP: everything of it that moves money, with a writer of its own."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, Self

from routstr.auth.service import CREATE, Authenticator, KeyCompletion
from routstr.core.clock import ManualClock
from routstr.core.db import Database, open_backend
from routstr.core.node_key import NodeKey
from routstr.errors import NodeError
from routstr.ledger import instances
from routstr.ledger.service import Ledger
from routstr.ledger.sweep import Sweeper
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.intake import Intake
from routstr.payment.refund import Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.wallet.mints import Mints
from routstr.wallet.service import Wallet
from tests.fuzz.backend import TroubledBackend
from tests.fuzz.fate import Fate, Killed
from tests.fuzz.line import Line
from tests.fuzz.mint import TalliedMint

STALE_SECONDS: Final = 3_600.0
"""Instances are marked as silent by hand; none becomes so by the real time that a run takes."""
_KEY: Final = NodeKey(bytes(range(32)))
_SEED: Final = bytes(reversed(range(64)))
_RECONNECT_SECONDS: Final = 0.15


@dataclass(frozen=True, slots=True)
class Ground:
    """What all nodes share."""

    url: str
    mints: Mapping[str, TalliedMint]
    clock: ManualClock


class Node:
    """One instance. ``fate`` is what befalls it."""

    def __init__(self, ground: Ground, db: Database, backend: TroubledBackend, fate: Fate) -> None:
        self.db = db
        self.backend = backend
        self.fate = fate
        self._ground = ground
        self.live: set[int] = set()
        """Holds that it has told of and not been asked to end."""
        self.owed: dict[int, int] = {}
        """Costs of holds that it could not settle, as far as it has told."""

    @classmethod
    async def open(cls, ground: Ground) -> Self:
        """Start an instance."""
        fate = Fate()
        backend = TroubledBackend(open_backend(ground.url), fate)
        db = Database(ground.url, backend, reconnect_seconds=_RECONNECT_SECONDS)
        db.start()
        node = cls(ground, db, backend, fate)
        await node._wire()
        return node

    async def _wire(self) -> None:
        ground, db, clock = self._ground, self.db, self._ground.clock
        self.instance = await db.write(instances.register)
        self.ledger = Ledger(db, clock, self.instance, await Ledger.open_books(db, clock))
        mints = Mints(
            tuple(ground.mints), lambda url: Line(ground.mints[url], self.fate), db, clock
        )
        self.wallet = Wallet.build(
            db, clock, _KEY, _SEED, self.instance, mints, proofs_max=100, sat_max=1_000_000
        )
        self.wallet.register(CREATE, KeyCompletion(clock))
        self.wallet.register(TOPUP, TopupCompletion(clock))
        self.wallet.register(REFUND, RefundCompletion(clock))
        self.auth = Authenticator(db, Intake(self.wallet, clock), _KEY, clock)
        self.refunds = Refunds(db, self.wallet, clock)
        self.sweeper = Sweeper(db, self.ledger, clock, self.instance, STALE_SECONDS)

    async def recover(self) -> int:
        """Take up what nobody works on."""
        return await self.wallet.recover(await self.sweeper.alive())

    async def quiet(self) -> None:
        """Wait until nothing goes on in it any more."""
        running = self.wallet._engine.running
        while running:
            await asyncio.wait(list(running.values()))
        if not self.fate.dead:
            self.backend.answers_again()

    async def flush(self) -> None:
        """Wait for writes that nobody waits for: of holds that were abandoned."""
        for _ in range(2):
            with suppress(Killed, NodeError):  # what is armed for a commit may happen to this one
                await self.db.write(lambda _: None)

    async def bury(self) -> None:
        """Drop what is left of a dead node: none of its connections takes anything any more."""
        assert self.fate.dead
        await self.quiet()
        await self.db.stop()
