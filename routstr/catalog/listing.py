"""``GET /v1/models``: the price list as clients read it, in exact decimals.

``pricing`` is USD with all fees, ``sats_pricing`` the same in sat (null without a price of
bitcoin). Both are JSON numbers with every digit and without exponents: the sat price times 10^15
is the rate that is charged.
"""

from collections.abc import Iterable, Mapping
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Any, Final, TypeAlias

import msgspec

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id
from routstr.catalog.rates import EXACT, worst_case
from routstr.catalog.snapshot import SAT_DIGITS, Rates, UsdPrices
from routstr.catalog.units import ANY, other_rates

Prices: TypeAlias = dict[str, msgspec.Raw]
Worst: TypeAlias = tuple[int, int, int]

NO_IMAGES: Final[Mapping[str, int]] = MappingProxyType({})
_PER_SAT: Final = 10**SAT_DIGITS
_ENCODE: Final = msgspec.json.Encoder(decimal_format="number").encode
_ARCHITECTURE: Final[dict[str, Any]] = {
    "modality": "text->text",
    "input_modalities": ["text"],
    "output_modalities": ["text"],
    "tokenizer": "Other",
    "instruct_type": None,
}


def render_list(models: Iterable[bytes]) -> bytes:
    """The body of ``GET /v1/models`` out of rendered models."""
    return b'{"object":"list","data":[' + b",".join(models) + b"]}"


def render_model(
    model: ModelSpec,
    *,
    limit: int | None,
    pricing: Prices | None,
    sats_pricing: Prices | None,
    provider: str,
) -> bytes:
    """One model as JSON; ``limit`` is the published limit of output tokens."""
    top = model.top_provider
    vendor = model.id.rpartition("/")[0]
    return _ENCODE(
        {
            "id": advertised_id(model),
            "object": "model",
            "created": model.created,
            "owned_by": vendor or provider,
            "name": model.name or advertised_id(model),
            "description": model.description,
            "context_length": model.context_length or model.context_tokens,
            "architecture": _ARCHITECTURE | model.architecture,
            "pricing": pricing,
            "sats_pricing": sats_pricing,
            "per_request_limits": model.per_request_limits,
            "top_provider": {
                "context_length": model.context_tokens,
                "max_completion_tokens": limit,
                "is_moderated": top.is_moderated if top else None,
            },
            "enabled": model.enabled,
            "upstream_provider_id": provider,
            "canonical_slug": model.canonical_slug,
            "alias_ids": model.alias_ids,
            "forwarded_model_id": model.forwarded_model_id,
        }
    )


def usd_pricing(usd: UsdPrices, *, context: int, limit: int | None) -> Prices:
    """The ``pricing`` object."""
    with localcontext(EXACT):
        worst = worst_case(usd.prompt, usd.completion, usd.request, context=context, limit=limit)
        return {
            "prompt": _plain(usd.prompt),
            "completion": _plain(usd.completion),
            "request": _plain(usd.request),
            "image": _plain(usd.image),
            "web_search": _plain(usd.web_search),
            "internal_reasoning": _plain(usd.internal_reasoning),
            "input_cache_read": _plain(usd.input_cache_read),
            "input_cache_write": _plain(usd.input_cache_write),
            "max_prompt_cost": _plain(worst[0]),
            "max_completion_cost": _plain(worst[1]),
            "max_cost": _plain(worst[2]),
            **{name: _plain(price) for name, price in usd.units.items()},
            **_pictures({name: _plain(price) for name, price in usd.images.items()}),
        }


def sats_pricing(rates: Rates, worst: Worst, images: Mapping[str, int] = NO_IMAGES) -> Prices:
    """The ``sats_pricing`` object; ``images`` are rates of a picture by quality and size."""
    return {
        "prompt": _sat(rates.prompt),
        "completion": _sat(rates.completion),
        "request": _sat(rates.request),
        "image": _sat(rates.image),
        "web_search": _sat(rates.web_search),
        "internal_reasoning": _sat(rates.reasoning),
        "input_cache_read": _sat(rates.cache_read),
        "input_cache_write": _sat(rates.cache_write),
        "max_prompt_cost": _sat(worst[0]),
        "max_completion_cost": _sat(worst[1]),
        "max_cost": _sat(worst[2]),
        **{name: _sat(rate) for name, rate in other_rates(rates).items()},
        **_pictures({name: _sat(rate) for name, rate in images.items()}),
    }


def _pictures(prices: Prices) -> Prices:
    """The price of a picture as a models file has it: one number, or one by quality and size."""
    if not prices:
        return {}
    one = prices[ANY] if set(prices) == {ANY} else msgspec.Raw(_ENCODE(prices))
    return {"output_cost_per_image": one}


def _sat(rate: int) -> msgspec.Raw:
    whole, part = divmod(rate, _PER_SAT)
    return _number(f"{whole}.{part:0{SAT_DIGITS}d}")


def _plain(price: Decimal) -> msgspec.Raw:
    return _number(f"{price:f}")


def _number(text: str) -> msgspec.Raw:
    short = text.rstrip("0").rstrip(".") if "." in text else text
    return msgspec.Raw(short.encode())
