"""The operator's switch that takes no new deposits: refunds and paid requests go on.

It is looked up in the transaction of each deposit's intent, before any mint is asked: a token stays
its owner's. An invoice that was given out can still be paid.
"""

from collections.abc import Callable
from typing import Final

from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx, switches
from routstr.errors import UnderMaintenance

STATE: Final = "closed: maintenance"
"""What is told of deposits meanwhile."""
_OPEN: Final = "open"
_NAME: Final = "maintenance"


class Maintenance:
    """Turns the switch, for all instances on the database."""

    def __init__(self, db: Database, clock: Clock) -> None:
        self._db: Final = db
        self._clock: Final = clock

    async def since(self) -> int | None:
        """Since when it is on, ms since 1970; None: it is off."""
        return await self._db.read(since)

    async def turn(self, *, on: bool) -> int | None:
        """Turn it; say since when it is on."""
        at = self._clock.now_ms()
        await self._db.write(lambda tx: switches.turn(tx, _NAME, at, on=on))
        return await self.since()


def since(connection: Connection) -> int | None:
    """Since when it is on, ms since 1970; None: it is off."""
    return switches.on_since(connection, _NAME)


def require_off(tx: Tx) -> None:
    """Raise :class:`UnderMaintenance` while it is on. For a deposit's own transaction."""
    if since(tx.sql) is not None:
        raise UnderMaintenance


def told_with(state: Callable[[Connection], str]) -> Callable[[Connection], str]:
    """What is told of deposits: ``state``, unless only this switch stands in their way."""

    def tell(connection: Connection) -> str:
        told = state(connection)
        return STATE if told == _OPEN and since(connection) is not None else told

    return tell
