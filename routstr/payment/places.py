"""Where a balance is paid out: at one mint when one can pay it all, else in few parts. Pure.

What is still to be paid is asked about again after each part, so that a part that failed is taken
over by another place.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from routstr.money import Msat, Unit
from routstr.wallet.holdings import Holding

Spot: TypeAlias = tuple[str, Unit]
"""A mint and a unit."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where to pay next, and how much: ``gross`` in ``unit``, the mint's fee included."""

    mint: str
    unit: Unit
    gross: int

    @property
    def spot(self) -> Spot:
        """What is told apart: one token is made at each."""
        return self.mint, self.unit

    @property
    def worth(self) -> Msat:
        """What is paid here."""
        return self.unit.to_msat(self.gross)


def next_place(
    holdings: Sequence[Holding], home: Spot, rest: Msat, tried: Collection[Spot]
) -> Place | None:
    """Choose where ``rest`` is paid next, or None when no place is left that has any of it.

    A place that can pay all goes first: the owner's own, then the fullest. Where none can, the one
    that can pay most; proofs that are under way count only for paying everything.
    """
    free = [h for h in holdings if (h.mint, h.unit) not in tried]
    free.sort(key=lambda h: ((h.mint, h.unit) != home, -_worth(h)))
    for holding in free:
        gross = holding.unit.from_msat_down(rest)
        if 0 < gross <= holding.liquid + holding.reserved:
            return Place(holding.mint, holding.unit, gross)
    parts = [Place(h.mint, h.unit, min(h.unit.from_msat_down(rest), h.liquid)) for h in free]
    best = max(parts, key=lambda part: int(part.worth), default=None)
    return best if best is not None and best.gross else None


def _worth(holding: Holding) -> int:
    return int(holding.unit.to_msat(holding.liquid))
