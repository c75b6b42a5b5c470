from decimal import Decimal

import pytest
from pydantic import ValidationError

from routstr.admin.selling.schemas import ModelChange, ModelCreate, TrialAnswer
from routstr.admin.selling.trial import Tried


def test_only_what_was_said_is_stored_and_null_is_said() -> None:
    body = '{"id": "m", "pricing": {"prompt": 0.0000025}, "name": null}'
    assert ModelCreate.model_validate_json(body).entry() == {
        "id": "m", "pricing": {"prompt": Decimal("0.0000025")}, "name": None,
    }  # fmt: skip
    assert ModelChange().entry(id="m") == {"id": "m"}


def test_an_unknown_field_is_refused() -> None:
    with pytest.raises(ValidationError):
        ModelChange.model_validate({"price": 5})


def test_a_failure_is_told_as_one() -> None:
    told = TrialAnswer.of("p", Tried(worked=False, status=429, seconds=0.12345, problem="busy"))
    assert (told.success, told.error, told.status_code, told.seconds) == (False, "busy", 429, 0.123)
