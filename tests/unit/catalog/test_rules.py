from collections.abc import Mapping
from decimal import Decimal

import msgspec
import pytest

from routstr.catalog.models_file import FixedSats, ModelSpec, UsdPricing
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.rules import (
    RULES,
    Priced,
    PricingRule,
    Terms,
    UnknownRule,
    known_rules,
    price,
    rule_name,
)
from routstr.catalog.snapshot import PER_MSAT, Rates
from routstr.money import Msat

BTC = Decimal(100_000)  # one USD is a million msat
POLICY = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1))
FIXED = FixedPrices(Decimal(2), Decimal(1), Decimal(3))
MODEL = ModelSpec(id="m", pricing=UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("3e-6")))
NOTHING = UsdPricing(prompt=Decimal(0), completion=Decimal(0))


class Doubled:
    """A rule of a package: whatever it costs by tokens, twice."""

    def price(self, model: ModelSpec, terms: Terms) -> Priced | None:
        made = RULES["token"].price(model, terms)
        if made is None or made.rates is None:
            return made
        return Priced(Rates(prompt=2 * made.rates.prompt, completion=2 * made.rates.completion))


class Broken:
    """A rule that forgets to price."""

    def price(self, _model: ModelSpec, _terms: Terms) -> Priced | None:
        return Priced(Rates())


def model(**changes: object) -> ModelSpec:
    return msgspec.structs.replace(MODEL, **changes)


def sold(
    of: ModelSpec,
    policy: PricePolicy = POLICY,
    btc: Decimal | None = BTC,
    known: Mapping[str, PricingRule] = RULES,
) -> Rates:
    made = price(of, Terms(policy, btc), known)
    assert made is not None
    assert made.rates is not None
    return made.rates


def with_policy(**changes: object) -> PricePolicy:
    return PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), **changes)  # type: ignore[arg-type]


def test_tokens_are_priced_in_usd_and_need_a_price_of_bitcoin() -> None:
    assert sold(MODEL) == Rates(
        PER_MSAT, 3 * PER_MSAT, cache_read=PER_MSAT, cache_write=PER_MSAT, request=PER_MSAT
    )
    made = price(MODEL, Terms(POLICY, None))
    assert made is not None
    assert made.rates is None
    assert made.usd is not None


def test_a_base_comes_on_top_of_the_tokens_and_of_the_providers_price_per_request() -> None:
    policy = with_policy(base=Msat(250))
    asked = model(pricing=UsdPricing(Decimal("1e-6"), Decimal("3e-6"), request=Decimal("1e-5")))
    assert sold(MODEL, policy).request == 250 * PER_MSAT
    assert sold(asked, policy).request == 260 * PER_MSAT
    assert sold(model(base_msats=7), policy).request == 7 * PER_MSAT
    assert sold(model(base_msats=0), policy).request == PER_MSAT  # the least of a request
    assert sold(MODEL, with_policy(base=Msat(250), min_request=Msat(900))).request == 900 * PER_MSAT


def test_the_base_is_part_of_what_is_shown_in_usd() -> None:
    made = price(MODEL, Terms(with_policy(base=Msat(250)), Decimal("61234.56789")))
    assert made is not None
    assert made.usd is not None
    assert made.usd.request == Decimal("61234.56789") * 250 / 10**11


def test_fixed_prices_need_no_price_of_bitcoin_and_are_shown_in_usd_with_one() -> None:
    policy = with_policy(fixed=FIXED)
    rates = sold(MODEL, policy, None)
    assert (rates.request, rates.prompt, rates.completion) == (
        2_000 * PER_MSAT,
        PER_MSAT,
        3 * PER_MSAT,
    )
    made = price(MODEL, Terms(policy, BTC))
    assert made is not None
    assert made.usd is not None
    assert made.usd.request == Decimal("0.002")


def test_a_model_may_carry_its_own_fixed_prices() -> None:
    own = model(fixed=FixedSats(request=Decimal(5)))
    assert sold(own, POLICY, None).request == 5_000 * PER_MSAT
    assert sold(own, with_policy(fixed=FIXED), None).request == 5_000 * PER_MSAT


def test_only_what_is_explicitly_free_is_free() -> None:
    terms, base = Terms(POLICY, BTC), with_policy(base=Msat(9))
    assert price(model(pricing=NOTHING), terms) is None
    assert price(model(pricing=NOTHING), Terms(POLICY, None)) is None
    assert price(model(fixed=FixedSats()), terms) is None
    assert sold(model(pricing=NOTHING), base).request == 9 * PER_MSAT
    for given in (model(free=True), model(free=True, pricing=NOTHING, base_msats=5)):
        assert sold(given, base, None).free
    zero = with_policy(fixed=FixedPrices(Decimal(0), Decimal(0), Decimal(0)))
    assert sold(MODEL, zero).free  # the operator wrote these noughts


def test_a_rule_that_gives_a_model_away_by_mistake_sells_nothing() -> None:
    known = {**RULES, "broken": Broken()}
    assert price(model(pricing_rule="broken"), Terms(POLICY, BTC), known) is None


def test_what_has_no_price_or_is_off_is_not_sold() -> None:
    terms = Terms(POLICY, BTC)
    assert price(model(pricing=UsdPricing(prompt=Decimal(1))), terms) is None
    assert price(model(enabled=False), terms) is None
    assert price(model(enabled=False, free=True), terms) is None
    assert price(model(pricing_rule="fixed"), terms) is None


def test_the_more_particular_choice_of_a_rule_wins() -> None:
    policy = with_policy(rule="a", rule_of={"custom": "b"})
    assert rule_name(MODEL, with_policy()) == "token"
    assert rule_name(MODEL, with_policy(fixed=FIXED)) == "fixed"
    assert rule_name(MODEL, with_policy(fixed=FIXED, rule="a")) == "a"
    assert rule_name(MODEL, policy) == "b"
    assert rule_name(model(fixed=FixedSats()), policy) == "fixed"
    assert rule_name(model(fixed=FixedSats(), pricing_rule="c"), policy) == "c"


def test_a_rule_of_a_package_prices_what_it_is_named_for() -> None:
    known = {**RULES, "doubled": Doubled()}
    assert sold(model(pricing_rule="doubled"), known=known).prompt == 2 * PER_MSAT
    assert sold(MODEL, with_policy(rule_of={"custom": "doubled"}), known=known).prompt == (
        2 * PER_MSAT
    )
    assert sold(MODEL, with_policy(rule_of={"other": "doubled"}), known=known).prompt == PER_MSAT


def test_an_unknown_rule_is_told_with_those_that_there_are() -> None:
    with pytest.raises(UnknownRule, match=r"model 'm': .*'spot'; known are fixed, token"):
        price(model(pricing_rule="spot", enabled=False), Terms(POLICY, BTC))
    with pytest.raises(UnknownRule, match=r"no pricing rule 'spot'; known are doubled, .*PLUGINS"):
        known_rules({"token", "spot"}, {"doubled": Doubled()})
    assert known_rules({"token"}) == RULES


def test_rules_of_packages_are_known_beside_the_node_s_own() -> None:
    doubled = Doubled()
    assert known_rules({"doubled"}, {"doubled": doubled}) == {**RULES, "doubled": doubled}
