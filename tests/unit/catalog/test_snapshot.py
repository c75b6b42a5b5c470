from dataclasses import FrozenInstanceError
from decimal import Decimal
from types import MappingProxyType

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.snapshot import Rates, Snapshot, find_name

rate = st.integers(min_value=0, max_value=10**40)
rates = st.builds(Rates, *[rate] * 8)


@given(rates)
def test_rates_survive_their_text(some: Rates) -> None:
    assert Rates.loads(some.dumps()) == some


def test_text_of_rates_is_compact_and_stable() -> None:
    text = Rates(prompt=1, completion=2, request=7).dumps()
    assert text == "r1 1 2 0 0 0 7 0 0"


@pytest.mark.parametrize(
    "text",
    [
        "",
        "r1",
        "r2 1 2 0 0 0 7 0 0",
        "r1 1 2 0 0 0 7 0",
        "r1 1 2 0 0 0 7 0 0 0",
        "r1 1 2 0 0 0 7 0 -1",
        "r1 1 2 0 0 0 7 0 1.5",
        "r1 1 2 0 0 0 7 0 ",
        "r1 1 2 0 0 0 7 0 1_0",
        "r1 1 2 0 0 0 7 0 ²",
        "r1  1 2 0 0 0 7 0",
    ],
)
def test_other_text_is_no_rates(text: str) -> None:
    with pytest.raises(ValueError, match="holds no rates"):
        Rates.loads(text)


@pytest.mark.parametrize("wrong", [-1, True, 1.0, Decimal(1), "1"])
def test_a_rate_is_a_whole_number_from_zero(wrong: object) -> None:
    with pytest.raises(ValueError, match="rate completion"):
        Rates(completion=wrong)  # type: ignore[arg-type]


def test_only_a_model_without_any_price_is_free() -> None:
    assert Rates().free
    assert not Rates(web_search=1).free


def test_worst_token_prices() -> None:
    some = Rates(prompt=4, completion=10, cache_read=1, cache_write=5, reasoning=3)
    assert some.input_worst == 5
    assert some.output_worst == 13


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ("gpt-x", "plain"),
        ("GPT-X", "plain"),
        ("gpt-x-20250514", "plain"),
        ("GPT-x-20240101", "dated"),
        ("gpt-x-2025051", None),
        ("gpt-x-2025-05-14", None),
        ("gpt-x-\uff12\uff10\uff12\uff15\uff10\uff15\uff11\uff14", None),
        ("20250514", None),
        ("-20250514", None),
        ("", None),
    ],
)
def test_names_are_found_in_any_case_and_without_their_date(asked: str, found: str | None) -> None:
    names = {"gpt-x": "plain", "gpt-x-20240101": "dated"}
    assert find_name(names, asked) == found


def test_a_snapshot_does_not_change() -> None:
    snapshot = Snapshot(1, MappingProxyType({}), MappingProxyType({}), Decimal(1), b"")
    with pytest.raises(FrozenInstanceError):
        snapshot.version = 2  # type: ignore[misc]
    assert snapshot.find("anything") is None
