import pytest
from pydantic import ValidationError

from routstr.balance.schemas import CreateRequest


@pytest.mark.parametrize("limit", [{"balance_limit": 5}, {"balance_limit_reset": "daily"}])
def test_a_limit_that_would_not_be_kept_is_refused(limit: dict[str, object]) -> None:
    with pytest.raises(ValidationError, match="not offered by this node"):
        CreateRequest.model_validate({"initial_balance_token": "cashuB", **limit})


def test_limits_that_are_null_are_no_limits() -> None:
    given = {"initial_balance_token": "cashuB", "balance_limit": None}
    assert CreateRequest.model_validate(given).initial_balance_token == "cashuB"


@pytest.mark.parametrize("date", [0, -1, 253_402_300_800])
def test_a_key_does_not_expire_at_an_absurd_time(date: int) -> None:
    with pytest.raises(ValidationError):
        CreateRequest(initial_balance_token="cashuB", validity_date=date)
