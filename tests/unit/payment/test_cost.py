from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from routstr.catalog.snapshot import PER_MSAT, Rates
from routstr.money import ZERO, Msat, charge, total
from routstr.payment.cost import Cost, calculate_request_cost, fitted, own_cost, taken
from routstr.payment.usage import Media, Taken, Usage

rate = st.integers(0, 10**18)
count = st.integers(0, 10**7)
rates = st.builds(Rates, *[rate] * 8)
all_rates = st.builds(Rates, *[rate] * 15)
usages = st.builds(Usage, *[count] * 7)


@st.composite
def with_media(draw: st.DrawFn) -> Usage:
    """Parts are never more than what they are parts of."""
    parts = Media(*draw(st.tuples(*[count] * 7)))
    words = Usage(*draw(st.tuples(*[count] * 7)))
    return replace(
        words,
        prompt=words.prompt + parts.audio_input + parts.image_input,
        completion=words.completion + parts.audio_output + parts.image_output,
        media=parts,
    )


def exact(rates: Rates, usage: Usage) -> Fraction:
    media = usage.media or Media()
    units = (
        rates.request
        + rates.prompt * usage.prompt
        + rates.completion * usage.completion
        + rates.cache_read * usage.cache_read
        + rates.cache_write * usage.cache_write
        + rates.reasoning * usage.reasoning
        + rates.image * usage.images
        + rates.web_search * usage.web_searches
        + (rates.audio_input - rates.prompt) * media.audio_input
        + (rates.image_input - rates.prompt) * media.image_input
        + (rates.audio_output - rates.completion) * media.audio_output
        + (rates.image_output - rates.completion) * media.image_output
        + rates.image_made * media.images_made
        + rates.second * media.seconds
        + rates.character * media.characters
    )
    return Fraction(units, PER_MSAT)


@given(all_rates, usages | with_media())
def test_the_charge_is_the_exact_sum_rounded_up_once(rates: Rates, usage: Usage) -> None:
    assert calculate_request_cost(rates, usage).total == charge(exact(rates, usage))


@given(all_rates, usages | with_media())
def test_what_the_provider_takes_is_the_same_sum_at_its_rates(rates: Rates, usage: Usage) -> None:
    assert own_cost(rates, usage) == charge(exact(rates, usage))


@given(all_rates, usages | with_media())
def test_the_parts_sum_to_the_charge_and_none_is_negative(rates: Rates, usage: Usage) -> None:
    cost = calculate_request_cost(rates, usage)
    parts = [cost.base, cost.input, cost.output, cost.cache_read, cost.cache_write]
    assert total(parts) == cost.total
    assert min(parts) >= ZERO


@given(rates, usages)
def test_each_part_is_its_own_value_within_one_msat(rates: Rates, usage: Usage) -> None:
    cost = calculate_request_cost(rates, usage)
    assert abs(int(cost.input) - Fraction(rates.prompt * usage.prompt, PER_MSAT)) < 1
    assert abs(int(cost.cache_read) - Fraction(rates.cache_read * usage.cache_read, PER_MSAT)) < 1


@given(rates, usages, st.sampled_from(["prompt", "completion", "cache_read", "images"]), count)
def test_more_usage_never_costs_less(rates: Rates, usage: Usage, field: str, more: int) -> None:
    larger = replace(usage, **{field: getattr(usage, field) + more})
    before, after = (calculate_request_cost(rates, one).total for one in (usage, larger))
    assert after >= before


def parts_of(cost: Cost) -> list[Msat]:
    """In the order in which a charge pays for them."""
    return [cost.base, cost.input, cost.cache_read, cost.cache_write, cost.output]


@given(rates, usages, st.data())
def test_a_smaller_charge_pays_for_the_parts_in_order(
    rates: Rates, usage: Usage, data: st.DataObject
) -> None:
    cost = calculate_request_cost(rates, usage)
    charged = Msat(data.draw(st.integers(0, cost.total)))

    paid = fitted(cost, charged)

    assert paid.total == charged == total(parts_of(paid))
    pairs = list(zip(parts_of(paid), parts_of(cost), strict=True))
    assert all(ZERO <= part <= whole for part, whole in pairs)
    cut = [part < whole for part, whole in pairs]
    after = parts_of(paid)[cut.index(True) + 1 :] if any(cut) else []
    assert set(after) <= {ZERO}, "what comes after the cut is not paid for"


def test_a_charge_of_all_is_the_cost_itself() -> None:
    cost = Cost(Msat(15), Msat(1), Msat(2), Msat(3), Msat(4), Msat(5))
    assert fitted(cost, Msat(15)) is cost
    assert fitted(cost, Msat(8)) == Cost(Msat(8), Msat(1), Msat(2), ZERO, Msat(4), Msat(1))


def test_more_than_the_cost_is_never_charged() -> None:
    cost = calculate_request_cost(Rates(*[PER_MSAT] * 8), Usage(prompt=3, completion=4))
    with pytest.raises(AssertionError, match=r"^a hold is never charged more than its cost$"):
        fitted(cost, cost.total + Msat(1))


def test_a_tiny_price_is_charged_as_one_msat_and_many_tiny_parts_once() -> None:
    tiny = Rates(prompt=1, completion=1, cache_read=1, cache_write=1)
    assert calculate_request_cost(tiny, Usage(1, 1, 1, 1)).total == Msat(1)


def test_an_exact_msat_is_not_rounded() -> None:
    assert calculate_request_cost(Rates(prompt=PER_MSAT // 4), Usage(8, 0)).total == Msat(2)


def test_zero_is_a_price() -> None:
    embeddings = Rates(prompt=PER_MSAT)
    assert calculate_request_cost(embeddings, Usage(10, 0)).total == Msat(10)
    assert calculate_request_cost(Rates(), Usage(10**6, 10**6, images=5)).total == ZERO


def test_what_is_not_a_token_is_the_base() -> None:
    rates = Rates(request=PER_MSAT, image=10 * PER_MSAT, web_search=100 * PER_MSAT)
    cost = calculate_request_cost(rates, Usage(5, 5, images=2, web_searches=3))
    assert cost == Cost(Msat(321), Msat(321), ZERO, ZERO, ZERO, ZERO)


def test_reasoning_is_a_surcharge_on_the_output() -> None:
    rates = Rates(completion=2 * PER_MSAT, reasoning=PER_MSAT)
    cost = calculate_request_cost(rates, Usage(0, 10, reasoning=4))
    assert cost.output == cost.total == Msat(24)


def test_amounts_are_msat() -> None:
    cost = calculate_request_cost(Rates(prompt=PER_MSAT), Usage(1, 1))
    assert {type(part) for part in (cost.total, cost.base, cost.input, cost.output)} == {Msat}


def test_any_instance_charges_the_same_from_the_text_of_the_hold() -> None:
    rates = Rates(3, 5, 7, 11, 13, 17, 19, 23)
    usage = Usage(101, 103, 107, 109, 113, 127, 131)
    assert calculate_request_cost(Rates.loads(rates.dumps()), usage) == calculate_request_cost(
        rates, usage
    )


@pytest.mark.parametrize("tokens", range(1, 50))
def test_thirds_never_drift(tokens: int) -> None:
    third = Rates(prompt=-(-PER_MSAT // 3))
    assert calculate_request_cost(third, Usage(tokens, 0)).total == Msat(
        -(-tokens // 3) + (0 if tokens % 3 else 1)
    )


def test_sound_and_pictures_cost_what_their_own_rates_say() -> None:
    rates = Rates(
        prompt=10 * PER_MSAT,
        completion=20 * PER_MSAT,
        audio_input=100 * PER_MSAT,
        audio_output=200 * PER_MSAT,
        image_input=1 * PER_MSAT,
        image_output=300 * PER_MSAT,
        image_made=7_000 * PER_MSAT,
        second=3 * PER_MSAT,
        character=5 * PER_MSAT,
    )
    tokens = Usage(10, 10, media=Media(audio_input=4, image_input=5, audio_output=9))
    cost = calculate_request_cost(rates, tokens)
    assert (cost.base, cost.input, cost.output) == (0, 10 + 400 + 5, 20 + 1_800)
    drawn = Usage(0, 10, media=Media(audio_output=4, image_output=5))
    assert calculate_request_cost(rates, drawn).output == 20 + 800 + 1_500
    pieces = Usage(0, 0, media=Media(images_made=2, seconds=60, characters=11))
    assert calculate_request_cost(rates, pieces).base == 14_000 + 180 + 55


def test_without_prices_of_their_own_sound_and_pictures_cost_what_words_do() -> None:
    rates = Rates(prompt=10, completion=20)
    media = Media(audio_input=3, audio_output=4, image_input=5, image_output=6)
    assert calculate_request_cost(rates, Usage(9, 12, media=media)) == calculate_request_cost(
        rates, Usage(9, 12)
    )


USD_PER_BTC = Decimal(100_000)  # one USD is 1,000 sat


@pytest.mark.parametrize(
    ("said", "usd_per_btc", "msat"),
    [
        (None, USD_PER_BTC, 30),
        (Taken(Decimal(77), in_msat=True), None, 77),
        (Taken(Decimal("0.0001")), USD_PER_BTC, 100),
        (Taken(Decimal("0.0000001001")), USD_PER_BTC, 1),  # 0.1001 msat, rounded up
        (Taken(Decimal("0.0001")), None, 30),  # models priced in sat: nobody knows what a USD is
    ],
)
def test_what_a_provider_takes_is_what_it_says_else_its_prices(
    said: Taken | None, usd_per_btc: Decimal | None, msat: int
) -> None:
    usage = Usage(10, 10, taken=said)
    own = Rates(prompt=PER_MSAT, completion=2 * PER_MSAT)
    assert taken(own, usage, usd_per_btc) == msat
