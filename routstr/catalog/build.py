"""Build the snapshot of one moment. Pure: the same models, rate and policy give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from types import MappingProxyType

from routstr.catalog.listing import render_list, render_model, sats_pricing, usd_pricing
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id, index_names
from routstr.catalog.rates import (
    PricePolicy,
    fixed_rates,
    published_limit,
    rates_at,
    usd_of,
    usd_with_fees,
    worst_case,
)
from routstr.catalog.snapshot import ModelEntry, Rates, Snapshot, UsdPrices


def build_snapshot(
    models: Sequence[ModelSpec],
    *,
    usd_per_btc: Decimal | None,
    policy: PricePolicy,
    version: int,
) -> Snapshot:
    """Price every model that is sold; ``usd_per_btc`` may be None under fixed prices only."""
    sold = [model for model in models if policy.sells(model)]
    entries = [_entry(model, usd_per_btc, policy) for model in sold]
    return Snapshot(
        version=version,
        models=MappingProxyType({entry.id: entry for entry in entries}),
        names=MappingProxyType({name: entries[at] for name, at in index_names(sold).items()}),
        usd_per_btc=usd_per_btc,
        body=render_list(entry.body for entry in entries),
    )


@dataclass(frozen=True, slots=True)
class UnpricedList:
    """What is shown, and nothing sold by it, while there is no price of bitcoin."""

    names: Mapping[str, bytes]
    body: bytes


def build_unpriced(models: Sequence[ModelSpec], policy: PricePolicy) -> UnpricedList:
    """The same models with ``sats_pricing`` null."""
    sold = [model for model in models if policy.sells(model)]
    bodies = [_unpriced(model, policy) for model in sold]
    names = {name: bodies[at] for name, at in index_names(sold).items()}
    return UnpricedList(names=names, body=render_list(bodies))


def _unpriced(model: ModelSpec, policy: PricePolicy) -> bytes:
    usd = usd_with_fees(model.pricing, policy)
    limit = published_limit(model, paid_output=usd.completion > 0)
    return render_model(
        model,
        limit=limit,
        pricing=usd_pricing(usd, context=model.context_tokens, limit=limit),
        sats_pricing=None,
        provider=policy.provider,
    )


def _entry(model: ModelSpec, usd_per_btc: Decimal | None, policy: PricePolicy) -> ModelEntry:
    usd, rates = _prices(model, usd_per_btc, policy)
    context = model.context_tokens
    limit = published_limit(model, paid_output=rates.completion > 0)
    worst = worst_case(rates.prompt, rates.completion, rates.request, context=context, limit=limit)
    return ModelEntry(
        id=advertised_id(model),
        upstream_id=model.forwarded_model_id or model.id,
        name=model.name or advertised_id(model),
        created=model.created,
        description=model.description,
        context_length=context,
        max_completion_tokens=limit,
        output_limit=min(model.completion_tokens or context, context),
        rates=rates,
        rates_text=rates.dumps(),
        max_prompt=worst[0],
        max_completion=worst[1],
        max_cost=worst[2],
        usd=usd,
        body=render_model(
            model,
            limit=limit,
            pricing=None if usd is None else usd_pricing(usd, context=context, limit=limit),
            sats_pricing=sats_pricing(rates, worst),
            provider=policy.provider,
        ),
        provider=policy.provider,
    )


def _prices(
    model: ModelSpec, usd_per_btc: Decimal | None, policy: PricePolicy
) -> tuple[UsdPrices | None, Rates]:
    if policy.fixed is not None:
        rates = fixed_rates(policy.fixed, policy.min_request)
        return (usd_of(rates, usd_per_btc) if usd_per_btc else None), rates
    if usd_per_btc is None:
        raise ValueError("prices in USD need a price of bitcoin")
    usd = usd_with_fees(model.pricing, policy)
    return usd, rates_at(usd, usd_per_btc, policy.min_request)
