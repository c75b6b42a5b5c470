"""How the node stands at each of its mints: what it has there, what it owes, what is its own.

A balance is one sum, wherever its deposits came from. Its *home* is where the first of them went:
there refunds are tried first, so there the node should have what it owes. Elsewhere a balance is
paid only when its home lacks the money.
"""

import asyncio
from collections.abc import Mapping
from typing import Final

from msgspec import Struct
from sqlalchemy import Connection, text

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.ledger import books
from routstr.ledger.entries import CUSTOMERS, OPERATORS, AccountKind
from routstr.ledger.verify import between_mints, liabilities
from routstr.money import ZERO, Msat, Unit, total
from routstr.payment.places import Spot
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.overview import Position, positions

_KINDS: Final = ",".join(str(int(kind)) for kind in sorted(CUSTOMERS))
_HOMES: Final = f"""
SELECT s.mint, s.unit, sum(a.posted) FROM accounts a
JOIN sagas s ON s.id = (
  SELECT min(f.id) FROM sagas f WHERE f.account = a.id AND f.state = {int(SagaState.DONE)}
  AND f.kind IN ({int(SagaKind.RECEIVE)}, {int(SagaKind.MINT)}))
WHERE a.kind IN ({_KINDS}) AND a.posted <> 0
GROUP BY s.mint, s.unit
"""  # noqa: S608 - constants of this program


class MintStanding(Struct, frozen=True, kw_only=True):
    """One mint in one unit: proofs and movements in the unit, as in :class:`Position`.

    ``owed_msat``: balances whose home is here. ``surplus_msat`` is what is held here beyond these
    and what was given out or is on its way out; below zero, a part of them lies elsewhere.
    ``payable`` is, in the unit, what could be taken out here of what is the operator's own.
    """

    mint: str
    unit: Unit
    liquid: int
    reserved: int
    coming_in: int
    going_out: int
    given_out: int
    owed_msat: int
    surplus_msat: int
    payable: int


class Outline(Struct, frozen=True, kw_only=True):
    """The same sums as in :class:`Standing`, without asking whose home is where.

    It costs no more with many customers than with few.
    """

    positions: list[Position]
    held_msat: Msat
    between_msat: Msat
    owed_msat: Msat
    surplus_msat: Msat


class Standing(Struct, frozen=True, kw_only=True):
    """All mints, and the sums in msat.

    ``homeless_msat`` is owed without a home: balances that no deposit at a mint began, and money
    whose owner is not known. ``between_msat`` has left one mint for another and not arrived yet.
    """

    positions: list[MintStanding]
    held_msat: int
    between_msat: int
    owed_msat: int
    homeless_msat: int
    surplus_msat: int


def standing(connection: Connection) -> Standing:
    """Read wallet and ledger: on one snapshot of the database."""
    found = {(position.mint, position.unit): position for position in positions(connection)}
    homes = _homes(connection)
    for mint, unit in homes.keys() - found.keys():
        found[mint, unit] = Position.empty(mint, unit)
    held = total(position.held_msat for position in found.values())
    leaving = total(position.leaving_msat for position in found.values())
    owed, between = Msat(liabilities(connection)), Msat(between_mints(connection))
    own = held + between - owed
    return Standing(
        positions=[_place(found[spot], homes.get(spot, ZERO), own) for spot in sorted(found)],
        held_msat=int(held),
        between_msat=int(between),
        owed_msat=int(owed),
        homeless_msat=int(owed - total(homes.values()) - leaving),
        surplus_msat=int(own),
    )


def outline(connection: Connection) -> Outline:
    """Read wallet and node accounts: on one snapshot of the database."""
    found, balances = positions(connection), books.node_balances(connection)
    held = total(position.held_msat for position in found)
    between = -balances.get(AccountKind.TRANSIT, ZERO)
    own = total(balances.get(kind, ZERO) for kind in OPERATORS)
    return Outline(
        positions=found,
        held_msat=held,
        between_msat=between,
        owed_msat=held + between - own,
        surplus_msat=own,
    )


class Homes:
    """What is owed at each place, as it was known a little while ago.

    To know it, every balance is looked at; many who ask wait for one look.
    """

    def __init__(self, db: Database, clock: Clock, *, age_seconds: float = 60) -> None:
        self._db = db
        self._clock = clock
        self._age_s = age_seconds
        self._looking = asyncio.Lock()
        self._at = 0.0
        self.known: Mapping[Spot, Msat] | None = None
        """None: nobody has looked yet."""

    async def owed(self) -> Mapping[Spot, Msat]:
        """Look, unless somebody has just looked."""
        async with self._looking:
            if self.known is None or self._clock.monotonic() - self._at > self._age_s:
                self.known, self._at = await self._db.read(_homes), self._clock.monotonic()
        return self.known


def _place(at: Position, owed: Msat, own: Msat) -> MintStanding:
    return MintStanding(
        mint=at.mint,
        unit=at.unit,
        liquid=at.liquid,
        reserved=at.reserved,
        coming_in=at.coming_in,
        going_out=at.going_out,
        given_out=at.given_out,
        owed_msat=int(owed),
        surplus_msat=int(at.held_msat - owed - at.leaving_msat),
        payable=min(at.liquid, at.unit.from_msat_down(max(own, ZERO))),
    )


def _homes(connection: Connection) -> dict[Spot, Msat]:
    """Add up balances by the place of the first deposit."""
    rows = connection.execute(text(_HOMES))
    return {(str(mint), Unit(unit)): Msat(int(owed)) for mint, unit, owed in rows}
