"""Rules that make prices: from a model and the operator's terms to the rates that are charged.

Whatever a rule does, its result is :class:`Rates`: quote, hold, charge and price list are computed
from them, so no rule can charge otherwise than it publishes. A rule is asked when a snapshot is
built and never for a request. Which one prices a model: ``pricing_rule`` of the model, the prices
that the model carries itself (``fixed``), the rule of its provider, the rule of the node.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from decimal import Decimal, localcontext
from types import MappingProxyType
from typing import Final, Protocol, runtime_checkable

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.rates import (
    EXACT,
    FixedPrices,
    PricePolicy,
    fixed_rates,
    image_rates,
    rates_at,
    usd_of,
    usd_with_fees,
)
from routstr.catalog.snapshot import Goods, Rates, UsdPrices
from routstr.catalog.units import goods_of
from routstr.money import ZERO, Msat

_USD_PER_MSAT_EXPONENT: Final = -11


class UnknownRule(ValueError):
    """A name that is no rule of this node; the message lists those that there are."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What a rule prices with. ``policy`` holds the fee and the name of the model's provider.

    ``usd_per_btc`` is None while there is no price of bitcoin.
    """

    policy: PricePolicy
    usd_per_btc: Decimal | None

    @property
    def base(self) -> Msat:
        """What each request costs on top of its tokens."""
        return self.policy.base


@dataclass(frozen=True, slots=True)
class Priced:
    """What a rule says of a model.

    ``rates`` None: it cannot be sold without a price of bitcoin. ``usd`` None: the same as the
    rates, in USD. ``free``: costing nothing is meant; without it such a model is not sold.
    ``goods``: what there is a price for (None: what the rates cover); ``images``: rates of a
    picture by quality and size.
    """

    rates: Rates | None
    usd: UsdPrices | None = None
    free: bool = False
    goods: Goods | None = None
    images: Mapping[str, int] = field(default_factory=dict)


@runtime_checkable
class PricingRule(Protocol):
    """A way to price models."""

    def price(self, model: ModelSpec, terms: Terms) -> Priced | None:
        """The model's price, None when this rule has none for it. Pure, without I/O."""
        ...


class TokenRule:
    """The provider's prices in USD with the fees of this node, and a base per request."""

    def price(self, model: ModelSpec, terms: Terms) -> Priced | None:
        """See :class:`PricingRule`. A model without a price of words, pictures or sound is not."""
        if not model.priced:
            return None
        usd = usd_with_fees(model.pricing, terms.policy)
        if terms.usd_per_btc is None:
            made = rates_at(usd, Decimal(1), ZERO)
            nothing = made.free and not any(usd.images.values()) and not terms.base
            return None if nothing else Priced(None, usd)
        if terms.base:
            with localcontext(EXACT):
                base = (terms.usd_per_btc * int(terms.base)).scaleb(_USD_PER_MSAT_EXPONENT)
                usd = replace(usd, request=usd.request + base)
        return Priced(
            rates_at(usd, terms.usd_per_btc, terms.policy.min_request),
            usd,
            goods=goods_of(model.pricing),
            images=image_rates(usd, terms.usd_per_btc),
        )


class FixedRule:
    """The operator's own prices in sat: those of the model, else the same for every model."""

    def price(self, model: ModelSpec, terms: Terms) -> Priced | None:
        """See :class:`PricingRule`."""
        own, fixed = model.fixed, terms.policy.fixed
        if own is not None:
            fixed = FixedPrices(own.request, own.input_per_1k, own.output_per_1k)
        if fixed is None:
            return None
        return Priced(fixed_rates(fixed, terms.policy.min_request), free=own is None)


TOKENS: Final = "token"
FIXED: Final = "fixed"
RULES: Final[Mapping[str, PricingRule]] = MappingProxyType(
    {TOKENS: TokenRule(), FIXED: FixedRule()}
)
NO_RULES: Final[Mapping[str, PricingRule]] = MappingProxyType({})


def known_rules(
    names: Iterable[str], brought: Mapping[str, PricingRule] = NO_RULES
) -> Mapping[str, PricingRule]:
    """The node's own rules and those that packages bring.

    ``names`` are those that the operator has written: :class:`UnknownRule` when one is not known.
    """
    rules = {**RULES, **brought}
    for name in sorted(set(names) - rules.keys()):
        raise UnknownRule(f"{_unknown(name, set(rules))}; packages that bring one are in PLUGINS")
    return MappingProxyType(rules)


def rule_name(model: ModelSpec, policy: PricePolicy) -> str:
    """Which rule prices a model of the policy's provider."""
    if model.pricing_rule:
        return model.pricing_rule
    if model.fixed is not None:
        return FIXED
    usual = policy.rule or (TOKENS if policy.fixed is None else FIXED)
    return policy.rule_of.get(policy.provider, usual)


def price(
    model: ModelSpec, terms: Terms, rules: Mapping[str, PricingRule] = RULES
) -> Priced | None:
    """A model's price, None for what is not sold. Raises :class:`UnknownRule`."""
    name = rule_name(model, terms.policy)
    if name not in rules:
        raise UnknownRule(f"model {model.id!r}: {_unknown(name, set(rules))}")
    if not model.enabled:
        return None
    if model.free:
        return Priced(Rates(), free=True)
    if model.base_msats is not None:
        terms = replace(terms, policy=replace(terms.policy, base=Msat(model.base_msats)))
    if model.provider_fee is not None:
        terms = replace(terms, policy=replace(terms.policy, provider_fee=model.provider_fee))
    made = rules[name].price(model, terms)
    if made is None or (made.rates is not None and _costs_nothing(made)):
        return None
    if made.usd is None and made.rates is not None and terms.usd_per_btc is not None:
        return replace(made, usd=usd_of(made.rates, terms.usd_per_btc))
    return made


def _costs_nothing(made: Priced) -> bool:
    """Whether a price is of nothing, and nobody meant it."""
    free = made.rates is not None and made.rates.free and not any(made.images.values())
    return free and not made.free


def _unknown(name: str, known: set[str]) -> str:
    return f"there is no pricing rule {name!r}; known are {', '.join(sorted(known))}"
