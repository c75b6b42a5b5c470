"""What a request costs: its usage times the rates of its hold, rounded up once. Pure."""

from decimal import Decimal
from fractions import Fraction
from typing import Final

from msgspec import Struct

from routstr.catalog.snapshot import PER_MSAT, Rates
from routstr.money import MSAT_PER_BTC, ZERO, Msat, known_msat
from routstr.payment.usage import Media, Usage


class Cost(Struct, frozen=True, gc=False):
    """A charge in msat and its parts, which sum to it exactly.

    ``base`` is what does not depend on tokens: the price per request, images and web searches,
    seconds of sound and characters of speech.
    Each part is the growth of the rounded-up running sum, so a part may differ from its own exact
    value by less than one msat.
    """

    total: Msat
    base: Msat
    input: Msat
    output: Msat
    cache_read: Msat
    cache_write: Msat


NOTHING: Final = Cost(ZERO, ZERO, ZERO, ZERO, ZERO, ZERO)


def calculate_request_cost(rates: Rates, usage: Usage) -> Cost:
    """Charge ``usage`` at ``rates``: at least the exact sum, less than one msat above it."""
    media = usage.media
    exact = rates.request + rates.image * usage.images + rates.web_search * usage.web_searches
    if media is not None:
        exact += _pieces(rates, media)
    base = with_input = _up(exact) if exact else 0
    if usage.prompt or media is not None:
        exact += rates.prompt * usage.prompt
        if media is not None:
            exact += (rates.audio_input - rates.prompt) * media.audio_input
            exact += (rates.image_input - rates.prompt) * media.image_input
        with_input = _up(exact)
    with_cache_read = with_cache_write = with_input
    if usage.cache_read:
        exact += rates.cache_read * usage.cache_read
        with_cache_read = with_cache_write = _up(exact)
    if usage.cache_write:
        exact += rates.cache_write * usage.cache_write
        with_cache_write = _up(exact)
    exact += rates.completion * usage.completion + rates.reasoning * usage.reasoning
    if media is not None:
        exact += (rates.audio_output - rates.completion) * media.audio_output
        exact += (rates.image_output - rates.completion) * media.image_output
    total = _up(exact)
    return Cost(
        known_msat(total),
        known_msat(base),
        known_msat(with_input - base),
        known_msat(total - with_cache_write),
        known_msat(with_cache_read - with_input),
        known_msat(with_cache_write - with_cache_read),
    )


def own_cost(rates: Rates, usage: Usage) -> int:
    """What ``usage`` costs at ``rates`` in msat, rounded up: a cost in one sum, without parts."""
    exact = (
        rates.request
        + rates.image * usage.images
        + rates.web_search * usage.web_searches
        + rates.prompt * usage.prompt
        + rates.cache_read * usage.cache_read
        + rates.cache_write * usage.cache_write
        + rates.completion * usage.completion
        + rates.reasoning * usage.reasoning
    )
    media = usage.media
    if media is not None:
        exact += (
            _pieces(rates, media)
            + (rates.audio_input - rates.prompt) * media.audio_input
            + (rates.image_input - rates.prompt) * media.image_input
            + (rates.audio_output - rates.completion) * media.audio_output
            + (rates.image_output - rates.completion) * media.image_output
        )
    return _up(exact)


def taken(own: Rates, usage: Usage, usd_per_btc: Decimal | None) -> int:
    """What the provider takes for ``usage`` in msat, rounded up.

    What it says itself, in msat, or in USD at the price of bitcoin of the hold; else by ``own``,
    its prices.
    """
    said = usage.taken
    if said is not None and said.in_msat:
        return int(said.amount)
    if said is not None and usd_per_btc:
        return int(-(-Fraction(said.amount) * MSAT_PER_BTC // Fraction(usd_per_btc)))
    return own_cost(own, usage)


def _pieces(rates: Rates, media: Media) -> int:
    return (
        rates.image_made * media.images_made
        + rates.second * media.seconds
        + rates.character * media.characters
    )


def fitted(cost: Cost, charged: Msat) -> Cost:
    """The parts of what was charged: those of the cost, cut where the charge ended."""
    if charged == cost.total:
        return cost
    left = charged
    parts: dict[str, Msat] = {}
    for name in ("base", "input", "cache_read", "cache_write", "output"):
        parts[name] = min(getattr(cost, name), left)
        left = left - parts[name]
    assert left == ZERO, "a hold is never charged more than its cost"
    return Cost(total=charged, **parts)


def _up(exact: int) -> int:
    """Whole msat that cover so many rate units."""
    return -(-exact // PER_MSAT)
