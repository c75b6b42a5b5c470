"""Build the snapshot of one moment. Pure: the same models, rate and policy give the same bytes."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from types import MappingProxyType

from routstr.catalog.listing import render_list, render_model, sats_pricing, usd_pricing
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id
from routstr.catalog.rates import PricePolicy, own_rates, published_limit, worst_case
from routstr.catalog.snapshot import ModelEntry, Rates, Snapshot
from routstr.catalog.sources import Group, Offered, Source, price_sources
from routstr.catalog.units import goods_of_rates


def build_snapshot(
    models: Sequence[ModelSpec],
    *,
    usd_per_btc: Decimal | None,
    policy: PricePolicy,
    version: int,
) -> Snapshot:
    """Price the models of one provider; ``usd_per_btc`` may be None under fixed prices only."""
    groups = price_sources([source_of(models, policy)], policy, usd_per_btc)
    snapshot = build(groups, usd_per_btc=usd_per_btc, version=version)
    if snapshot is None:
        raise ValueError("prices in USD need a price of bitcoin")
    return snapshot


def source_of(models: Sequence[ModelSpec], policy: PricePolicy) -> Source:
    """The models as those of the provider that the policy names."""
    return Source(policy.provider, policy.provider_fee, 0, models)


def build(groups: Sequence[Group], *, usd_per_btc: Decimal | None, version: int) -> Snapshot | None:
    """The snapshot of what is sold; None when a price of bitcoin is needed for any of it."""
    models: dict[str, ModelEntry] = {}
    names: dict[str, ModelEntry] = {}
    for group in groups:
        entries = [
            _entry(offered, usd_per_btc, first=offered is group.offers[0])
            for offered in group.offers
        ]
        if None in entries:
            return None
        best, *rest = [entry for entry in entries if entry is not None]
        entry = replace(best, others=tuple(replace(other, id=best.id) for other in rest))
        models[entry.id] = entry
        names.update(dict.fromkeys(group.names, entry))
    return Snapshot(
        version=version,
        models=MappingProxyType(models),
        names=MappingProxyType(names),
        usd_per_btc=usd_per_btc,
        body=render_list(entry.body for entry in models.values()),
    )


@dataclass(frozen=True, slots=True)
class UnpricedList:
    """What is shown, and nothing sold by it, while there is no price of bitcoin."""

    names: Mapping[str, bytes]
    body: bytes


def build_unpriced(groups: Sequence[Group]) -> UnpricedList:
    """The same models with ``sats_pricing`` null, at the provider that would be asked first."""
    bodies = [_unpriced(group.offers[0]) for group in groups]
    names = {name: body for group, body in zip(groups, bodies, strict=True) for name in group.names}
    return UnpricedList(names=names, body=render_list(bodies))


def _unpriced(offered: Offered) -> bytes:
    model, usd = offered.model, offered.price.usd
    limit = published_limit(model, paid_output=usd is None or usd.completion > 0)
    return render_model(
        model,
        limit=limit,
        pricing=None
        if usd is None
        else usd_pricing(usd, context=model.context_tokens, limit=limit),
        sats_pricing=None,
        provider=offered.source.provider,
    )


def _entry(offered: Offered, usd_per_btc: Decimal | None, *, first: bool) -> ModelEntry | None:
    """The model as one provider sells it; only the ``first`` one is shown."""
    model, usd, rates = offered.model, offered.price.usd, offered.price.rates
    if rates is None:
        return None
    context = model.context_tokens
    limit = published_limit(model, paid_output=rates.completion > 0)
    worst = worst_case(rates.prompt, rates.completion, rates.request, context=context, limit=limit)
    body = b""
    if first:
        body = render_model(
            model,
            limit=limit,
            pricing=None if usd is None else usd_pricing(usd, context=context, limit=limit),
            sats_pricing=sats_pricing(rates, worst, offered.price.images),
            provider=offered.source.provider,
        )
    own: tuple[Rates, Mapping[str, int]] = (Rates(), {})
    if usd_per_btc is not None:
        own = own_rates(model.pricing, usd_per_btc)
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
        body=body,
        provider=offered.source.provider,
        goods=goods_of_rates(rates) if offered.price.goods is None else offered.price.goods,
        images=offered.price.images,
        own=own[0],
        own_images=own[1],
    )
