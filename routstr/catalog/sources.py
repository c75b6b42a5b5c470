"""What several providers offer, put together: one model under one id, whoever serves it.

Models of different providers are the same model when they are advertised under the same id
(without regard to case). The one that is asked first is the cheapest; of equally cheap ones that
with the higher priority, then the one whose source comes first.

Names are looked up in the tiers of :mod:`routstr.catalog.names`. Inside one source a clash is an
error. Between sources there is none: an advertised id wins over every other name, a name that two
sources give to different models is that of the higher priority, and an implied one finds neither.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from decimal import Decimal
from typing import Final

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id, implied_names, index_names
from routstr.catalog.rates import PricePolicy
from routstr.catalog.rules import RULES, Priced, PricingRule, Terms, price

_TYPICAL_INPUT: Final = 1_000
_TYPICAL_OUTPUT: Final = 500


@dataclass(frozen=True, slots=True)
class Source:
    """One provider's models. ``fee`` is the factor on its prices, the node's margin.

    ``priority`` decides between equal prices: the higher comes first. ``rule`` names the pricing
    rule of this provider; empty: the node's.
    """

    provider: str
    fee: Decimal
    priority: int
    models: Sequence[ModelSpec]
    rule: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """One model at one provider, with its price."""

    source: Source
    model: ModelSpec
    price: Priced


@dataclass(frozen=True, slots=True)
class Group:
    """The same model at one or more providers, best first; ``names`` find it, in lower case."""

    offers: tuple[Offered, ...]
    names: frozenset[str]


def policy_of(source: Source, policy: PricePolicy) -> PricePolicy:
    """The node's policy for the models of one provider."""
    return replace(
        policy,
        provider=source.provider,
        provider_fee=source.fee,
        rule=source.rule or policy.rule,
    )


def price_sources(
    sources: Sequence[Source],
    policy: PricePolicy,
    usd_per_btc: Decimal | None,
    rules: Mapping[str, PricingRule] = RULES,
) -> tuple[Group, ...]:
    """All models that are sold, each with all its providers, in the order of the sources.

    Raises ``NameClash`` when one source sells two models under one name, ``UnknownRule``, and
    :class:`ValueError` when two sources are of one provider.
    """
    names = [source.provider for source in sources]
    if len(set(names)) < len(names):
        raise ValueError(f"two sources of one provider: {', '.join(sorted(names))}")
    groups: dict[str, list[Offered]] = {}
    for source in sources:
        terms = Terms(policy_of(source, policy), usd_per_btc)
        priced = ((model, price(model, terms, rules)) for model in source.models)
        offers = [Offered(source, model, made) for model, made in priced if made is not None]
        index_names([offered.model for offered in offers])
        for offered in offers:
            groups.setdefault(advertised_id(offered.model).lower(), []).append(offered)
    found: dict[str, set[str]] = {key: set() for key in groups}
    for name, key in _names(groups).items():
        found[key].add(name)
    return tuple(
        Group(tuple(sorted(offers, key=_rank)), frozenset(found[key]))
        for key, offers in groups.items()
    )


def _names(groups: Mapping[str, Sequence[Offered]]) -> dict[str, str]:
    """Each name and the key of its group; a later tier overwrites an earlier one."""
    offers = [(key, offered) for key, group in groups.items() for offered in group]
    offers.reverse()
    offers.sort(key=lambda one: one[1].source.priority)  # who comes first writes last
    owners: dict[str, set[str]] = {}
    for key, offered in offers:
        for name in implied_names(offered.model):
            owners.setdefault(name.lower(), set()).add(key)
    names = {name: min(keys) for name, keys in owners.items() if len(keys) == 1}
    for key, offered in offers:
        names.update(dict.fromkeys(map(str.lower, offered.model.alias_ids or ()), key))
    for key, offered in offers:
        names[offered.model.id.lower()] = key
    return names | {key: key for key in groups}


def _rank(offered: Offered) -> tuple[Decimal, int]:
    """A request of usual size is the measure by which providers are compared."""
    prices = offered.price.rates or offered.price.usd
    assert prices is not None, "what is sold has a price"
    typical = prices.request + prices.prompt * _TYPICAL_INPUT + prices.completion * _TYPICAL_OUTPUT
    return Decimal(typical), -offered.source.priority
