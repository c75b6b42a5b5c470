from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import (
    FixedPrices,
    PricePolicy,
    fixed_rates,
    published_limit,
    rates_at,
    usd_of,
    usd_with_fees,
    worst_case,
)
from routstr.catalog.snapshot import PER_MSAT, Rates
from routstr.money import MSAT_PER_BTC, ZERO, Msat

NO_FEES = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), min_request=ZERO)

price = st.decimals(0, 100, places=18)
fee = st.decimals("0.5", 3, places=9)
btc = st.decimals(1, 10**7, places=8)


@given(price, fee, fee, btc)
def test_a_rate_is_the_exact_price_rounded_up_once(
    usd: Decimal, exchange: Decimal, provider: Decimal, usd_per_btc: Decimal
) -> None:
    policy = PricePolicy(exchange_fee=exchange, provider_fee=provider, min_request=ZERO)
    with_fees = usd_with_fees(UsdPricing(prompt=usd, completion=usd), policy)
    rates = rates_at(with_fees, usd_per_btc, ZERO)
    exact = (
        Fraction(usd) * Fraction(exchange) * Fraction(provider) * MSAT_PER_BTC * PER_MSAT
    ) / Fraction(usd_per_btc)
    assert 0 <= rates.prompt - exact < 1
    assert rates.completion == rates.cache_read == rates.cache_write == rates.prompt


def test_both_fees_multiply_the_price() -> None:
    policy = PricePolicy(exchange_fee=Decimal("1.005"), provider_fee=Decimal("1.05"))
    usd = usd_with_fees(UsdPricing(prompt=Decimal("0.000003")), policy)
    assert usd.prompt == Decimal("0.00000316575")


def test_absent_cache_prices_are_those_of_the_input_and_a_zero_is_a_price() -> None:
    pricing = UsdPricing(prompt=Decimal(2), completion=Decimal(0), input_cache_read=Decimal(0))
    rates = rates_at(usd_with_fees(pricing, NO_FEES), Decimal(1), ZERO)
    assert rates.cache_read == 0
    assert rates.cache_write == rates.prompt > 0
    assert rates.completion == 0


def test_every_price_reaches_its_rate() -> None:
    pricing = UsdPricing(
        prompt=Decimal(1),
        completion=Decimal(2),
        request=Decimal(3),
        image=Decimal(4),
        web_search=Decimal(5),
        internal_reasoning=Decimal(6),
        input_cache_read=Decimal(7),
        input_cache_write=Decimal(8),
    )
    unit = MSAT_PER_BTC * PER_MSAT
    assert rates_at(usd_with_fees(pricing, NO_FEES), Decimal(1), ZERO) == Rates(
        prompt=unit,
        completion=2 * unit,
        request=3 * unit,
        image=4 * unit,
        web_search=5 * unit,
        reasoning=6 * unit,
        cache_read=7 * unit,
        cache_write=8 * unit,
    )


def test_a_request_costs_at_least_the_least_unless_the_model_is_free() -> None:
    cheap = usd_with_fees(UsdPricing(prompt=Decimal("1e-9"), completion=Decimal(0)), NO_FEES)
    assert rates_at(cheap, Decimal(50_000), Msat(7)).request == 7 * PER_MSAT
    dear = usd_with_fees(UsdPricing(prompt=Decimal(0), request=Decimal(1)), NO_FEES)
    assert rates_at(dear, Decimal(50_000), Msat(7)).request == 2_000_000 * PER_MSAT
    free = usd_with_fees(UsdPricing(prompt=Decimal(0), completion=Decimal(0)), NO_FEES)
    assert rates_at(free, Decimal(50_000), Msat(7)).free


def test_fixed_prices_are_in_sat() -> None:
    fixed = FixedPrices(request=Decimal(10), input_per_1k=Decimal(2), output_per_1k=Decimal("0.5"))
    assert fixed_rates(fixed, Msat(1)) == Rates(
        prompt=2 * PER_MSAT,
        completion=PER_MSAT // 2,
        cache_read=2 * PER_MSAT,
        cache_write=2 * PER_MSAT,
        request=10_000 * PER_MSAT,
    )


@given(btc)
def test_fixed_prices_are_shown_in_usd_exactly(usd_per_btc: Decimal) -> None:
    rates = fixed_rates(FixedPrices(Decimal(10), Decimal("0.123456789"), Decimal(0)), ZERO)
    usd = usd_of(rates, usd_per_btc)
    unit = Fraction(usd_per_btc) / (MSAT_PER_BTC * PER_MSAT)
    assert Fraction(usd.prompt) == rates.prompt * unit
    assert Fraction(usd.request) == rates.request * unit


def spec(context: int, limit: int | None) -> ModelSpec:
    top = TopProvider(max_completion_tokens=limit)
    return ModelSpec(id="m", context_length=context, top_provider=top)


@pytest.mark.parametrize(
    ("context", "limit", "published"),
    [(1000, 100, 100), (1000, 500, 500), (1000, 900, 500), (1000, 5000, 500), (1000, None, 500)],
)
def test_at_most_half_of_the_context_is_published_as_output(
    context: int, limit: int | None, published: int
) -> None:
    assert published_limit(spec(context, limit), paid_output=True) == published


def test_a_model_without_paid_output_keeps_its_whole_context_for_input() -> None:
    assert published_limit(spec(1000, None), paid_output=False) is None
    assert published_limit(spec(1000, 100), paid_output=False) == 100


@pytest.mark.parametrize(
    ("limit", "expected"),
    [(100, (3000, 500, 2700 + 500 + 7)), (None, (3000, 5000, 5000 + 7))],
)
def test_worst_cases_follow_the_published_formulas(
    limit: int | None, expected: tuple[int, int, int]
) -> None:
    assert worst_case(3, 5, 7, context=1000, limit=limit) == expected
