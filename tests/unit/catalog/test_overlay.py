from decimal import Decimal
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.names import index_names
from routstr.catalog.overlay import combine
from routstr.catalog.price_list import PriceIndex

ONE = UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("2e-6"))
TWO = UsdPricing(prompt=Decimal("3e-6"), completion=Decimal("4e-6"), image=Decimal("0.01"))


def listed(name: str, pricing: UsdPricing = ONE, context: int | None = 1000) -> ModelSpec:
    return ModelSpec(id=name, pricing=pricing, context_length=context)


def only(*args: Any) -> ModelSpec:
    (model,) = combine(*args).models
    return model


def test_a_providers_own_prices_go_before_the_public_ones_and_are_not_mixed() -> None:
    public = PriceIndex([listed("v/m", TWO, 2000)])
    own = only((), [listed("m")], public)
    assert own.pricing == ONE
    assert own.context_tokens == 1000
    without = only((), [listed("m", UsdPricing(), None)], public)
    assert without.pricing == TWO
    assert without.context_tokens == 2000
    assert without.id == "m"


def test_the_file_has_the_last_word_field_by_field() -> None:
    entry = {
        "id": "m",
        "name": "Mine",
        "pricing": {"completion": "9e-6", "image": None},
        "top_provider": {"max_completion_tokens": 50},
        "alias_ids": ["fast"],
        "base_msats": 5,
        "description": None,
    }
    model = only([entry], [listed("M")])
    assert model.pricing == UsdPricing(prompt=Decimal("1e-6"), completion=Decimal("9e-6"))
    assert (model.name, model.context_tokens, model.completion_tokens) == ("Mine", 1000, 50)
    assert (model.alias_ids, model.base_msats) == (("fast",), 5)


def test_an_entry_of_the_file_is_laid_over_what_it_forwards_to() -> None:
    model = only([{"id": "mine", "forwarded_model_id": "v/m"}], [listed("v/m")])
    assert (model.id, model.forwarded_model_id, model.pricing) == ("mine", "v/m", ONE)


def test_the_file_switches_models_off_and_gives_them_away() -> None:
    entries = [{"id": "m", "enabled": False}, {"id": "n", "free": True}]
    off, free = combine(entries, [listed("m"), listed("n", UsdPricing())]).models
    assert not off.enabled
    assert free.free


def test_the_file_sells_what_no_list_has_if_it_is_whole() -> None:
    whole = {"id": "mine", "context_length": 500, "pricing": {"prompt": "1", "completion": "1"}}
    combined = combine([whole, {"id": "half"}], [listed("m")])
    assert [model.id for model in combined.models] == ["mine", "m"]
    (reason,) = combined.left_out
    assert reason.startswith("model 'half': context_length: must be given")


def test_a_model_of_the_file_may_get_its_price_from_the_public_list() -> None:
    model = only([{"id": "gpt"}], (), PriceIndex([listed("openai/gpt")]))
    assert (model.id, model.pricing, model.context_tokens) == ("gpt", ONE, 1000)


def test_a_name_of_the_file_is_not_taken_by_a_list() -> None:
    entries = [{"id": "a/x", "context_length": 9, "alias_ids": ["fast"]}]
    combined = combine(entries, [listed("b/x"), listed("x"), listed("fast"), listed("v/fast")])
    sold = {model.id: model.forwarded_model_id for model in combined.models}
    assert sold == {"a/x": None, "b/x": "b/x", "v/fast": "v/fast"}
    assert len(combined.left_out) == 2


def test_two_models_of_a_list_under_one_name_are_sold_under_their_full_ids() -> None:
    models = combine((), [listed("a/x"), listed("b/X"), listed("y")]).models
    assert [model.forwarded_model_id for model in models] == ["a/x", "b/X", None]


names = st.sampled_from(["x", "a/x", "b/X", "X", "y", "a/y", "x/y", "z/a/x"])
entries = st.fixed_dictionaries(
    {"id": names, "context_length": st.just(1000)},
    optional={"alias_ids": st.lists(st.sampled_from(["one", "x-2", "a/x-2"]), max_size=1)},
)


@given(
    st.lists(entries, max_size=1),
    st.lists(names.map(listed), max_size=6, unique_by=lambda model: model.id.lower()),
)
def test_whatever_a_list_says_names_never_clash(
    file: list[dict[str, Any]], own: list[ModelSpec]
) -> None:
    combined = combine(file, own)
    index_names(combined.models)
    assert len(combined.models) + len(combined.left_out) >= len(own)
