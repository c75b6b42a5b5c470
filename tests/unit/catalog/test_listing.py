import json
from decimal import Decimal
from fractions import Fraction

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.listing import render_list, render_model, sats_pricing, usd_pricing
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.snapshot import Rates, UsdPrices

MODEL = ModelSpec(id="vendor/one", context_length=1000)


def exactly(body: bytes) -> dict[str, Decimal]:
    told: dict[str, Decimal] = json.loads(body, parse_float=Decimal, parse_int=Decimal)
    return told


def usd(prompt: str, completion: str, request: str = "0") -> UsdPrices:
    zero = Decimal(0)
    return UsdPrices(
        prompt=Decimal(prompt),
        completion=Decimal(completion),
        input_cache_read=Decimal(prompt),
        input_cache_write=Decimal(prompt),
        internal_reasoning=zero,
        request=Decimal(request),
        image=zero,
        web_search=zero,
    )


def test_a_model_has_the_fields_of_the_contract() -> None:
    model = json.loads(
        render_model(MODEL, limit=500, pricing={}, sats_pricing=None, provider="custom")
    )
    assert model == {
        "id": "one",
        "object": "model",
        "created": 0,
        "owned_by": "vendor",
        "name": "one",
        "description": "",
        "context_length": 1000,
        "architecture": {
            "modality": "text->text",
            "input_modalities": ["text"],
            "output_modalities": ["text"],
            "tokenizer": "Other",
            "instruct_type": None,
        },
        "pricing": {},
        "sats_pricing": None,
        "per_request_limits": None,
        "top_provider": {
            "context_length": 1000,
            "max_completion_tokens": 500,
            "is_moderated": None,
        },
        "enabled": True,
        "upstream_provider_id": "custom",
        "canonical_slug": None,
        "alias_ids": None,
        "forwarded_model_id": None,
    }


def test_a_model_without_a_vendor_is_owned_by_the_provider() -> None:
    body = render_model(
        ModelSpec(id="one", name="The One"), limit=1, pricing={}, sats_pricing={}, provider="p"
    )
    assert json.loads(body)["owned_by"] == "p"
    assert json.loads(body)["name"] == "The One"


def test_what_the_file_says_of_the_architecture_wins() -> None:
    model = ModelSpec(id="one", architecture={"tokenizer": "GPT", "more": [Decimal("1.5")]})
    body = json.loads(render_model(model, limit=1, pricing={}, sats_pricing={}, provider="p"))
    assert body["architecture"]["tokenizer"] == "GPT"
    assert body["architecture"]["more"] == [1.5]
    assert body["architecture"]["modality"] == "text->text"


def test_the_list_is_what_openai_clients_expect() -> None:
    assert json.loads(render_list([b"{}", b"{}"])) == {"object": "list", "data": [{}, {}]}
    assert json.loads(render_list([])) == {"object": "list", "data": []}


def test_usd_prices_and_worst_cases() -> None:
    prices = usd_pricing(usd("0.000003", "0.000015", "0.01"), context=200_000, limit=64_000)
    assert prices["max_prompt_cost"] == Decimal("0.6")
    assert prices["max_completion_cost"] == Decimal("0.96")
    assert prices["max_cost"] == Decimal("0.408") + Decimal("0.96") + Decimal("0.01")


@given(st.integers(0, 10**30), st.integers(0, 10**30), st.integers(0, 10**30))
def test_sat_prices_are_the_rates_to_the_last_digit(p: int, c: int, worst: int) -> None:
    rates = Rates(prompt=p, completion=c)
    body = msgspec.json.Encoder(decimal_format="number").encode(
        sats_pricing(rates, (worst, 0, 10**15))
    )
    told = exactly(body)
    assert Fraction(told["prompt"]) * 10**15 == p
    assert Fraction(told["completion"]) * 10**15 == c
    assert Fraction(told["max_prompt_cost"]) * 10**15 == worst
    assert told["max_cost"] == 1
    assert all(type(value) is Decimal for value in told.values())


@given(st.integers(0, 40), st.integers(1, 10**20))
def test_prices_have_no_empty_digits(zeros: int, digits: int) -> None:
    value = sats_pricing(Rates(prompt=digits * 10**zeros), (0, 0, 0))["prompt"]
    text = msgspec.json.Encoder(decimal_format="number").encode(value).decode()
    assert "E+" not in text
    assert not ("." in text and text.partition("E")[0].endswith("0"))
