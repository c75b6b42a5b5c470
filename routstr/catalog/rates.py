"""From a provider's USD prices to the rates and worst cases that the node publishes and charges.

One formula, exact until its single rounding::

    rate = usd_per_unit * EXCHANGE_FEE * provider_fee * msat_per_btc / usd_per_btc   (rounded up)

Fixed pricing is another way to make the same :class:`Rates`, so hold, charge and price list agree
under it too.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from decimal import Context, Decimal, Inexact, InvalidOperation, Rounded, localcontext
from fractions import Fraction
from typing import Final, TypeVar

from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.snapshot import PER_MSAT, Rates, UsdPrices
from routstr.catalog.units import (
    images_of,
    unit_rates,
    units_of,
    units_of_rates,
    with_fee,
)
from routstr.catalog.units import rounded_up as _up
from routstr.money import MSAT_PER_BTC, MSAT_PER_SAT, ZERO, Msat

EXACT: Final = Context(prec=400, traps=[Inexact, Rounded, InvalidOperation])
"""Decimal arithmetic that refuses to round."""

_PER_BTC: Final = MSAT_PER_BTC * PER_MSAT
_PER_SAT: Final = MSAT_PER_SAT * PER_MSAT

LEAST_REQUEST: Final = Msat(1)

Number = TypeVar("Number", int, Decimal)


@dataclass(frozen=True, slots=True)
class FixedPrices:
    """FIXED_PRICING: the same price for every model, in sat."""

    request: Decimal
    input_per_1k: Decimal
    output_per_1k: Decimal


@dataclass(frozen=True, slots=True)
class PricePolicy:
    """How the operator prices; ``provider`` is shown as ``upstream_provider_id``.

    ``min_request`` is the least price of a request to a model that is not free, ``base`` what each
    request costs on top of its tokens. ``rule`` names how models are priced (empty: by ``fixed``
    if there is one, else by tokens), ``rule_of`` the same for single providers.
    """

    exchange_fee: Decimal = Decimal("1.005")
    provider_fee: Decimal = Decimal("1.05")
    min_request: Msat = LEAST_REQUEST
    fixed: FixedPrices | None = None
    provider: str = "custom"
    base: Msat = ZERO
    rule: str = ""
    rule_of: Mapping[str, str] = field(default_factory=dict)


_NO_FEES: Final = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), min_request=ZERO)


def usd_with_fees(pricing: UsdPricing, policy: PricePolicy) -> UsdPrices:
    """The provider's prices times the fees of this node; absent cache prices are the input's."""
    with localcontext(EXACT):
        fee = policy.exchange_fee * policy.provider_fee
        prompt = (pricing.prompt or Decimal(0)) * fee
        read, write = pricing.input_cache_read, pricing.input_cache_write
        return UsdPrices(
            prompt=prompt,
            completion=(pricing.completion or Decimal(0)) * fee,
            input_cache_read=prompt if read is None else read * fee,
            input_cache_write=prompt if write is None else write * fee,
            internal_reasoning=(pricing.internal_reasoning or Decimal(0)) * fee,
            request=(pricing.request or Decimal(0)) * fee,
            image=(pricing.image or Decimal(0)) * fee,
            web_search=(pricing.web_search or Decimal(0)) * fee,
            units=with_fee(units_of(pricing), fee),
            images=with_fee(images_of(pricing), fee),
        )


def rates_at(usd: UsdPrices, usd_per_btc: Decimal, min_request: Msat) -> Rates:
    """USD prices with fees as rates, each rounded up; a price per request is at least the least."""
    factor = _factor(usd_per_btc)
    return _with_floor(
        Rates(
            prompt=_up(usd.prompt, factor),
            completion=_up(usd.completion, factor),
            cache_read=_up(usd.input_cache_read, factor),
            cache_write=_up(usd.input_cache_write, factor),
            reasoning=_up(usd.internal_reasoning, factor),
            request=_up(usd.request, factor),
            image=_up(usd.image, factor),
            web_search=_up(usd.web_search, factor),
            **unit_rates(usd.units, factor),
        ),
        min_request,
        pictures=any(usd.images.values()),
    )


def image_rates(usd: UsdPrices, usd_per_btc: Decimal) -> Mapping[str, int]:
    """What a picture of each quality and size costs in rate units, rounded up."""
    factor = _factor(usd_per_btc)
    return {name: _up(price, factor) for name, price in usd.images.items()}


def own_rates(pricing: UsdPricing, usd_per_btc: Decimal) -> tuple[Rates, Mapping[str, int]]:
    """What the provider takes, by its prices as they are: rates, and those of pictures."""
    usd = usd_with_fees(pricing, _NO_FEES)
    return rates_at(usd, usd_per_btc, ZERO), image_rates(usd, usd_per_btc)


def fixed_rates(fixed: FixedPrices, min_request: Msat) -> Rates:
    """The operator's own prices in sat as rates."""
    per_1k = Fraction(_PER_SAT, 1000)
    prompt = _up(fixed.input_per_1k, per_1k)
    return _with_floor(
        Rates(
            prompt=prompt,
            completion=_up(fixed.output_per_1k, per_1k),
            cache_read=prompt,
            cache_write=prompt,
            request=_up(fixed.request, Fraction(_PER_SAT)),
        ),
        min_request,
    )


def usd_of(rates: Rates, usd_per_btc: Decimal) -> UsdPrices:
    """What rates are worth in USD, exactly: fixed prices shown in the other currency."""
    with localcontext(EXACT):
        unit = usd_per_btc / Decimal(_PER_BTC)
        return UsdPrices(
            prompt=rates.prompt * unit,
            completion=rates.completion * unit,
            input_cache_read=rates.cache_read * unit,
            input_cache_write=rates.cache_write * unit,
            internal_reasoning=rates.reasoning * unit,
            request=rates.request * unit,
            image=rates.image * unit,
            web_search=rates.web_search * unit,
            units=units_of_rates(rates, unit),
        )


def published_limit(model: ModelSpec, *, paid_output: bool) -> int | None:
    """The limit of output tokens that is published, at most half of the context.

    Clients recompute the gate of a request from the published limits, and that formula counts the
    input only as far as ``context - limit``. A limit near the context would let a request with a
    small ``max_tokens`` through for nearly nothing, however long its prompt is.
    """
    half = model.context_tokens // 2
    limit = model.completion_tokens
    if limit is None:
        return half if paid_output else None
    return min(limit, half)


def worst_case(
    prompt: Number, completion: Number, request: Number, *, context: int, limit: int | None
) -> tuple[Number, Number, Number]:
    """``max_prompt_cost``, ``max_completion_cost`` and ``max_cost`` of one request."""
    if limit is None:
        both = context * max(prompt, completion) + request
        return context * prompt, context * completion, both
    output = limit * completion
    return context * prompt, output, (context - limit) * prompt + output + request


def _factor(usd_per_btc: Decimal) -> Fraction:
    return Fraction(_PER_BTC) / Fraction(usd_per_btc)


def _with_floor(rates: Rates, min_request: Msat, *, pictures: bool = False) -> Rates:
    """``pictures``: some cost something, whose prices are not among the rates."""
    least = int(min_request) * PER_MSAT
    if (rates.free and not pictures) or rates.request >= least:
        return rates
    return replace(rates, request=least)
