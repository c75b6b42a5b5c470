import json
from dataclasses import replace
from decimal import Decimal
from fractions import Fraction
from math import floor
from typing import Any

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import PER_MSAT, Goods, ModelEntry, Rates
from routstr.errors import InvalidParameter, NotPriced
from routstr.money import MAX_MSAT, ZERO, Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.pricing import (
    GATE_SLACK_MSAT,
    Quote,
    QuotePolicy,
    RequestLimits,
    affordable_output_tokens,
    quote,
    quote_most,
    read_limits,
)
from routstr.payment.tokens import PromptEstimate, prompt_estimate
from routstr.payment.usage import Media, Usage

POLICY = QuotePolicy()
NAMES = ("max_tokens", "max_completion_tokens", "max_output_tokens")


def entry(
    prompt: str = "1e-6",
    completion: str = "3e-6",
    *,
    context: int = 100_000,
    limit: int | None = 10_000,
    usd_per_btc: str = "100000",  # a USD is a million msat: 1e-6 USD is one msat
    min_request: int = 1,
    **prices: str,
) -> ModelEntry:
    pricing = UsdPricing(
        prompt=Decimal(prompt),
        completion=Decimal(completion),
        **{name: Decimal(price) for name, price in prices.items()},
    )
    top = TopProvider(context_length=context, max_completion_tokens=limit)
    costs_nothing = not any(map(Decimal, (prompt, completion, *prices.values())))
    policy = PricePolicy(
        exchange_fee=Decimal(1), provider_fee=Decimal(1), min_request=Msat(min_request)
    )
    return build_snapshot(
        [ModelSpec(id="m", pricing=pricing, top_provider=top, free=costs_nothing)],
        usd_per_btc=Decimal(usd_per_btc),
        policy=policy,
        version=1,
    ).models["m"]


def tokens(gate: int, worst: int | None = None, images: int = 0) -> PromptEstimate:
    return PromptEstimate(gate, gate, gate if worst is None else worst, images)


def client_gate(model: dict[str, Any], prompt_tokens: int, max_tokens: int | None) -> int:
    """The formula of the clients, in their binary floating point."""
    price, top = model["sats_pricing"], model["top_provider"]
    gate = max(1, int(price["max_cost"] * 1000 * 0.99))
    context, output = top["context_length"], top["max_completion_tokens"]
    limit = context - output if output else context
    unused = (limit * price["prompt"] * 0.99 - prompt_tokens * price["prompt"]) * 1000
    if unused > 0:
        gate -= int(unused)
    if max_tokens:
        unused = (price["max_completion_cost"] * 0.99 - max_tokens * price["completion"]) * 1000
        if unused > 0:
            gate -= int(unused)
    return max(1, gate)


usd = st.integers(0, 10**9).map("{}e-12".format)
entries = st.builds(
    entry,
    usd,
    usd,
    context=st.integers(2, 2_000_000),
    limit=st.none() | st.integers(1, 2_000_000),
    usd_per_btc=st.integers(10**5, 10**8).map("{}e-2".format),
    request=st.just("0") | usd,
    internal_reasoning=st.just("0") | usd,
    input_cache_write=usd,
)
estimates = st.builds(
    lambda gate, factor, images: PromptEstimate(gate, gate, gate * factor, images),
    st.integers(0, 300_000),
    st.integers(1, 4),
    st.integers(0, 3),
)
some_limits = st.one_of(
    st.builds(RequestLimits, st.none(), st.integers(1, 4)),
    st.integers(1, 200_000).flatmap(
        lambda most: st.builds(
            RequestLimits, st.just(most), st.integers(1, 4), st.none() | st.integers(1, most)
        )
    ),
)
policies = st.builds(
    QuotePolicy, st.integers(0, 50).map(Decimal), st.just(Msat(1)), st.integers(1, 1000)
)


@given(entries, estimates, some_limits, policies)
def test_admission_never_asks_for_more_than_clients_compute(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, policy: QuotePolicy
) -> None:
    quoted = quote(model, estimate, limits, policy)
    told = client_gate(json.loads(model.body), estimate.gate_tokens, limits.max_tokens)
    assert quoted.admit <= quoted.gate
    assert quoted.admit <= told
    assert quoted.gate <= told + GATE_SLACK_MSAT


def exact_gate(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, tolerance: Decimal
) -> int:
    """The same formula in whole msat."""
    kept = Fraction(100 - max(tolerance, Decimal(1))) / 100
    gate = floor(model.max_cost * kept / PER_MSAT)
    unused = (model.prompt_limit * kept - estimate.gate_tokens) * model.rates.prompt
    gate -= max(0, floor(unused / PER_MSAT))
    if limits.max_tokens is not None:
        unused = model.max_completion * kept - limits.max_tokens * model.rates.completion
        gate -= max(0, floor(unused / PER_MSAT))
    return max(1, gate)


@given(entries, estimates, some_limits, policies)
def test_the_gate_is_that_formula_without_fractions(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, policy: QuotePolicy
) -> None:
    gate = exact_gate(model, estimate, limits, policy.tolerance_percent)
    quoted = quote(model, estimate, limits, policy)
    assert quoted.gate == (ZERO if model.rates.free else gate)


def test_the_gate_is_exact_beyond_what_a_float_can_tell() -> None:
    model = entry("1e-6", "123.4567891234567", usd_per_btc="3", limit=10_019)
    limits = RequestLimits(10_019, 1, 10_019)
    gate = exact_gate(model, tokens(100_000), limits, Decimal(1))
    assert 2**53 < gate < MAX_MSAT
    assert gate % 2, "a float has even numbers only, up there"
    assert quote(model, tokens(100_000), limits, POLICY).gate == gate


@given(entries, estimates, some_limits, policies)
def test_what_is_set_aside_is_at_least_what_admits(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, policy: QuotePolicy
) -> None:
    quoted = quote(model, estimate, limits, policy)
    assert ZERO <= quoted.admit <= quoted.want
    assert {type(quoted.admit), type(quoted.want), type(quoted.gate)} == {Msat}


@given(entries, estimates, some_limits, st.data())
def test_a_full_hold_covers_whatever_the_body_can_cost(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, data: st.DataObject
) -> None:
    quoted = quote(model, estimate, limits, POLICY)
    output = data.draw(st.integers(0, quoted.max_output_tokens)) * limits.choices
    cached = data.draw(st.integers(0, estimate.worst_tokens))
    usage = Usage(
        prompt=estimate.worst_tokens - cached,
        completion=output,
        cache_write=cached,
        reasoning=output,
        images=estimate.images,
    )
    assert calculate_request_cost(model.rates, usage).total <= quoted.want


@given(entries, estimates, some_limits, st.data())
def test_an_answer_within_the_affordable_limit_stays_inside_the_hold(
    model: ModelEntry, estimate: PromptEstimate, limits: RequestLimits, data: st.DataObject
) -> None:
    quoted = quote(model, estimate, limits, POLICY)
    assume(quoted.admit < quoted.want)
    hold = Msat(data.draw(st.integers(int(quoted.admit), int(quoted.want))))
    most = affordable_output_tokens(quoted, hold)
    if most is None:
        assert hold == quoted.want or model.rates.output_worst == 0
        return
    assert 1 <= most <= quoted.max_output_tokens
    usage = Usage(
        prompt=0,
        cache_write=estimate.worst_tokens,
        completion=most * limits.choices,
        reasoning=most * limits.choices,
        images=estimate.images,
    )
    if most > 1:
        assert calculate_request_cost(model.rates, usage).total <= hold


def test_a_named_limit_is_quoted_to_the_msat() -> None:
    quoted = quote(entry(), tokens(1000), RequestLimits(200, 1, 200), POLICY)
    assert quoted.want == 1000 + 200 * 3 + 1
    assert quoted.gate == 1000 + 200 * 3
    assert quoted.admit == 1000 + 200 * 3 - GATE_SLACK_MSAT
    assert quoted.max_output_tokens == 200


def test_without_a_limit_the_prompt_and_a_few_tokens_admit_and_the_maximum_is_wanted() -> None:
    policy = QuotePolicy(min_output_tokens=16)
    quoted = quote(entry(), tokens(1000), RequestLimits(), policy)
    assert quoted.admit == 1000 + 16 * 3 + 1
    assert quoted.want == 1000 + 10_000 * 3 + 1
    assert affordable_output_tokens(quoted, quoted.admit) == 16
    assert affordable_output_tokens(quoted, quoted.want) is None
    assert affordable_output_tokens(quoted, quoted.want + Msat(5)) is None


def test_the_maximum_is_the_providers_and_not_the_published_one() -> None:
    quoted = quote(entry(limit=90_000), tokens(0), RequestLimits(), POLICY)
    assert quoted.max_output_tokens == 90_000
    assert quote(entry(limit=None), tokens(0), RequestLimits(), POLICY).max_output_tokens == 100_000


def test_answers_multiply_the_output() -> None:
    quoted = quote(entry(), tokens(1000), RequestLimits(200, 4, 200), POLICY)
    assert quoted.want == 1000 + 4 * 200 * 3 + 1
    assert affordable_output_tokens(quoted, Msat(1000 + 2 * 200 * 3 + 1)) == 100


def test_a_hold_below_the_worst_prompt_still_allows_one_token() -> None:
    quoted = quote(entry(), tokens(1000, 9000), RequestLimits(200, 1, 200), POLICY)
    assert affordable_output_tokens(quoted, quoted.admit) == 1


def test_a_limit_is_a_whole_number_of_tokens() -> None:
    quoted = quote(entry(), tokens(1000), RequestLimits(200, 1, 200), POLICY)
    affordable = affordable_output_tokens(quoted, Msat(1000 + 1 + 100 * 3 + 2))
    assert affordable == 100
    assert type(affordable) is int


def test_the_gate_of_a_body_that_leaves_nothing_unused_is_the_whole_worst_case() -> None:
    model = entry()
    quoted = quote(model, tokens(100_000), RequestLimits(10_000, 1, 10_000), POLICY)
    assert quoted.gate == (model.max_cost * 99 // 100) // PER_MSAT


def test_what_costs_most_of_the_input_is_expected() -> None:
    model = entry(input_cache_write="2e-6", internal_reasoning="1e-6")
    quoted = quote(model, tokens(1000), RequestLimits(200, 1, 200), POLICY)
    assert quoted.want == 1000 * 2 + 200 * 4 + 1


def test_images_and_the_request_have_their_price() -> None:
    model = entry(image="0.0005", request="0.0001")
    quoted = quote(model, tokens(1000, images=2), RequestLimits(200, 1, 200), POLICY)
    assert quoted.want == 1000 + 200 * 3 + 2 * 500 + 100


def test_output_that_costs_nothing_needs_no_limit() -> None:
    quoted = quote(entry(completion="0"), tokens(1000), RequestLimits(), POLICY)
    assert quoted.want == 1001
    assert affordable_output_tokens(quoted, quoted.admit) is None


def test_a_free_model_needs_no_balance() -> None:
    quoted = quote(entry("0", "0"), tokens(1000), RequestLimits(), QuotePolicy(min_request=Msat(9)))
    assert quoted == Quote(ZERO, ZERO, ZERO, 10_000, input_cost=0, output_rate=0)
    assert affordable_output_tokens(quoted, ZERO) is None


def test_the_least_amount_is_a_floor() -> None:
    policy = QuotePolicy(min_request=Msat(5000))
    quoted = quote(entry(min_request=5000), tokens(10), RequestLimits(1, 1, 1), policy)
    assert quoted.admit == quoted.gate == 5000
    assert quoted.want == 5000 + 10 + 3


def test_a_larger_least_amount_than_the_catalogues_is_wanted_too() -> None:
    policy = QuotePolicy(min_request=Msat(5000))
    quoted = quote(entry(), tokens(10), RequestLimits(1, 1, 1), policy)
    assert (quoted.admit, quoted.want, quoted.gate) == (5000, 5000, 5000)


def test_the_least_output_is_no_more_than_the_model_can_give() -> None:
    quoted = quote(entry(limit=5), tokens(1500, 1000), RequestLimits(), QuotePolicy())
    assert quoted.admit == quoted.want == 1000 + 5 * 3 + 1


def test_no_quote_is_larger_than_all_bitcoin() -> None:
    model = entry("100000", "100000", usd_per_btc="1", context=10**9, limit=10**9)
    quoted = quote(model, tokens(10**8), RequestLimits(10**7, 128), POLICY)
    assert quoted.want == MAX_MSAT
    assert quoted.admit <= quoted.gate <= MAX_MSAT


@pytest.mark.parametrize("limit", [None, 100_000, 10**7])
@pytest.mark.parametrize("prompt_tokens", [1_000, 50_000])
def test_a_small_max_tokens_does_not_make_a_long_prompt_cheap(
    limit: int | None, prompt_tokens: int
) -> None:
    # with the provider's own limits the clients' formula would leave one msat of these
    quoted = quote(entry(limit=limit), tokens(prompt_tokens), RequestLimits(1, 1, 1), POLICY)
    assert quoted.admit >= prompt_tokens * 0.98


def test_a_long_prompt_hidden_in_tools_is_not_cheap() -> None:
    body = {
        "messages": [{"role": "user", "content": "hi"}],
        "tools": [{"type": "function", "function": {"name": "f", "description": "word " * 10_000}}],
        "max_tokens": 1,
    }
    quoted = quote(entry(), prompt_estimate(body), read_limits(body, entry(), NAMES), POLICY)
    assert quoted.admit > 10_000


def test_two_different_limits_reserve_the_larger_one() -> None:
    body = {"max_tokens": 1, "max_completion_tokens": 100_000}
    limits = read_limits(body, entry(context=200_000), NAMES)
    assert limits == RequestLimits(100_000, 1, 1)
    quoted = quote(entry(), tokens(10), limits, POLICY)
    assert quoted.want == 10 + 100_000 * 3 + 1
    affordable = affordable_output_tokens(quoted, quoted.admit)
    assert affordable is not None
    assert affordable <= 2


@pytest.mark.parametrize(
    ("body", "limits"),
    [
        ({}, RequestLimits()),
        ({"max_tokens": None, "n": None}, RequestLimits()),
        ({"max_tokens": 5}, RequestLimits(5, 1, 5)),
        ({"max_completion_tokens": 5}, RequestLimits(5)),
        ({"max_output_tokens": 5}, RequestLimits(5)),
        ({"max_tokens": 5, "max_output_tokens": 3}, RequestLimits(5, 1, 5)),
        ({"max_tokens": 10**7}, RequestLimits(100_000, 1, 10**7)),
        ({"n": 3}, RequestLimits(choices=3)),
        ({"n": 3, "best_of": 5}, RequestLimits(choices=5)),
        ({"prompt": "x", "n": 2}, RequestLimits(choices=2)),
        ({"prompt": ["x", "y"], "n": 2}, RequestLimits(choices=4)),
        ({"prompt": [[1], [2], [3]]}, RequestLimits(choices=3)),
        ({"prompt": [1, 2, 3]}, RequestLimits()),
        ({"prompt": ["x"]}, RequestLimits()),
        ({"prompt": []}, RequestLimits()),
    ],
)
def test_limits_are_read(body: dict[str, object], limits: RequestLimits) -> None:
    assert read_limits(body, entry(), NAMES) == limits


@pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens", "max_output_tokens", "n"])
@pytest.mark.parametrize(
    "value", [0, -1, True, False, 1.5, 100.0, "100", [1], {}, 10**7 + 1, 10**30]
)
def test_absurd_limits_are_refused_by_name(name: str, value: object) -> None:
    with pytest.raises(InvalidParameter, match=name) as refused:
        read_limits({"max_tokens": 1, name: value}, entry(), NAMES)
    assert refused.value.http_status == 400
    assert refused.value.details == {"param": name}


def test_too_many_answers_are_refused() -> None:
    assert read_limits({"n": 128}, entry(), NAMES).choices == 128
    with pytest.raises(InvalidParameter, match="best_of"):
        read_limits({"best_of": 129}, entry(), NAMES)


def test_a_limit_by_another_endpoint_s_name_binds_nobody() -> None:
    body = {"max_tokens": 1, "max_output_tokens": 70}
    assert read_limits(body, entry(), ("max_output_tokens",)) == RequestLimits(max_output=70)


def test_an_endpoint_without_output_is_priced_by_its_input_alone() -> None:
    limits = read_limits({"max_tokens": 9, "input": "x"}, entry(), ())
    assert limits == RequestLimits(max_output=0)
    quoted = quote(entry(), tokens(1_000), limits, POLICY)
    assert (quoted.want, quoted.max_output_tokens) == (Msat(1_001), 0)


def test_without_wishes_of_the_operator_the_least_is_asked_for() -> None:
    assert QuotePolicy() == QuotePolicy(
        tolerance_percent=Decimal(1), min_request=Msat(1), min_output_tokens=16
    )
    assert GATE_SLACK_MSAT == 3  # clients round three times


def test_a_quote_is_exact_in_rate_units() -> None:
    quoted = quote(entry(), tokens(1000), RequestLimits(200, 2, 200), POLICY)
    assert quoted == Quote(
        admit=quoted.admit,
        want=Msat(2201),
        gate=quoted.gate,
        max_output_tokens=200,
        input_cost=1001 * PER_MSAT,
        output_rate=6 * PER_MSAT,
    )


def test_a_model_without_a_price_for_text_sells_none() -> None:
    drawing = replace(entry(), goods=Goods.IMAGES)
    with pytest.raises(
        NotPriced,
        match=r"no price for text on this node\. \(pricing\.prompt and pricing\.completion\)$",
    ) as refused:
        quote(drawing, tokens(1), RequestLimits(), POLICY)
    assert str(refused.value).endswith(" (pricing.prompt and pricing.completion)")
    assert refused.value.details == {"model": "m"}


def test_what_cannot_be_fitted_is_quoted_by_the_dearest_that_it_may_be() -> None:
    rates = Rates(prompt=PER_MSAT, request=7 * PER_MSAT, second=2 * PER_MSAT + 1)
    either = [Usage(30, 0), Usage(0, 0, media=Media(seconds=10))]
    quoted = quote_most(rates, either, POLICY)
    assert quoted == Quote(Msat(37), Msat(37), Msat(37), 0, 37 * PER_MSAT, 0)
    assert type(quoted.input_cost) is int
    assert affordable_output_tokens(quoted, Msat(37)) is None
    assert quote_most(rates, either[1:], POLICY).want == Msat(28)  # 27 and a little, rounded up


def test_the_least_that_a_request_costs_is_quoted_and_nothing_for_what_is_free() -> None:
    dear = QuotePolicy(min_request=Msat(1_000))
    assert quote_most(Rates(prompt=PER_MSAT), [Usage(5, 0)], dear).want == Msat(1_000)
    assert quote_most(Rates(), [Usage(5, 0)], dear) == Quote(ZERO, ZERO, ZERO, 0, 0, 0)
