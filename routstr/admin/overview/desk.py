"""What the operator sees first: how the node stands, what today brought, what is wrong."""

import asyncio
from collections.abc import Callable, Mapping
from contextlib import suppress
from typing import Final

from msgspec import Struct

from routstr.admin.overview.pulse import Pulse
from routstr.admin.overview.statistics import Period, Statistics
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import DatabaseUnavailable
from routstr.money import ZERO, Msat, Unit
from routstr.payment.alert_board import AlertBoard
from routstr.payment.alert_store import Alert
from routstr.payment.maintenance import Maintenance
from routstr.payment.places import Spot
from routstr.payment.standing import Homes, Outline, outline
from routstr.wallet.overview import Position

PATIENCE_SECONDS: Final = 0.02
"""How long a page waits for what each mint owes, when that was never looked up."""


class Place(Struct, frozen=True, kw_only=True):
    """One mint in one unit. Amounts are in the unit, but for those in msat.

    ``owed_msat`` is owed to balances that came from here and to whoever holds tokens of here;
    ``own_msat`` is what is held beyond it: below zero, it lies elsewhere. None: not looked up yet.
    """

    mint: str
    unit: Unit
    liquid: int
    reserved: int
    in_flight: int
    given_out: int
    owed_msat: int | None
    own_msat: int | None


class Overview(Struct, frozen=True, kw_only=True):
    """One moment, ``at`` (ms). ``maintenance`` says since when no deposits are taken, if so."""

    at: int
    today: Period
    sums: Outline
    places: list[Place]
    alerts: list[Alert]
    maintenance: int | None


class OverviewDesk:
    """Reads everything; ``pulse`` does it again and again for those who keep looking."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        statistics: Statistics,
        board: AlertBoard,
        maintenance: Maintenance,
        draining: Callable[[], bool],
    ) -> None:
        """``draining``: the node stops."""
        self._db: Final = db
        self._clock: Final = clock
        self._homes: Final = Homes(db, clock)
        self._looking: asyncio.Task[None] | None = None
        self.statistics: Final = statistics
        self.board: Final = board
        self.maintenance: Final = maintenance
        self.pulse: Final = Pulse(self.read, ended=draining)

    async def read(self) -> Overview:
        """Look now. Raises ``DatabaseUnavailable``."""
        owed = await self._owed()
        sums = await self._db.read(outline)
        return Overview(
            at=self._clock.now_ms(),
            today=await self.statistics.period(self.statistics.today()),
            sums=sums,
            places=_places(sums, owed),
            alerts=await self.board.active(),
            maintenance=await self.maintenance.since(),
        )

    async def _owed(self) -> Mapping[Spot, Msat] | None:
        """What is owed where, as it was lately known: every balance is looked at behind a page."""
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
            if self._homes.known is None:
                await asyncio.wait({self._looking}, timeout=PATIENCE_SECONDS)
        return self._homes.known

    async def _look(self) -> None:
        with suppress(DatabaseUnavailable):
            await self._homes.owed()
        self._looking = None


def _places(sums: Outline, owed: Mapping[Spot, Msat] | None) -> list[Place]:
    found = {(at.mint, at.unit): at for at in sums.positions}
    for mint, unit in (owed or {}).keys() - found.keys():
        found[mint, unit] = Position.empty(mint, unit)
    return [_place(found[spot], owed) for spot in sorted(found)]


def _place(at: Position, owed: Mapping[Spot, Msat] | None) -> Place:
    here = None if owed is None else owed.get((at.mint, at.unit), ZERO) + at.leaving_msat
    return Place(
        mint=at.mint,
        unit=at.unit,
        liquid=at.liquid,
        reserved=at.reserved,
        in_flight=at.coming_in + at.going_out,
        given_out=at.given_out,
        owed_msat=None if here is None else int(here),
        own_msat=None if here is None else int(at.held_msat - here),
    )
