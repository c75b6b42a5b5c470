"""Writes the worked examples of docs/pricing.md: ``python -m tests.unit.docs_pricing``.

Each is priced and charged by the node's own code, at :data:`BTC_USD`.
"""

import json
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from typing import Any, Final, NamedTuple

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import parse_models
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.units import image_rate
from routstr.money import Msat, Unit
from routstr.payment.cost import calculate_request_cost
from routstr.payment.usage import Media, Usage
from tests.unit.docs_markdown import DOCS

PAGE: Final = DOCS / "pricing.md"
BEGIN: Final = "<!-- from here to the end mark: python -m tests.unit.docs_pricing -->\n"
END: Final = "<!-- end -->\n"
BTC_USD: Final = Decimal(100_000)
LIMIT: Final = 1_000
"""Output tokens that the example of a hold asks for."""
TOKEN_SAT: Final = 20

WORDS: Final = {"prompt": "0.0000025", "completion": "0.00001", "input_cache_read": "0.00000125"}
DEFAULT: Final = PricePolicy()
PLAIN: Final = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1))
WITH_BASE: Final = PricePolicy(base=Msat(500))
FIXED: Final = PricePolicy(fixed=FixedPrices(Decimal(2), Decimal(0), Decimal(0)))


class Example(NamedTuple):
    """A request that was served."""

    told: str
    prices: dict[str, Any]
    used: str
    usage: Usage
    policy: PricePolicy = DEFAULT

    @property
    def charge(self) -> int:
        """What it is charged, in msat, with a balance that covers it."""
        model = {"id": "m", "name": "m", "pricing": self.prices}
        top = {"context_length": 128_000, "max_completion_tokens": 16_384}
        specs = parse_models(json.dumps([{**model, "top_provider": top}]).encode())
        made = build_snapshot(specs, usd_per_btc=BTC_USD, policy=self.policy, version=1)
        entry = made.models["m"]
        rates = replace(entry.rates, image_made=image_rate(entry.images, "", "") or 0)
        return int(calculate_request_cost(rates, self.usage).total)


EXAMPLES: Final = (
    Example(
        "no fees (`EXCHANGE_FEE=1`, `UPSTREAM_PROVIDER_FEE=1`)",
        WORDS, "1,000 in, 500 out", Usage(prompt=1_000, completion=500), PLAIN,
    ),
    Example(
        "the usual fees (1.005 and 1.05)",
        WORDS, "1,000 in, 500 out", Usage(prompt=1_000, completion=500),
    ),
    Example(
        "800 of the input came from the provider's cache",
        WORDS, "200 in, 800 cached, 500 out", Usage(prompt=200, cache_read=800, completion=500),
    ),
    Example("a very small request", WORDS, "1 in, 1 out", Usage(prompt=1, completion=1)),
    Example(
        "a base fee, `BASE_MSATS=500`",
        WORDS, "1,000 in, 500 out", Usage(prompt=1_000, completion=500), WITH_BASE,
    ),
    Example(
        "fixed, `FIXED_PRICING=true` and `FIXED_COST_PER_REQUEST=2`",
        WORDS, "1,000 in, 500 out", Usage(prompt=1_000, completion=500), FIXED,
    ),
    Example(
        "two pictures at 0.04 USD",
        {"output_cost_per_image": "0.04"}, "2 pictures", Usage(0, 0, media=Media(images_made=2)),
    ),
)  # fmt: skip
HOLD: Final = Example(
    "", WORDS, "", Usage(prompt=1_000, completion=LIMIT)
)  # the worst that 1,000 tokens of input and this limit can come to


def section() -> str:
    """The examples, as they stand on the page."""
    return "\n".join(_lines())


def page() -> str:
    """The whole page with the examples of today."""
    before, _, rest = PAGE.read_text(encoding="utf-8").partition(BEGIN)
    return before + BEGIN + section() + END + rest.partition(END)[2]


def _lines() -> Iterator[str]:
    yield ""
    yield "| | used | charge in msat | in sat |"
    yield "|---|---|---|---|"
    for one in EXAMPLES:
        sat = Decimal(one.charge) / 1_000
        yield f"| {one.told} | {one.used} | {one.charge:,} | {sat:,} |"
    usual, held = EXAMPLES[1].charge, HOLD.charge
    change = Unit.SAT.from_msat_down(Msat(TOKEN_SAT * 1_000 - usual))
    yield ""
    yield f"While the second one runs with `max_tokens` {LIMIT:,}, its worst case is set aside:"
    yield f"{held:,} msat, if the input is counted exactly. {usual:,} are charged, and"
    yield f"{held - usual:,} are free again."
    yield ""
    yield f"Paid with a token of {TOKEN_SAT} sat for it alone, of a mint without fees,"
    yield f"{change} sat come back."
    yield "Ecash has no parts of a sat, so the cost is rounded up to whole sat there:"
    rest = TOKEN_SAT * 1_000 - usual - change * 1_000
    yield f"{rest} msat stay with the node, told as `unrefunded_msats`."
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
