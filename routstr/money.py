"""Amounts: the one unit that moves inside the node, and the edges where others appear.

Everything inside is whole millisatoshi (:class:`Msat`). Sat, USD and rates live at the borders as
``int``, ``Decimal`` or ``Fraction``. No ``float`` here, ever: it is refused at run time too.

Rounding has a direction: what is charged goes up, what is given back goes down.
"""

from collections.abc import Callable, Iterable
from enum import StrEnum
from fractions import Fraction
from functools import partial
from typing import Final, Self, final

MSAT_PER_SAT: Final = 1_000
MSAT_PER_BTC: Final = 100_000_000_000
MAX_MSAT: Final = 21_000_000 * MSAT_PER_BTC  # all the bitcoin there can be; fits a 64-bit column


# found once: amounts are made several times in each request
_make: Final = int.__new__
_plus: Final = int.__add__
_minus: Final = int.__sub__


@final
class Msat(int):
    """A whole number of millisatoshi, positive or negative.

    Adds and subtracts only with its own kind, multiplies by a count, and refuses ``float``,
    ``bool`` and text. It is an ``int``, so databases and JSON take it as one.
    """

    __slots__ = ()

    def __new__(cls, value: int) -> Self:
        kind = type(value)
        if kind is not int and kind is not Msat:
            raise TypeError(f"an amount is a whole number of msat, not {kind.__name__}")
        return _make(cls, value)

    def __add__(self, other: "Msat") -> "Msat":  # type: ignore[override]
        return _make(Msat, _plus(self, _same(other)))

    def __sub__(self, other: "Msat") -> "Msat":  # type: ignore[override]
        return _make(Msat, _minus(self, _same(other)))

    def __mul__(self, count: int) -> "Msat":
        if type(count) is not int:
            raise TypeError(f"an amount is multiplied by a count, not {type(count).__name__}")
        return Msat(int(self) * count)

    # plain numbers on the left (``0 + amount``) would let a unit slip in unseen
    __radd__ = None  # type: ignore[assignment]
    __rsub__ = None  # type: ignore[assignment]
    __rmul__ = None  # type: ignore[assignment]
    __truediv__ = None  # type: ignore[assignment]

    def __neg__(self) -> "Msat":
        return Msat(-int(self))

    def __repr__(self) -> str:
        return f"Msat({int(self)})"

    def __str__(self) -> str:
        return str(int(self))

    @property
    def sats_down(self) -> int:
        """Whole satoshi, the rest below one sat left out (refunds)."""
        return int(self) // MSAT_PER_SAT

    @property
    def sats_up(self) -> int:
        """Whole satoshi that cover this amount (charges)."""
        return -(-int(self) // MSAT_PER_SAT)


def _same(other: object) -> Msat:
    # NotImplemented would let int's own reflected operator answer with a bare number
    if not isinstance(other, Msat):
        raise TypeError(f"msat meets only msat, not {type(other).__name__}")
    return other


ZERO: Final = Msat(0)
known_msat: Final[Callable[[int], Msat]] = partial(int.__new__, Msat)
"""An amount of a number that whole numbers alone have made: not asked again what it is."""


def total(amounts: Iterable[Msat]) -> Msat:
    """Sum amounts; the empty sum is zero."""
    result = ZERO
    for amount in amounts:
        result = result + amount
    return result


def charge(exact: Fraction) -> Msat:
    """Round an exact cost up to the next msat: the node never serves below cost."""
    return Msat(-(-exact.numerator // exact.denominator))


class Unit(StrEnum):
    """Units that a mint may use and this node understands (NUT-00, NUT-01)."""

    SAT = "sat"
    MSAT = "msat"

    @property
    def msat(self) -> int:
        """How many msat one of this unit is."""
        return MSAT_PER_SAT if self is Unit.SAT else 1

    def to_msat(self, amount: int) -> Msat:
        """The value of ``amount`` of this unit."""
        return Msat(amount * self.msat)

    def from_msat_down(self, amount: Msat) -> int:
        """The largest whole amount of this unit inside ``amount`` (refunds)."""
        return int(amount) // self.msat
