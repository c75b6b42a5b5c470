import json
from collections.abc import Mapping
from decimal import Decimal
from typing import Final

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import astuple

from routstr.payment.usage import Media, Taken, Usage
from routstr.payment.usage_reading import MAX_TOKENS, USD_MAX, parse_usage, usage_of, usual


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 5)),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 50,
                "prompt_tokens_details": {"cached_tokens": 60, "cache_write_tokens": 10},
                "completion_tokens_details": {"reasoning_tokens": 20},
            },
            Usage(30, 50, 60, 10, 20),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cache_creation_tokens": 10},
            },
            Usage(90, 1, 0, 10),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_cache_hit_tokens": 64,
                "prompt_cache_miss_tokens": 36,
            },
            Usage(36, 1, 64),
        ),
        (
            {
                "prompt_tokens": 100,
                "completion_tokens": 1,
                "prompt_tokens_details": {"cached_tokens": 64},
                "prompt_cache_hit_tokens": 64,
            },
            Usage(36, 1, 64),
        ),
        (
            {
                "input_tokens": 1000,
                "input_tokens_details": {"cached_tokens": 900},
                "output_tokens": 7,
                "output_tokens_details": {"reasoning_tokens": 3},
                "total_tokens": 1007,
            },
            Usage(100, 7, 900, 0, 3),
        ),
        (
            {
                "input_tokens": 10,
                "cache_read_input_tokens": 1000,
                "cache_creation_input_tokens": 200,
                "output_tokens": 7,
                "server_tool_use": {"web_search_requests": 2},
            },
            Usage(10, 7, 1000, 200, web_searches=2),
        ),
        ({"output_tokens": 7}, Usage(0, 7)),
        ({"prompt_tokens": 8, "total_tokens": 8}, Usage(8, 0)),
        ({"prompt_tokens": 8}, Usage(8, 0)),
        ({"prompt_tokens": 8, "total_tokens": 11}, Usage(8, 3)),
        ({"input_tokens": 8}, Usage(8, 0)),
        ({"prompt_tokens": 0, "completion_tokens": 0}, Usage(0, 0)),
        ({"prompt_tokens": MAX_TOKENS, "completion_tokens": 1}, Usage(MAX_TOKENS, 1)),
    ],
)
def test_every_dialect_is_read(said: Mapping[str, object], usage: Usage) -> None:
    assert parse_usage(said) == usage
    assert parse_usage({**said, "unknown": 1}) == usage


INPUT: Final = "prompt_tokens_details"
OUTPUT: Final = "completion_tokens_details"


@pytest.mark.parametrize(
    ("details", "usage"),
    [
        ({}, Usage(10, 5)),
        ({INPUT: None, OUTPUT: None}, Usage(10, 5)),
        ({INPUT: {}, OUTPUT: {}}, Usage(10, 5)),
        ({INPUT: {"cached_tokens": 4, "audio_tokens": 0}}, Usage(6, 5, 4)),
        ({INPUT: {"cached_tokens": 10}}, Usage(0, 5, 10)),
        ({INPUT: {"cached_tokens": 0}}, Usage(10, 5)),
        ({INPUT: {"cached_tokens": None}}, Usage(10, 5)),
        ({OUTPUT: {"reasoning_tokens": 5, "audio_tokens": None}}, Usage(10, 5, reasoning=5)),
        (
            {OUTPUT: {"accepted_prediction_tokens": 1, "rejected_prediction_tokens": 2}},
            Usage(10, 5),
        ),
    ],
)
def test_what_most_say_needs_no_closer_look(details: dict[str, object], usage: Usage) -> None:
    counts = {"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}
    assert usual({**counts, **details}) == usage


@pytest.mark.parametrize(("read", "written"), [(0, 0), (1, 0), (MAX_TOKENS, MAX_TOKENS)])
def test_the_least_and_the_most_need_no_closer_look(read: int, written: int) -> None:
    said = {"prompt_tokens": read, "completion_tokens": written}
    assert usual(said) == Usage(read, written)


@pytest.mark.parametrize(
    "odd",
    [
        {"input_tokens": 5},
        {"cost": 1},
        {"prompt_tokens": -1},
        {"prompt_tokens": True},
        {"prompt_tokens": 10.0},
        {"prompt_tokens": None},
        {"completion_tokens": MAX_TOKENS + 1},
        {"completion_tokens": "5"},
        {INPUT: [1]},
        {INPUT: "none"},
        {INPUT: {"cached_tokens": 11}},
        {INPUT: {"cached_tokens": -1}},
        {INPUT: {"cached_tokens": True}},
        {INPUT: {"cached_tokens": 4.0}},
        {INPUT: {"audio_tokens": 1}},
        {INPUT: {"image_tokens": 0}},
        {INPUT: {"cache_write_tokens": 4}},
        {OUTPUT: [1]},
        {OUTPUT: {"reasoning_tokens": 6}},
        {OUTPUT: {"reasoning_tokens": "5"}},
        {OUTPUT: {"audio_tokens": 1}},
        {OUTPUT: {"image_tokens": 1}},
    ],
)
def test_whatever_is_odd_gets_a_closer_look(odd: dict[str, object]) -> None:
    said = {"prompt_tokens": 10, "completion_tokens": 5, **odd}
    assert usual(said) is None


@pytest.mark.parametrize(
    "said",
    [
        None,
        [],
        "usage",
        5,
        {},
        {"total_tokens": 10},
        {"prompt_tokens": None, "completion_tokens": None},
        {"prompt_tokens": -1, "completion_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": -1},
        {"prompt_tokens": True, "completion_tokens": 5},
        {"prompt_tokens": "5", "completion_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": {"n": 5}},
        {"prompt_tokens": [5], "completion_tokens": 5},
        {"prompt_tokens": 5.5, "completion_tokens": 5},
        {"prompt_tokens": float("nan"), "completion_tokens": 5},
        {"prompt_tokens": float("inf"), "completion_tokens": 5},
        {"prompt_tokens": 5, "completion_tokens": MAX_TOKENS + 1},
        {"prompt_tokens": 1e300, "completion_tokens": 5},
        {"input_tokens": -5, "output_tokens": 5},
    ],
)
def test_a_spoilt_count_spoils_the_whole(said: object) -> None:
    assert parse_usage(said) is None


@pytest.mark.parametrize("odd", [-1, True, "64", None, [64], {}, float("nan"), 10**10, 0.5])
def test_an_odd_detail_is_ignored(odd: object) -> None:
    said = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": odd},
        "completion_tokens_details": {"reasoning_tokens": odd},
        "server_tool_use": {"web_search_requests": odd},
    }
    assert parse_usage(said) == Usage(100, 10)
    assert parse_usage(said | {"prompt_tokens_details": odd}) == Usage(100, 10)


def test_a_detail_is_cut_to_what_it_is_a_part_of() -> None:
    said = {
        "prompt_tokens": 100,
        "completion_tokens": 10,
        "prompt_tokens_details": {"cached_tokens": 90, "cache_write_tokens": 90},
        "completion_tokens_details": {"reasoning_tokens": 90},
    }
    assert parse_usage(said) == Usage(0, 10, 90, 10, 10)


def test_the_input_is_all_of_it() -> None:
    assert Usage(prompt=1, completion=2, cache_read=10, cache_write=100).input == 111


def test_without_output_there_was_no_reasoning() -> None:
    said = {"prompt_tokens": 5, "completion_tokens_details": {"reasoning_tokens": 9}}
    assert parse_usage(said) == Usage(5, 0)


def test_what_another_dialect_would_say_is_not_looked_at() -> None:
    said = {"prompt_tokens": 5, "completion_tokens": 2, "input_tokens": "many"}
    assert parse_usage(said) == Usage(5, 2)


COUNTS: st.SearchStrategy[object] = st.one_of(
    st.integers(-2, 12),
    st.sampled_from([MAX_TOKENS, MAX_TOKENS + 1, None, True, False, 3.0, "", "4", []]),
)


def details(*names: str) -> st.SearchStrategy[object]:
    known = st.fixed_dictionaries({}, optional=dict.fromkeys(names, COUNTS))
    return st.one_of(st.none(), st.just([]), known)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            **dict.fromkeys(("prompt_tokens", "completion_tokens", "total_tokens"), COUNTS),
            "prompt_tokens_details": details("cached_tokens", "audio_tokens", "image_tokens"),
            "completion_tokens_details": details(
                "reasoning_tokens", "audio_tokens", "accepted_prediction_tokens"
            ),
        },
    )
)
def test_what_is_usual_is_read_as_if_it_were_not(said: dict[str, object]) -> None:
    assert parse_usage(said) == parse_usage({**said, "unknown": 1})


def test_no_more_is_cached_than_there_is() -> None:
    said = {"prompt_tokens": 100, "completion_tokens": 1, "prompt_cache_hit_tokens": 500}
    assert parse_usage(said) == Usage(0, 1, 100)


def test_a_float_without_a_fraction_is_a_count() -> None:
    usage = parse_usage({"prompt_tokens": 5.0, "completion_tokens": 2.0})
    assert usage == Usage(5, 2)
    assert usage is not None
    assert type(usage.prompt) is int


names = st.sampled_from(
    [
        "prompt_tokens",
        "completion_tokens",
        "input_tokens",
        "output_tokens",
        "total_tokens",
        "cached_tokens",
        "cache_write_tokens",
        "reasoning_tokens",
        "prompt_tokens_details",
        "input_tokens_details",
        "completion_tokens_details",
        "cache_read_input_tokens",
        "cache_creation_input_tokens",
        "prompt_cache_hit_tokens",
        "server_tool_use",
        "web_search_requests",
    ]
)


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(names, inner, max_size=8),
    max_leaves=20,
)


@given(anything)
def test_whatever_a_provider_says_nothing_raises_and_all_counts_are_sane(said: object) -> None:
    for usage in (parse_usage(said), usage_of({"usage": said})):
        if usage is not None:
            *counts, reported, media, _taken = astuple(usage)
            counts += astuple(media or Media())
            assert all(type(one) is int and 0 <= one <= MAX_TOKENS for one in counts)
            assert usage.reasoning <= usage.completion
            assert reported is True


@pytest.mark.parametrize(
    "body",
    [
        {"usage": {"prompt_tokens": 3, "completion_tokens": 4}},
        {
            "type": "response.completed",
            "response": {"usage": {"input_tokens": 3, "output_tokens": 4}},
        },
        {"type": "message_start", "message": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
        {"usage": None, "response": {"usage": {"input_tokens": 3, "output_tokens": 4}}},
    ],
)
def test_usage_is_found_where_its_dialect_puts_it(body: object) -> None:
    assert usage_of(json.loads(json.dumps(body))) == Usage(3, 4)


@pytest.mark.parametrize("body", [None, [], "x", {}, {"usage": None}, {"response": "x"}])
def test_no_usage_is_found_where_there_is_none(body: object) -> None:
    assert usage_of(body) is None


def test_tokens_of_sound_and_pictures_are_parts_of_the_counts() -> None:
    told = {
        "prompt_tokens": 100,
        "completion_tokens": 50,
        "prompt_tokens_details": {"cached_tokens": 30, "audio_tokens": 60, "image_tokens": 60},
        "completion_tokens_details": {"audio_tokens": 70},
    }
    usage = parse_usage(told)
    assert usage is not None
    assert (usage.prompt, usage.cache_read) == (70, 30)
    assert usage.media == Media(audio_input=60, image_input=10, audio_output=50)


@pytest.mark.parametrize(
    ("sound", "picture", "media"),
    [
        (10, 7, Media(audio_output=10, image_output=7)),
        (10, 45, Media(audio_output=10, image_output=40)),  # more than there is beside the sound
        (0, 7, Media(image_output=7)),
        (10, 0, Media(audio_output=10)),
        (0, 0, None),
    ],
)
def test_pictures_are_what_sound_leaves_of_the_output(
    sound: int, picture: int, media: Media | None
) -> None:
    told = {
        "prompt_tokens": 0,
        "completion_tokens": 50,
        "completion_tokens_details": {"audio_tokens": sound, "image_tokens": picture},
    }
    assert parse_usage(told) == Usage(0, 50, media=media)


def test_parts_of_what_was_not_counted_are_none() -> None:
    some = {"audio_tokens": 7, "image_tokens": 7}
    assert parse_usage({"prompt_tokens": 5, OUTPUT: some}) == Usage(5, 0)
    assert parse_usage({"output_tokens": 5, INPUT: some}) == Usage(0, 5)


def test_a_transcription_s_details_have_a_name_of_their_own() -> None:
    told = {
        "type": "tokens",
        "input_tokens": 14,
        "input_token_details": {"text_tokens": 0, "audio_tokens": 14},
        "output_tokens": 45,
        "total_tokens": 59,
    }
    assert parse_usage(told) == Usage(14, 45, media=Media(audio_input=14))


def test_sound_that_was_cached_is_charged_as_cached() -> None:
    """As the realtime API tells it: every count includes what was cached of it."""
    told = {
        "input_tokens": 100,
        "output_tokens": 20,
        "input_token_details": {
            "text_tokens": 40,
            "audio_tokens": 50,
            "image_tokens": 10,
            "cached_tokens": 60,
            "cached_tokens_details": {"text_tokens": 15, "audio_tokens": 40, "image_tokens": 5},
        },
        "output_token_details": {"text_tokens": 5, "audio_tokens": 15, "reasoning_tokens": 2},
    }
    usage = parse_usage(told)
    media = Media(audio_input=10, audio_output=15, image_input=5)
    assert usage == Usage(40, 20, cache_read=60, reasoning=2, media=media)


ODD: list[object] = [-0.1, True, "0.1", [1], {}, float("nan"), 10**5_000]


ODD_MSAT: list[object] = [-1, 1.5, True, "1", 10**10]


@pytest.mark.parametrize(
    ("said", "taken"),
    [
        ({}, None),
        ({"cost": None}, None),
        ({"cost": 0}, Taken(Decimal(0))),
        ({"cost": USD_MAX}, Taken(Decimal(USD_MAX))),
        ({"cost": USD_MAX + 1}, None),
        ({"cost": 0.00015}, Taken(Decimal("0.00015"))),
        ({"cost": 0.1, "cost_details": {"upstream_inference_cost": 0.1}}, Taken(Decimal("0.1"))),
        (
            {"cost": 0.1, "is_byok": True, "cost_details": {"upstream_inference_cost": 0.25}},
            Taken(Decimal("0.35")),
        ),
        ({"cost": 0.1, "is_byok": True, "cost_details": {}}, Taken(Decimal("0.1"))),
        ({"cost": {"total_msats": 42, "total_usd": 0.1}}, Taken(Decimal(42), in_msat=True)),
        *(({"cost": odd}, None) for odd in ODD),
        *(({"cost": {"total_msats": odd}}, None) for odd in ODD_MSAT),
    ],
)
def test_what_the_provider_says_that_it_takes(said: dict[str, object], taken: Taken | None) -> None:
    counts = {"prompt_tokens": 10, "completion_tokens": 5}
    assert parse_usage({**counts, **said}) == Usage(10, 5, taken=taken)
