from decimal import Decimal
from typing import Any

import pytest

from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.overlay import combine
from routstr.catalog.overrides import checked, laid_over, patched
from routstr.errors import ModelInvalid

BASE = ModelSpec(
    id="v/m",
    context_length=100,
    pricing=UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("2e-6"), request=Decimal(0)),
)


@pytest.mark.parametrize(
    "entry",
    [
        {"pricing": {"prompt": "0"}},
        {"pricing": {"prompt": 0, "completion": 0}},
        {"fixed": {"request": 0}},
        {"provider_fee": 0},
        {"provider_fee": "101"},
        {"pricing": {"prompt": "-1"}},
        {"pricing": {"prompt": "much"}},
        {"pricing": 5},
        {"context_length": 1},
        {"surprise": 1},
        {"provider": "another"},
        {"alias_ids": [" "]},
        {"alias_ids": [str(number) for number in range(51)]},
        {"description": "x" * 20_000},
        {"id": ""},
        {"id": "a\nb"},
        {"id": "x" * 257},
        {"id": 5},
    ],
)
def test_what_gives_away_or_breaks_is_refused(entry: dict[str, Any]) -> None:
    with pytest.raises(ModelInvalid):
        checked(BASE, {"id": "v/m", **entry})


@pytest.mark.parametrize(
    "entry",
    [
        {"free": True, "pricing": {"prompt": "0", "completion": "0"}},
        {"pricing": {"request": 0}},
        {"pricing": {"prompt": "5e-6"}, "provider_fee": "0.5"},
        {"fixed": {"request": "0.5"}},
        {"enabled": False},
    ],
)
def test_what_is_meant_is_taken(entry: dict[str, Any]) -> None:
    assert checked(BASE, {"id": "v/m", **entry}).id == "v/m"


def test_a_new_model_needs_all_that_it_is_sold_by() -> None:
    with pytest.raises(ModelInvalid, match="context_length"):
        checked(None, {"id": "new", "pricing": {"prompt": "1e-6", "completion": "0"}})
    made = checked(None, {"id": "new", "pricing": {"prompt": 1}, "context_length": 9})
    assert made.pricing.prompt == 1


def test_fields_are_laid_over_and_taken_back_one_by_one() -> None:
    entry = patched({"name": "N", "free": True}, {"free": None, "pricing": {"prompt": "3e-6"}})
    assert entry == {"name": "N", "pricing": {"prompt": "3e-6"}}
    model = laid_over(BASE, entry)
    assert (model.name, model.pricing.prompt) == ("N", Decimal("3e-6"))
    assert model.pricing.completion == Decimal("2e-6")


# ---- how they lie over file and lists ----


def listed(name: str) -> ModelSpec:
    return ModelSpec(id=name, context_length=100, pricing=BASE.pricing)


def sold(stored: dict[str, Any], *own: str, file: tuple[dict[str, Any], ...] = ()) -> list[str]:
    found = combine(file, [listed(name) for name in own], stored=stored)
    return [one.forwarded_model_id or one.id for one in found.models]


def test_stored_changes_lie_over_file_and_lists_and_sell_what_is_new() -> None:
    stored: dict[str, dict[str, Any]] = {
        "v/m": {"id": "v/m", "enabled": False},
        "n": {"id": "n", "provider_fee": "2"},
        "new": {"id": "New", "free": True, "context_length": 5},
    }
    found = combine([{"id": "n"}], [listed("V/m"), listed("n")], stored=stored)
    by_id = {model.id: model for model in found.models}
    assert not by_id["V/m"].enabled
    assert by_id["n"].provider_fee == 2
    assert by_id["New"].free
    assert [one.base is None for one in found.stock] == [False, False, True]


def test_no_two_models_get_one_name_whatever_is_stored() -> None:
    alias = {"b": {"id": "b", "alias_ids": ["a"]}}
    assert sold(alias, "a", "b") == ["b"]
    assert sold(alias, file=({"id": "a", "context_length": 9}, {"id": "b"})) == ["a"]
    both = {"x/m": {"id": "x/m", "name": "X"}}
    assert sold(both, "x/m", "y/m") == ["x/m", "y/m"]


def test_what_cannot_be_read_any_more_is_not_sold() -> None:
    found = combine((), [listed("m")], stored={"m": {"id": "m", "pricing": "later"}})
    assert found.models == ()
    assert found.stock[0].problem
