from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.web.places import places


@pytest.mark.parametrize(
    ("value", "shown"),
    [("0", "0"), ("8000", "8000"), ("2.5", "2.5"), ("0.15", "0.15"), ("0.001", "0.001"),
     ("0.000123456", "0.000123"), ("1234.5678", "1235"), ("0.0000000001", "0")],
)  # fmt: skip
def test_three_figures_count_and_zeros_do_not(value: str, shown: str) -> None:
    assert f"{Decimal(value):.{places(Decimal(value))}f}" == shown


@given(st.decimals(min_value=0, max_value=10**9, places=6))
def test_what_is_shown_is_off_by_less_than_a_hundredth(value: Decimal) -> None:
    assert abs(round(value, places(value)) - value) <= value / 100
