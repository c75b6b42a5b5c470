from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.price_jumps import Jump, believed

LIMIT = 10
ONE = Decimal("1e-6")


def model(name: str = "m", **prices: Any) -> ModelSpec:
    return ModelSpec(id=name, pricing=UsdPricing(**prices))


@pytest.mark.parametrize(
    ("before", "now", "leaps"),
    [
        ({"prompt": ONE}, {"prompt": ONE * 10}, False),
        ({"prompt": ONE}, {"prompt": ONE * 11}, True),
        ({"prompt": ONE}, {"prompt": ONE / 10}, False),
        ({"prompt": ONE}, {"prompt": ONE / 11}, True),
        ({"prompt": ONE, "completion": ONE}, {"prompt": Decimal(0), "completion": ONE}, True),
        ({"prompt": ONE, "completion": ONE}, {}, True),
        ({"prompt": ONE, "input_cache_read": ONE}, {"prompt": ONE}, False),
        ({"prompt": ONE}, {"prompt": ONE, "request": Decimal(5)}, False),
        ({"prompt": ONE, "completion": Decimal(0)}, {"prompt": ONE, "completion": ONE}, False),
        ({}, {"prompt": ONE}, False),
        (
            {"output_cost_per_image": {"high/1024x1024": ONE, "low/1024x1024": ONE}},
            {"output_cost_per_image": {"high/1024x1024": ONE, "low/1024x1024": ONE * 20}},
            True,
        ),
    ],
)
def test_a_price_that_leaps_is_not_believed(
    before: dict[str, Any], now: dict[str, Any], leaps: bool
) -> None:
    models, jumps = believed([model(**before)], [model(**now)], LIMIT)
    assert bool(jumps) is leaps
    assert models == (model(**(before if leaps else now)),)


def test_one_leap_keeps_all_prices_of_that_model_and_of_no_other() -> None:
    before = [model("a", prompt=ONE, completion=ONE), model("b", prompt=ONE)]
    now = [model("A", prompt=ONE * 2, completion=ONE * 99), model("b", prompt=ONE * 2), model("c")]
    models, jumps = believed(before, now, LIMIT)
    assert [one.pricing.prompt for one in models] == [ONE, ONE * 2, None]
    assert jumps == (Jump("A", "completion", ONE, ONE * 99),)
    assert str(jumps[0]) == "A: completion 0.000001 -> 0.000099 USD"


def test_without_a_limit_everything_is_believed() -> None:
    now = [model(prompt=Decimal(0))]
    assert believed([model(prompt=ONE)], now, 0) == (tuple(now), ())


@given(
    st.decimals("1e-12", 1, places=12), st.decimals("1e-12", 1, places=12), st.integers(1, 1_000)
)
def test_what_is_sold_is_never_further_away_than_the_limit(
    before: Decimal, now: Decimal, limit: int
) -> None:
    (sold,), _ = believed([model(prompt=before)], [model(prompt=now)], limit)
    assert sold.pricing.prompt is not None
    assert before / limit <= sold.pricing.prompt * (1 + ONE)
    assert sold.pricing.prompt <= before * limit
