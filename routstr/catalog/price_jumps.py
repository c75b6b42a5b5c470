"""Prices that leap from one reading of a list to the next are not believed at once. Pure.

They are a slip of a comma more often than a price. What was last believed stays until the operator
accepts the new price. A price that appears, and one that was nothing, have no measure to be held
against; they are believed.
"""

from collections.abc import Iterator, Sequence
from decimal import Decimal
from typing import Final, NamedTuple

import msgspec

from routstr.catalog.models_file import ModelSpec, UsdPricing

_NOTHING: Final = Decimal(0)


class Jump(NamedTuple):
    """A price in USD that is not believed; ``now`` None: there is none any more."""

    model: str
    price: str
    before: Decimal
    now: Decimal | None

    def __str__(self) -> str:
        now = "none" if self.now is None else f"{self.now.normalize():f}"
        return f"{self.model}: {self.price} {self.before.normalize():f} -> {now} USD"


def believed(
    before: Sequence[ModelSpec], now: Sequence[ModelSpec], limit: int
) -> tuple[tuple[ModelSpec, ...], tuple[Jump, ...]]:
    """The new list with the earlier prices of models of which one leapt, and what leapt.

    A leap is to more than ``limit`` times the price, or to less than that part of it, or to
    nothing. A limit of 0 believes everything.
    """
    if not limit:
        return tuple(now), ()
    known = {model.id.lower(): model.pricing for model in before}
    models: list[ModelSpec] = []
    jumps: list[Jump] = []
    for model in now:
        earlier = known.get(model.id.lower())
        found = () if earlier is None else tuple(_jumps(model, earlier, limit))
        if earlier is not None and found:
            model = msgspec.structs.replace(model, pricing=earlier)  # noqa: PLW2901 - as it is sold
        models.append(model)
        jumps += found
    return tuple(models), tuple(jumps)


def _jumps(model: ModelSpec, earlier: UsdPricing, limit: int) -> Iterator[Jump]:
    gone = model.pricing == UsdPricing()
    new = dict(_prices(model.pricing))
    for name, before in _prices(earlier):
        now = new.get(name)
        if before == _NOTHING or (now is None and not gone):
            continue  # other prices stand in for one that is missing
        if now is None or now > before * limit or now * limit < before:
            yield Jump(model.id, name, before, now)


def _prices(pricing: UsdPricing) -> Iterator[tuple[str, Decimal]]:
    """Every price by its name; of pictures by quality and size."""
    for name in pricing.__struct_fields__:
        value = getattr(pricing, name)
        if isinstance(value, dict):
            yield from ((f"{name} {kind}", price) for kind, price in value.items())
        elif value is not None:
            yield name, value
