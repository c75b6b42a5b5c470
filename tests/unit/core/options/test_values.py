from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st

from routstr.core.options.values import jsonable, plain
from routstr.core.settings import Settings


@given(st.decimals(min_value=0, max_value=100, places=9))
def test_a_number_of_json_is_the_one_that_was_written(written: Decimal) -> None:
    assert Decimal(plain(float(written))) == written


def test_values_are_stored_exactly() -> None:
    settings = Settings(exchange_fee="1.000000001", cashu_mints="https://a.example")
    assert jsonable(settings, "exchange_fee") == '"1.000000001"'
    assert jsonable(settings, "cashu_mints") == '["https://a.example"]'
    assert jsonable(settings, "min_request_msat") == "1"
    assert jsonable(settings, "store_answers") == "false"
    assert plain([1.5, "a"]) == ("1.5", "a")
