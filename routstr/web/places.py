"""How many decimals an amount needs to be told from its neighbours."""

from decimal import Decimal
from typing import Final

_STEPS: Final = ((Decimal(1_000), 0), (Decimal(100), 1), (Decimal(1), 2), (Decimal("0.1"), 3))
_MOST: Final = 8


def places(value: Decimal) -> int:
    """About three figures that count; none after whole numbers."""
    if value == value.to_integral_value():
        return 0
    found = next((count for least, count in _STEPS if value >= least), None)
    return min(-value.adjusted() + 2, _MOST) if found is None else found
