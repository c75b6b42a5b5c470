from dataclasses import dataclass

import pytest

from routstr.catalog.names import NameClash, advertised_id, index_names


@dataclass
class Model:
    id: str
    canonical_slug: str | None = None
    alias_ids: tuple[str, ...] | None = None
    forwarded_model_id: str | None = None


def test_a_model_is_advertised_without_its_vendor_or_under_its_forwarded_id() -> None:
    assert advertised_id(Model("openai/gpt-x")) == "gpt-x"
    assert advertised_id(Model("gpt-x")) == "gpt-x"
    assert advertised_id(Model("host/openai/gpt-x")) == "gpt-x"
    assert advertised_id(Model("openai/")) == "openai/"
    assert advertised_id(Model("openai/gpt-x", forwarded_model_id="vendor/X-1")) == "vendor/X-1"


def test_all_names_of_a_model_find_it_in_lower_case() -> None:
    model = Model("OpenAI/GPT-X", "openai/gpt-x-0", ("GPTX",), "openai/gpt-x-chat")
    assert set(index_names([model])) == {
        "openai/gpt-x",
        "gpt-x",
        "openai/gpt-x-0",
        "gpt-x-0",
        "gptx",
        "openai/gpt-x-chat",
        "gpt-x-chat",
    }


def test_an_exact_id_wins_over_an_alias_whatever_the_order() -> None:
    thief, owner = Model("a/one", alias_ids=("two",)), Model("b/two")
    assert index_names([thief, owner])["two"] == 1
    assert index_names([owner, thief])["two"] == 0


def test_an_alias_wins_over_an_implied_name() -> None:
    assert index_names([Model("a/x", canonical_slug="m"), Model("b/y", alias_ids=("m",))])["m"] == 1


def test_an_implied_name_of_two_models_finds_neither() -> None:
    names = index_names([Model("a/x", canonical_slug="s"), Model("b/y", canonical_slug="S")])
    assert "s" not in names


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Model("a/x"), Model("b/X")),
        (Model("a/x"), Model("x")),
        (Model("a/x"), Model("b/y", forwarded_model_id="x")),
        (Model("a/x", alias_ids=("m",)), Model("b/y", alias_ids=("M",))),
    ],
)
def test_two_models_under_one_name_are_refused(one: Model, other: Model) -> None:
    with pytest.raises(NameClash) as told:
        index_names([one, other])
    assert one.id in str(told.value)
    assert other.id in str(told.value)
