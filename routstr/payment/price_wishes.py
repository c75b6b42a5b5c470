"""What a client says about the price of a request, and what that makes of its quote. Pure.

``X-Max-Cost-Msat`` is a ceiling: never more than that is held, so never more is charged. A request
that names its own output limit and could cost more is refused; one that names none has its output
limited to what the ceiling pays. ``X-Routstr-Fit-Balance: 1`` asks for the same of a limit that
was named, for the ceiling and for the balance.
"""

from typing import Final

from msgspec import Struct
from msgspec.structs import replace

from routstr.errors import InvalidParameter, MaxCostExceeded
from routstr.money import MAX_MSAT, Msat
from routstr.payment.pricing import Quote, RequestLimits

MAX_COST_HEADER: Final = "X-Max-Cost-Msat"
FIT_HEADER: Final = "X-Routstr-Fit-Balance"
_DIGITS_MAX: Final = 20
_FIT: Final = {"0": False, "1": True}


class Wishes(Struct, frozen=True, gc=False):
    """``max_cost``: the ceiling, None without one. ``fit``: lower what is too dear."""

    max_cost: Msat | None = None
    fit: bool = False

    def ceiled(self, quoted: Quote, limits: RequestLimits) -> Quote:
        """The quote to hold by: never more is wanted than the ceiling.

        Raises :class:`MaxCostExceeded` when the request cannot be served for it.
        """
        most = self.max_cost
        if most is None or quoted.want <= most:
            return quoted
        fixed = limits.max_output is not None and not self.fit
        least = quoted.want if fixed else quoted.admit
        if least <= most:
            return replace(quoted, want=most)
        raise MaxCostExceeded(
            f"This request may cost {int(least)} msat, {MAX_COST_HEADER} allows {int(most)}.",
            details={"required": int(least), "max_cost": int(most), "unit": "msat"},
        )


NO_WISHES: Final = Wishes()


def read_wishes(max_cost: str | None, fit: str | None) -> Wishes:
    """Read the two headers; :class:`InvalidParameter` names the one that is wrong."""
    if max_cost is None and fit is None:
        return NO_WISHES
    most = None
    if max_cost is not None:
        plain = max_cost.isascii() and max_cost.isdecimal() and len(max_cost) <= _DIGITS_MAX
        if not plain:
            raise _wrong(MAX_COST_HEADER, "must be a whole number of msat.")
        most = Msat(min(int(max_cost), MAX_MSAT))
    if fit is not None and fit not in _FIT:
        raise _wrong(FIT_HEADER, "must be 1 or 0.")
    return Wishes(most, fit is not None and _FIT[fit])


def _wrong(header: str, wanted: str) -> InvalidParameter:
    return InvalidParameter(f"{header} {wanted}", details={"param": header})
