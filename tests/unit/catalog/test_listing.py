import json
from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
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
    assert {name: bytes(price) for name, price in prices.items()} == {
        "prompt": b"0.000003",
        "completion": b"0.000015",
        "request": b"0.01",
        "image": b"0",
        "web_search": b"0",
        "internal_reasoning": b"0",
        "input_cache_read": b"0.000003",
        "input_cache_write": b"0.000003",
        "max_prompt_cost": b"0.6",
        "max_completion_cost": b"0.96",
        "max_cost": b"1.378",
    }


@given(st.integers(0, 10**30), st.integers(0, 10**30), st.integers(0, 10**30))
def test_sat_prices_are_the_rates_to_the_last_digit(p: int, c: int, worst: int) -> None:
    rates = Rates(prompt=p, completion=c)
    told = exactly(msgspec.json.encode(sats_pricing(rates, (worst, 0, 10**15))))
    assert Fraction(told["prompt"]) * 10**15 == p
    assert Fraction(told["completion"]) * 10**15 == c
    assert Fraction(told["max_prompt_cost"]) * 10**15 == worst
    assert told["max_cost"] == 1
    assert all(type(value) is Decimal for value in told.values())


@pytest.mark.parametrize(
    ("rate", "text"),
    [
        (0, b"0"),
        (1, b"0.000000000000001"),
        (10**15, b"1"),
        (10 * 10**15, b"10"),
        (10**14, b"0.1"),
        (1234 * 10**13, b"12.34"),
    ],
)
def test_prices_have_no_empty_digits_and_no_exponent(rate: int, text: bytes) -> None:
    assert bytes(sats_pricing(Rates(prompt=rate), (0, 0, 0))["prompt"]) == text


@pytest.mark.parametrize(
    ("price", "text"), [("1E-9", b"0.000000001"), ("1E+2", b"100"), ("0E-9", b"0"), ("10", b"10")]
)
def test_usd_prices_are_written_plainly(price: str, text: bytes) -> None:
    assert bytes(usd_pricing(usd(price, "0"), context=9, limit=1)["prompt"]) == text
