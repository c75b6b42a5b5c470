"""Prices of other things than words: pictures, sound that is heard, text that is spoken. Pure.

The names in a models file are those of LiteLLM's public price map; OpenRouter's names of the same
units are read, too. Pictures have one price, or one for each quality and size::

    "output_cost_per_image": 0.04
    "output_cost_per_image": {"1024x1024": 0.04, "hd/1024x1024": 0.08, "hd": 0.12}

A picture of a quality and size costs what the most particular name says: ``quality/size``, then
``size``, then ``quality``, then the one price for all (``""``).
"""

from collections.abc import Iterator, Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Final

from routstr.catalog.models_file import UsdPricing
from routstr.catalog.snapshot import Goods, Rates

ANY: Final = ""
"""The name of a picture's price when quality and size make no difference."""

_RATE_OF: Final[Mapping[str, str]] = {
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
    "input_cost_per_second": "second",
    "input_cost_per_character": "character",
}
_OPENROUTER: Final[Mapping[str, str]] = {
    "audio": "input_cost_per_audio_token",
    "audio_output": "output_cost_per_audio_token",
    "image_token": "input_cost_per_image_token",
}
_GOODS_OF: Final[Mapping[str, Goods]] = {
    "input_cost_per_audio_token": Goods.AUDIO_TOKENS,
    "output_cost_per_audio_token": Goods.SPEECH_TOKENS,
    "output_cost_per_image_token": Goods.IMAGE_TOKENS,
    "input_cost_per_second": Goods.HEARING,
    "input_cost_per_character": Goods.SPEECH,
}
_OF_RATES: Final[Mapping[str, Goods]] = {
    "image_made": Goods.IMAGES,
    "second": Goods.HEARING,
    "character": Goods.SPEECH,
}


def units_of(pricing: UsdPricing) -> dict[str, Decimal]:
    """The prices that a model has beside those of words, without those of pictures."""
    found = {
        name: price
        for source, name in (*_OPENROUTER.items(), *((name, name) for name in _RATE_OF))
        if (price := getattr(pricing, source)) is not None
    }
    return {name: found[name] for name in _RATE_OF if name in found}


def images_of(pricing: UsdPricing) -> dict[str, Decimal]:
    """What a picture costs, by :func:`image_names`."""
    given = pricing.output_cost_per_image
    if given is None:
        return {}
    if isinstance(given, dict):
        return {_plain(name): price for name, price in given.items()}
    return {ANY: given}


def with_fee(prices: Mapping[str, Decimal], fee: Decimal) -> dict[str, Decimal]:
    """Prices times a fee; to be called where decimals are exact."""
    return {name: price * fee for name, price in prices.items()}


def unit_rates(units: Mapping[str, Decimal], factor: Fraction) -> dict[str, int]:
    """The fields of :class:`Rates` for these prices, each rounded up."""
    return {_RATE_OF[name]: rounded_up(price, factor) for name, price in units.items()}


def rounded_up(price: Decimal, factor: Fraction) -> int:
    """A price in rate units, ``factor`` of them for one of its own."""
    numerator, denominator = price.as_integer_ratio()
    return -(-numerator * factor.numerator // (denominator * factor.denominator))


def units_of_rates(rates: Rates, unit: Decimal) -> dict[str, Decimal]:
    """What :func:`other_rates` are worth; to be called where decimals are exact."""
    return {name: rate * unit for name, rate in other_rates(rates).items()}


def other_rates(rates: Rates) -> dict[str, int]:
    """Rates by the names of the models file, but for those that follow from the ones of words."""
    words = Rates(rates.prompt, rates.completion)
    found = {name: getattr(rates, field) for name, field in _RATE_OF.items()}
    return {name: rate for name, rate in found.items() if rate != getattr(words, _RATE_OF[name])}


def goods_of(pricing: UsdPricing) -> Goods:
    """What a model can be sold for at the provider's prices."""
    words = pricing.prompt is not None and pricing.completion is not None
    goods = Goods.TEXT if words else Goods(0)
    for name in units_of(pricing):
        goods |= _GOODS_OF.get(name, Goods(0))
    return goods | Goods.IMAGES if images_of(pricing) else goods


def goods_of_rates(rates: Rates) -> Goods:
    """What rates of the operator's own making cover: a price per request covers everything."""
    if rates.free or rates.request:
        return ~Goods(0)
    goods = Goods.TEXT
    for name, one in _OF_RATES.items():
        goods |= one if getattr(rates, name) else Goods(0)
    return goods


def image_names(quality: str, size: str) -> Iterator[str]:
    """Names of a picture's price, the most particular first."""
    yield f"{quality}/{size}"
    yield size
    yield quality
    yield ANY


def image_rate(images: Mapping[str, int], quality: str, size: str) -> int | None:
    """What one picture costs in rate units; None when it has no price."""
    names = (images.get(_plain(name)) for name in image_names(quality, size))
    return next((rate for rate in names if rate is not None), None)


def _plain(name: str) -> str:
    """LiteLLM writes sizes as ``1024-x-1024``."""
    return name.strip().lower().replace("-x-", "x")
