"""Seals transfers in the background; any number of instances may."""

import asyncio
from functools import partial
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.ledger import horizon, seals
from routstr.ledger.seals import Sealed

SEAL_SECONDS: Final = 5.0
"""How old a transfer may become before it is sealed, more or less."""
PART_ROWS: Final = 5_000
_FRESH_MS: Final = 4_000
"""A seal that is younger than this, of any instance: there is nothing to do yet."""
_PAUSE_SECONDS: Final = 0.02  # between parts: requests write meanwhile
_TRANSFERS: Final = "transfers"


class Sealer:
    """Keeps the chain up to date. ``key`` proves that this node made it."""

    def __init__(
        self, db: Database, clock: Clock, instance: int, key: bytes, *, rows: int = PART_ROWS
    ) -> None:
        """``rows``: how many transfers one seal covers at most."""
        self._db: Final = db
        self._clock: Final = clock
        self._instance: Final = instance
        self._key: Final = key
        self._rows: Final = rows

    async def run(self) -> int:
        """Seal what is complete, unless somebody just has; return how many seals were made."""
        newest = await self._db.read(seals.last)
        if 0 <= self._clock.now_ms() - newest.created_at < _FRESH_MS:
            return 0
        return await self.finish()

    async def finish(self, *, wait_seconds: float = horizon.WAIT_SECONDS_MAX) -> int:
        """Seal what is complete; return how many seals were made.

        Nothing is sealed when a transaction that writes transfers does not end in time.
        """
        upto = await horizon.find(self._db, (_TRANSFERS,), wait_seconds=wait_seconds)
        if upto is None:
            return 0
        made = 0
        while (seal := await self._step(upto[_TRANSFERS])) is not None:
            made += 1
            if seal.upto >= upto[_TRANSFERS]:
                break
            await asyncio.sleep(_PAUSE_SECONDS)
        return made

    async def _step(self, upto: int) -> Sealed | None:
        seal = await self._db.read(partial(seals.draft, horizon=upto, rows=self._rows))
        if seal is None:
            return None
        at = self._clock.now_ms()
        made = await self._db.write(
            partial(seals.store, seal=seal, instance=self._instance, key=self._key, at=at)
        )
        return seal if made else None
