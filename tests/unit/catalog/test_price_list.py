import json
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.price_list import (
    MODELS_MAX,
    ListUnusable,
    PriceIndex,
    parse_list,
    without_date,
)

OPENROUTER = {
    "id": "openai/gpt-4o-mini",
    "canonical_slug": "openai/gpt-4o-mini-2024-07-18",
    "name": "OpenAI: GPT-4o-mini",
    "created": 1721260800,
    "description": "Small.",
    "context_length": 128000,
    "architecture": {
        "modality": "text+image->text",
        "input_modalities": ["text", "image"],
        "output_modalities": ["text"],
        "tokenizer": "GPT",
        "instruct_type": None,
    },
    "pricing": {
        "prompt": "0.00000015",
        "completion": "0.0000006",
        "request": "0",
        "image": "0.000217",
        "web_search": "0",
        "internal_reasoning": "0",
        "input_cache_read": "0.000000075",
    },
    "top_provider": {
        "context_length": 128000,
        "max_completion_tokens": 16384,
        "is_moderated": True,
    },
    "per_request_limits": None,
    "supported_parameters": ["max_tokens", "tools"],
}


def parsed(*models: object) -> tuple[ModelSpec, ...]:
    return parse_list(json.dumps({"object": "list", "data": models}).encode())


def priced(pricing: object) -> UsdPricing:
    (model,) = parsed({"id": "m", "pricing": pricing})
    return model.pricing


def test_openrouters_format_is_read_digit_by_digit() -> None:
    (model,) = parsed(OPENROUTER)
    assert model.pricing == UsdPricing(
        prompt=Decimal("1.5e-7"),
        completion=Decimal("6e-7"),
        request=Decimal(0),
        image=Decimal("0.000217"),
        web_search=Decimal(0),
        internal_reasoning=Decimal(0),
        input_cache_read=Decimal("7.5e-8"),
    )
    assert (model.context_tokens, model.completion_tokens) == (128_000, 16_384)
    assert model.architecture["input_modalities"] == ["text", "image"]
    assert "instruct_type" not in model.architecture
    assert model.top_provider == TopProvider(128_000, 16_384, is_moderated=True)


def test_another_node_tells_its_prices_as_numbers_and_more_than_is_wanted() -> None:
    pricing = {"prompt": 1.05525e-06, "completion": 0.0000032, "max_cost": 1.5, "discount": 0}
    sats = {"prompt": 0.001}
    (model,) = parsed({"id": "m", "pricing": pricing, "sats_pricing": sats, "enabled": True})
    assert model.pricing == UsdPricing(prompt=Decimal("1.05525e-6"), completion=Decimal("3.2e-6"))


def test_lists_without_prices_name_models_and_perhaps_their_context() -> None:
    openai = {"id": "gpt-4o", "object": "model", "created": 1715367049, "owned_by": "system"}
    vllm = {"id": "meta-llama/Llama-3.1-8B", "max_model_len": 131072, "permission": []}
    groq = {"id": "llama-3.1-8b-instant", "context_window": 131072, "active": True}
    models = parsed(openai, vllm, groq)
    assert [model.context_length for model in models] == [None, 131072, 131072]
    assert not any(model.priced for model in models)


@pytest.mark.parametrize(
    "pricing",
    [
        {"prompt": "-1", "completion": "-1"},
        {"prompt": "0", "completion": "0"},
        {"prompt": 0, "completion": 0, "request": "0"},
        {"prompt": "1e-6", "completion": "NaN"},
        {"prompt": "1e-6", "completion": "Infinity"},
        {"prompt": "1e-6", "completion": "cheap"},
        {"prompt": "1e-6", "completion": "1e-6", "image": "-1"},
        {"prompt": "1e-6", "completion": "1e99"},
        {"prompt": "1e-6", "completion": True},
        {"prompt": ["1e-6"], "completion": "1e-6"},
        "0.1",
        None,
    ],
)
def test_what_is_no_price_or_gives_away_is_no_price_at_all(pricing: object) -> None:
    assert priced(pricing) == UsdPricing()


def test_a_price_of_nothing_beside_another_is_one() -> None:
    assert priced({"prompt": "1e-6", "completion": "0"}).completion == 0


def test_a_provider_does_not_choose_its_names_nor_what_only_operators_say() -> None:
    (model,) = parsed(
        {
            "id": "m",
            "alias_ids": ["gpt-4o"],
            "forwarded_model_id": "gpt-4o",
            "free": True,
            "base_msats": 0,
            "fixed": {"request": "0"},
            "pricing_rule": "fixed",
            "provider": "other",
        }
    )
    assert model == ModelSpec(id="m")


def test_models_that_cannot_be_read_are_left_out() -> None:
    long = "m" * 257
    bad: list[Any] = [5, None, {}, {"id": 5}, {"id": ""}, {"id": " "}, {"id": long}, {"id": "a\nb"}]
    off = {"id": "off", "enabled": False}
    assert [model.id for model in parsed(*bad, off, {"id": "m"}, {"id": "M", "created": 5})] == [
        "m"
    ]


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"<html>",
        b'{"data": 5}',
        b'{"error": "no"}',
        b"[]",
        b'{"data":[{}]}',
        b"[" * 100_000,
        json.dumps([{"id": str(number)} for number in range(MODELS_MAX + 1)]).encode(),
    ],
)
def test_what_is_no_list_is_said_so(text: bytes) -> None:
    with pytest.raises(ListUnusable):
        parse_list(text)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text() | st.floats(),
        lambda inner: (
            st.lists(inner)
            | st.dictionaries(
                st.sampled_from(
                    [
                        "id",
                        "data",
                        "pricing",
                        "prompt",
                        "completion",
                        "top_provider",
                        "context_length",
                        "architecture",
                        "input_modalities",
                        "created",
                    ]
                ),
                inner,
            )
        ),
    )
)
def test_nothing_that_is_json_breaks_the_reader(content: Any) -> None:
    try:
        models = parse_list(json.dumps({"data": content}).encode())
    except ListUnusable:
        return
    assert all(isinstance(model, ModelSpec) for model in models)


@pytest.mark.parametrize(
    ("name", "base"),
    [
        ("gpt-4o-2024-08-06", "gpt-4o"),
        ("claude-sonnet-4-20250514", "claude-sonnet-4"),
        ("gpt-4o", "gpt-4o"),
        ("model-1234567", "model-1234567"),
        ("model-2024-0806", "model-2024-0806"),
        ("20250514", "20250514"),
        ("-20250514", "-20250514"),
        ("", ""),
    ],
)
def test_dates_at_the_end_are_cut(name: str, base: str) -> None:
    assert without_date(name) == base


INDEX = PriceIndex(
    ModelSpec(id=name)
    for name in (
        "openai/gpt-4o",
        "openai/gpt-4o-2024-08-06",
        "a/same",
        "b/same",
        "gpt-5",
        "x/gpt-5",
    )
)


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("openai/gpt-4o", "openai/gpt-4o"),
        ("OPENAI/GPT-4o", "openai/gpt-4o"),
        ("gpt-4o", "openai/gpt-4o"),
        ("gpt-4o-2024-08-06", "openai/gpt-4o-2024-08-06"),
        ("gpt-4o-2024-11-20", "openai/gpt-4o"),
        ("openai/gpt-4o-20241120", "openai/gpt-4o"),
        ("gpt-5", "gpt-5"),
        ("same", None),
        ("azure/gpt-4o", None),
        ("gpt-4", None),
        ("gpt-4o:free", None),
        ("", None),
    ],
)
def test_a_model_is_found_in_a_public_list_in_a_clear_order(asked: str, found: str | None) -> None:
    model = INDEX.find(asked)
    assert (model.id if model else None) == found
