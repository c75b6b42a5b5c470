"""How many decimals an amount needs to be told from its neighbours."""

from decimal import Decimal
from typing import Final

_FIGURES: Final = 3
_MOST: Final = 8


def places(value: Decimal) -> int:
    """So many that three figures count; none that say nothing (2.50 has one: 2.5)."""
    if not value:
        return 0
    count = min(max(0, _FIGURES - 1 - value.adjusted()), _MOST)
    shown = round(value, count).normalize()
    exponent = shown.as_tuple().exponent
    assert isinstance(exponent, int), "a price is finite"
    return max(0, -exponent)
