"""Which of several processes on one database publishes."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.discovery import store

LEASE_MS: Final = 60_000
"""How long nobody publishes when the one who did is gone."""


class Lease:
    """One at a time has it. Two for a moment would do no harm: they would say the same."""

    def __init__(self, db: Database, clock: Clock, owner: str) -> None:
        """``owner`` names this process, also after a change of its settings."""
        self._db: Final = db
        self._clock: Final = clock
        self._owner: Final = owner
        self._until = 0

    async def held(self) -> bool:
        """Whether this process has it now; it is renewed in good time."""
        now = self._clock.now_ms()
        if now < self._until - LEASE_MS // 2:
            return True
        until = now + LEASE_MS
        taken = await self._db.write(lambda tx: store.take_lease(tx, self._owner, now, until))
        self._until = until if taken else 0
        return taken
