"""Bounds are never below what may be used, and grow in steps."""

from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.snapshot import Rates
from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.usage import Media, Usage
from routstr.proxy.realtime.reading import LEAST_TOKENS, Reading, quote_response
from tests.unit.proxy.realtime.conversing import CONTEXT, TALKS, snapshot

ENTRY = snapshot().models[TALKS]
LEAST = Msat(1)
small = st.integers(min_value=0, max_value=200)
rate = st.integers(min_value=0, max_value=10**13)


@given(
    st.builds(
        Rates,
        prompt=rate,
        completion=rate,
        cache_read=rate,
        cache_write=rate,
        reasoning=rate,
        request=rate,
        audio_input=rate,
        audio_output=rate,
        image_input=rate,
        image_output=rate,
    ),
    *[small] * 6,
)
def test_no_response_costs_more_than_its_quote(
    rates: Rates, text: int, heard: int, cached: int, seen: int, said: int, spoken: int
) -> None:
    quoted = quote_response(rates, text + heard + seen + cached, said + spoken, LEAST)
    media = Media(audio_input=heard, audio_output=spoken, image_input=seen)
    usage = Usage(text + heard + seen, said + spoken, cached, reasoning=said, media=media)
    assert calculate_request_cost(rates, usage).total <= quoted.want
    assert quoted.admit == quoted.want, "the whole of it must be there"


def test_a_free_model_needs_no_balance_and_another_at_least_the_least_price() -> None:
    assert quote_response(Rates(), 100, 100, LEAST).want == Msat(0)
    assert quote_response(Rates(prompt=1), 100, 100, Msat(500)).want == Msat(500)


def test_what_may_be_read_grows_in_steps_up_to_the_context() -> None:
    reading = Reading()
    steps = {reading.worst(ENTRY)}
    for _ in range(200):
        reading.add_words(100, 25)
        steps.add(reading.worst(ENTRY))
        assert reading.worst(ENTRY) >= min(reading.most, CONTEXT)
    assert steps == {LEAST_TOKENS, 8_192, CONTEXT}
    assert reading.likely(ENTRY) == 5_000


def test_sound_pictures_and_answers_are_read_too() -> None:
    reading = Reading()
    before = reading.most
    reading.add_sound(48_000, 48_000)
    assert (reading.most - before, reading.guess) == (40, 10)
    reading.add_pictures(1)
    assert (reading.most - before, reading.guess) == (8_040, 1_710)
    reading.add_output(30)
    assert (reading.most - before, reading.guess) == (8_070, 1_740)
