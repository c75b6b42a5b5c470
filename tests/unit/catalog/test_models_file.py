import json
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.models_file import (
    ModelsFileError,
    ModelSpec,
    load_entries,
    load_models,
    parse_models,
)


def model(**changes: object) -> dict[str, object]:
    usual: dict[str, object] = {
        "id": "vendor/one",
        "context_length": 1000,
        "pricing": {"prompt": "0.000001", "completion": "0.000002"},
    }
    return usual | changes


def parse(*models: object) -> tuple[ModelSpec, ...]:
    return parse_models(json.dumps({"data": models}).encode())


@pytest.mark.parametrize("form", ['{"data":[%s]}', '{"models":[%s]}', "[%s]"])
def test_all_three_forms_are_read(form: str) -> None:
    (one,) = parse_models((form % json.dumps(model())).encode())
    assert one.id == "vendor/one"
    assert one.pricing.prompt == Decimal("0.000001")
    assert one.enabled
    assert one.priced


@pytest.mark.parametrize(
    ("written", "price"),
    [
        ('"0.00000015"', "0.00000015"),
        ("0.00000015", "0.00000015"),
        ("1.5e-7", "0.00000015"),
        ("0.1234567890123456789", "0.1234567890123456789"),
        ("3", "3"),
        ('"0"', "0"),
        ("0", "0"),
    ],
)
def test_prices_are_read_digit_by_digit(written: str, price: str) -> None:
    text = json.dumps([model(pricing={"prompt": "PRICE"})]).replace('"PRICE"', written)
    (one,) = parse_models(text.encode())
    assert one.pricing.prompt == Decimal(price)


def test_fields_that_clients_know_are_kept_and_others_ignored() -> None:
    (one,) = parse(
        model(
            name="One",
            created=5,
            description="d",
            architecture={"modality": "text->text", "extra": [1, 2.5]},
            top_provider={"context_length": 900, "max_completion_tokens": 90, "is_moderated": True},
            per_request_limits={"prompt_tokens": "1"},
            canonical_slug="vendor/one-0",
            alias_ids=["uno"],
            forwarded_model_id="one-f",
            enabled=False,
            supported_parameters=["tools"],
        )
    )
    assert (one.name, one.created, one.description) == ("One", 5, "d")
    assert one.architecture["modality"] == "text->text"
    assert one.per_request_limits == {"prompt_tokens": "1"}
    assert (one.canonical_slug, one.alias_ids, one.forwarded_model_id) == (
        "vendor/one-0",
        ("uno",),
        "one-f",
    )
    assert not one.enabled
    assert (one.context_tokens, one.completion_tokens) == (900, 90)
    assert one.top_provider is not None
    assert one.top_provider.is_moderated


def test_limits_fall_back_to_the_model() -> None:
    (one,) = parse(model(top_provider={"context_length": None, "max_completion_tokens": None}))
    assert (one.context_tokens, one.completion_tokens) == (1000, None)


@pytest.mark.parametrize("pricing", [{}, {"prompt": "1"}, {"completion": "1"}, {"prompt": None}])
def test_a_model_without_a_price_is_read_but_not_priced(pricing: dict[str, Any]) -> None:
    (one,) = parse(model(pricing=pricing))
    assert not one.priced


@pytest.mark.parametrize(
    ("changes", "field", "reason"),
    [
        ({"pricing": {"prompt": "-0.1"}}, "pricing.prompt", "negative"),
        ({"pricing": {"prompt": -1}}, "pricing.prompt", "negative"),
        ({"pricing": {"image": "NaN"}}, "pricing.image", "number"),
        ({"pricing": {"image": "Infinity"}}, "pricing.image", "number"),
        ({"pricing": {"request": "one"}}, "pricing.request", "decimal"),
        ({"pricing": {"request": True}}, "pricing.request", "bool"),
        ({"pricing": {"completion": "1e6"}}, "pricing.completion", "at most 100000"),
        ({"pricing": {"completion": "1e-25"}}, "pricing.completion", "decimal places"),
        ({"pricing": "free"}, "pricing", "object"),
        ({"context_length": None}, "context_length", "must be given"),
        ({"context_length": 1}, "context_length", "2 or more"),
        ({"context_length": -5}, "context_length", "2 or more"),
        ({"context_length": 10**10}, "context_length", "2 or more"),
        ({"context_length": "many"}, "context_length", "int"),
        ({"top_provider": {"max_completion_tokens": -1}}, "max_completion_tokens", "positive"),
        ({"created": -1}, "created", "negative"),
        ({"alias_ids": [1]}, "alias_ids", "str"),
        ({"enabled": "yes"}, "enabled", "bool"),
        ({"name": None}, "name", "str"),
    ],
)
def test_an_error_names_the_model_and_the_field(
    changes: dict[str, Any], field: str, reason: str
) -> None:
    with pytest.raises(ModelsFileError) as told:
        parse(model(id="vendor/good"), model(**changes))
    assert "model 'vendor/one'" in str(told.value)
    assert field in str(told.value)
    assert reason in str(told.value)
    assert "vendor/good" not in str(told.value)


@pytest.mark.parametrize("raw", [{"context_length": 5}, {"id": ""}, {"id": 7}, 5, None, "x"])
def test_a_model_without_an_id_is_named_by_its_place(raw: object) -> None:
    with pytest.raises(ModelsFileError, match="model number 2"):
        parse(model(), raw)


def test_a_blank_id_is_refused() -> None:
    with pytest.raises(ModelsFileError, match="id: must not be empty"):
        parse(model(id="  "))


def test_all_faults_are_told_at_once_up_to_a_bound() -> None:
    with pytest.raises(ModelsFileError) as told:
        parse(*[model(id=f"m{n}", created=-1) for n in range(25)])
    assert str(told.value).count("created") == 20
    assert str(told.value).endswith("and 5 more")


@pytest.mark.parametrize("other", ["vendor/one", "VENDOR/One"])
def test_an_id_listed_twice_is_refused(other: str) -> None:
    with pytest.raises(ModelsFileError, match="is listed twice"):
        parse(model(), model(id=other, enabled=False))


def test_two_models_sold_under_one_name_are_refused_unless_one_is_switched_off() -> None:
    with pytest.raises(ModelsFileError, match="would both be sold as 'one'"):
        parse(model(), model(id="other/one"))
    assert len(parse(model(), model(id="other/one", enabled=False))) == 2


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b"{",
        b"{}",
        b"3",
        b'"x"',
        b'{"data":{}}',
        b'{"data":null}',
        b"\xff",
        b'[{"id":"a","context_length":1e999999999999999999999}]',
        b"[" * 100_000,
    ],
)
def test_what_is_no_list_of_models_is_refused(text: bytes) -> None:
    with pytest.raises(ModelsFileError):
        parse_models(text)


@given(st.binary(max_size=200) | st.text(max_size=200).map(str.encode))
def test_any_bytes_give_models_or_a_models_file_error(text: bytes) -> None:
    with suppress(ModelsFileError):
        assert isinstance(parse_models(text), tuple)


def test_a_file_is_named_in_its_errors(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    with pytest.raises(ModelsFileError, match=r"models\.json: No such file"):
        load_models(path)
    path.write_text("{")
    with pytest.raises(ModelsFileError, match=r"models\.json: not valid JSON"):
        load_models(path)
    path.write_text(json.dumps([model()]))
    assert [one.id for one in load_models(path)] == ["vendor/one"]


def test_the_example_at_the_root_is_valid() -> None:
    models = load_models(Path(__file__).parents[3] / "models.json")
    assert len(models) >= 5
    assert all(one.priced and one.enabled and one.name for one in models)


def test_what_a_list_may_still_say_need_not_be_in_the_file() -> None:
    text = json.dumps([{"id": "v/m", "alias_ids": ["fast"]}]).encode()
    assert parse_models(text, whole=False)[0].context_tokens == 0
    with pytest.raises(ModelsFileError, match="context_length: must be given"):
        parse_models(text)
    with pytest.raises(ModelsFileError, match="id: must not be empty"):
        parse_models(b'[{"id": " "}]', whole=False)


def test_entries_are_as_they_were_written(tmp_path: Path) -> None:
    path = tmp_path / "models.json"
    path.write_text('{"data":[{"id":"m","enabled":false,"mine":1.5}]}')
    assert load_entries(path, whole=False) == (
        {"id": "m", "enabled": False, "mine": Decimal("1.5")},
    )
    with pytest.raises(ModelsFileError, match=r"models\.json: model 'm': context_length"):
        load_entries(path, whole=True)


def test_a_model_may_be_listed_once_for_each_provider() -> None:
    entry = {"id": "m", "context_length": 1000}
    text = json.dumps([entry, {**entry, "provider": "b"}]).encode()
    assert len(parse_models(text)) == 2
    with pytest.raises(ModelsFileError, match="listed twice"):
        parse_models(json.dumps([{**entry, "provider": "b"}] * 2).encode())


@pytest.mark.parametrize(
    ("changes", "problem"),
    [
        ({"base_msats": -1}, "base_msats: must be msat"),
        ({"fixed": {"request": "-1"}}, "fixed.request: must be sat"),
        ({"fixed": {"requests": "1"}}, "unknown field"),
        ({"free": "yes"}, "free: Expected `bool`"),
    ],
)
def test_the_operators_own_prices_are_checked(changes: dict[str, object], problem: str) -> None:
    with pytest.raises(ModelsFileError, match=problem):
        parse_models(json.dumps([{"id": "m", "context_length": 1000, **changes}]).encode())
