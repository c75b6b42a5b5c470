"""``routstr settings`` from its words to what is stored, and to what other commands know."""

import json

import pytest

from routstr.cli.shell import settings_or_exit
from tests.unit.cli.stage import LISTED, Said, Stage


def say(stage: Stage, *words: str) -> Said:
    return stage.run(*words, group="settings")


def test_a_value_is_stored_shown_and_forgotten(database: Stage) -> None:
    assert say(database, "set", "EXCHANGE_FEE", "1.02").status == 0
    assert say(database, "get", "exchange_fee").output == "1.02\n"
    assert settings_or_exit().exchange_fee.as_tuple().digits == (1, 0, 2)
    told = json.loads(say(database, "list", "--json").output)
    assert told["exchange_fee"] == {"value": "1.02", "source": "stored", "problem": None}
    assert told["cashu_mints"] == {"value": LISTED, "source": "environment", "problem": None}
    assert told["database_url"]["value"] == "[REDACTED]"
    assert "EXCHANGE_FEE" in say(database).output
    assert say(database, "unset", "exchange_fee").status == 0
    assert say(database, "get", "exchange_fee").output == "1.005\n"
    assert len(json.loads(say(database, "list", "--all", "--json").output)) > len(told)


@pytest.mark.parametrize(
    ("words", "status", "why"),
    [
        (("set", "exchange_fee", "much"), 1, "Nothing was changed. EXCHANGE_FEE: should be"),
        (("set", "cashu_mints", "https://a.example"), 1, "set in the environment"),
        (("set", "port", "1"), 1, "environment only"),
        (("get", "nothing"), 2, "is no setting"),
    ],
)
def test_what_is_wrong_is_said(
    database: Stage, words: tuple[str, ...], status: int, why: str
) -> None:
    said = say(database, *words)
    assert said.status == status
    assert why in said.error
