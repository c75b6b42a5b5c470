"""Holds that nobody works on any more give their money back.

A hold whose instance is gone expires. A living instance releases those of its own that no request
of it knows. Age alone ends no hold: a stream may be long. Times that lie in the future were written
before a clock was set back, and count as long ago.
"""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.ledger import instances
from routstr.ledger.service import Ledger

_log = get_logger(__name__)

GRACE_MS: Final = 30_000  # between the commit of a hold and its request hearing of it


class Sweeper:
    """One pass over the open holds."""

    def __init__(
        self, db: Database, ledger: Ledger, clock: Clock, instance: int, stale_seconds: float
    ) -> None:
        self._db = db
        self._ledger = ledger
        self._clock = clock
        self._instance = instance
        self._stale_seconds = stale_seconds

    async def alive(self) -> frozenset[int]:
        """Return the living instances, this one included."""
        seen = await self._db.read(lambda c: instances.alive(c, self._stale_seconds))
        return seen | {self._instance}

    async def beat(self) -> None:
        """Say that this instance lives."""
        await self._db.write(lambda tx: instances.beat(tx, self._instance))

    async def sweep(self) -> int:
        """Make settlements that are overdue, end abandoned holds; return how many of these."""
        await self._ledger.settle_late()
        holds = await self._db.read(instances.open_holds)
        if not holds:
            return 0
        alive = await self.alive()
        live = self._ledger.live_holds()
        now = self._clock.now_ms()
        ended = 0
        for hold, owner, placed_at in holds:
            mine = owner == self._instance
            recent = now - GRACE_MS <= placed_at <= now
            if owner in alive and not (mine and hold not in live and not recent):
                continue
            await self._ledger.release(hold, expire=not mine)
            ended += 1
            _log.warning("hold_swept", hold=hold, owner=owner, expired=not mine)
        return ended
