import pytest
from pydantic import ValidationError

from routstr.balance.schemas import CreateRequest


@pytest.mark.parametrize("date", [0, -1, 253_402_300_800])
def test_a_key_does_not_expire_at_an_absurd_time(date: int) -> None:
    with pytest.raises(ValidationError):
        CreateRequest(initial_balance_token="cashuB", validity_date=date)
