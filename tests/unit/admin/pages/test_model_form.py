from decimal import Decimal
from typing import Any

import pytest

from routstr.admin.pages.model_form import form_of, patch_of
from routstr.catalog.models_file import FixedSats, ModelSpec, UsdPricing
from routstr.catalog.overlay import Stocked
from routstr.catalog.overrides import patched
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.errors import InvalidParameter

PRICING = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("2e-6"))
BASE = ModelSpec(id="m", context_length=100, pricing=PRICING, alias_ids=("a",))
POLICY = PricePolicy()


def said(fields: dict[str, str], base: ModelSpec | None = BASE, **stored: Any) -> dict[str, Any]:
    entry = patched(stored, patch_of(fields, base, stored, POLICY))
    entry.pop("id", None)
    return entry


def test_a_form_that_is_left_alone_changes_nothing() -> None:
    shown = form_of(Stocked(BASE, BASE), {})
    fields = {name: str(value) for name, value in shown.items() if value is not False}
    assert said(fields) == {}


def test_every_kind_of_price_is_written_and_shown_again() -> None:
    on = {"enabled": "on", "aliases": "a"}
    usd = said({**on, "mode": "usd", "input": "2,5", "request": "0.01"})
    assert usd == {"pricing": {"prompt": Decimal("2.5e-6"), "request": Decimal("0.01")}}
    assert form_of(Stocked(BASE, BASE), usd)["input"] == "2.5"
    fixed = said({**on, "mode": "fixed", "fixed_input": "3"}, **usd)
    assert fixed == {"fixed": {"request": 0, "input_per_1k": 3, "output_per_1k": 0}}
    assert form_of(Stocked(BASE, BASE), fixed)["mode"] == "fixed"
    assert said({**on, "mode": "free"}, **fixed) == {"free": True}
    assert said({**on, "mode": "list", "fixed_input": "3", "fixed_request": "0"}, **fixed) == {}
    assert said({**on, "mode": "list"}, free=True) == {}


def test_prices_that_the_form_has_no_field_for_stay() -> None:
    stored: dict[str, Any] = {"pricing": {"image": "0.01", "prompt": "9e-6"}}
    fields = {"enabled": "on", "aliases": "a", "mode": "usd", "output": "4"}
    assert said(fields, **stored)["pricing"] == {"image": "0.01", "completion": Decimal("4e-6")}


def test_what_else_is_said_of_a_model() -> None:
    fields = {"aliases": "x, y\nx", "fee": "1.5", "name": " N ", "context": "50", "most": "20"}
    assert said(fields) == {
        "enabled": False,
        "name": "N",
        "alias_ids": ["x", "y"],
        "provider_fee": Decimal("1.5"),
        "context_length": 50,
        "top_provider": {"max_completion_tokens": 20},
    }


def test_a_price_in_usd_counts_where_prices_are_fixed() -> None:
    policy = PricePolicy(fixed=FixedPrices(Decimal(1), Decimal(0), Decimal(0)))
    patch = patch_of({"mode": "usd", "input": "1"}, BASE, {}, policy)
    assert patch["pricing_rule"] == "token"
    fixed = ModelSpec(id="m", fixed=FixedSats(request=Decimal(1)))
    assert patch_of({"mode": "usd", "input": "1"}, fixed, {}, POLICY)["pricing_rule"] == "token"


@pytest.mark.parametrize(
    "fields",
    [
        {"mode": "usd"},
        {"mode": "usd", "input": "-1"},
        {"mode": "usd", "input": "1e5"},
        {"mode": "list", "input": "3"},
        {"mode": "free", "fixed_request": "3"},
        {"mode": "usd", "input": "1", "fixed_request": "3"},
        {"mode": "usd", "input": "1,000"},
        {"fee": "0"},
        {"fee": "x"},
        {"context": "many"},
    ],
)
def test_what_cannot_be_read_is_told(fields: dict[str, str]) -> None:
    with pytest.raises(InvalidParameter):
        patch_of(fields, BASE, {}, POLICY)
