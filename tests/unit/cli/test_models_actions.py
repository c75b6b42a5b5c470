"""``routstr models`` from its words to what is sold."""

import json
from typing import Any

import pytest

from tests.unit.cli.stage import Said, Stage

PRICING = {"prompt": "0.000001", "completion": "0.000002"}


@pytest.fixture
def shop(database: Stage, monkeypatch: pytest.MonkeyPatch) -> Stage:
    """A node that sells two models, and has a third without a price."""
    models = [
        {"id": "small", "name": "Small", "context_length": 1_000, "pricing": PRICING},
        {"id": "large", "name": "Large", "context_length": 9_000, "pricing": PRICING},
    ]
    (database.folder / "models.json").write_text(json.dumps({"data": models}))
    monkeypatch.setenv("MODELS_PATH", str(database.folder / "models.json"))
    monkeypatch.setenv("UPSTREAM_BASE_URL", "https://api.example.com/v1")
    monkeypatch.setenv("BTC_USD", "100000")
    monkeypatch.setenv("EXCHANGE_FEE", "1")
    monkeypatch.setenv("UPSTREAM_PROVIDER_FEE", "1")
    return database


def say(stage: Stage, *words: str) -> Said:
    return stage.run(*words, group="models")


def told(said: Said) -> Any:
    assert said.status == 0, said.error
    return json.loads(said.output)


def prices(model: dict[str, Any]) -> dict[str, str]:
    """USD for a million tokens."""
    return {line["name"]: line["own_usd"] for line in model["prices"] if line["own_usd"]}


def sold(stage: Stage) -> dict[str, str]:
    return {one["id"]: one["state"] for one in told(say(stage, "list", "--json"))["models"]}


def test_what_is_sold_is_listed_with_its_price(shop: Stage) -> None:
    said = say(shop)
    assert said.status == 0
    assert "small" in said.output
    assert "1,000,000" in said.output  # msat for a million tokens of a USD
    assert sold(shop) == {"small": "sold", "large": "sold"}
    assert "large" not in say(shop, "list", "small").output


def test_one_model_shows_its_formula(shop: Stage) -> None:
    assert "rule token" in say(shop, "show", "small").output
    answer = told(say(shop, "show", "small", "--json"))
    assert answer["provider"] == "example"
    assert prices(answer) == {"input": "1", "output": "2"}


def test_a_price_is_changed_beside_the_others_and_taken_back(shop: Stage) -> None:
    changed = told(say(shop, "set", "small", "pricing.prompt=0.000005", "name=Tiny", "--json"))
    assert changed["changed"]
    assert prices(changed) == {"input": "5", "output": "2"}
    told(say(shop, "set", "small", "pricing.completion=0.000009", "--json"))
    again = told(say(shop, "show", "small", "--json"))
    assert prices(again) == {"input": "5", "output": "9"}
    assert "as file and lists have it" in say(shop, "reset", "small").output
    assert not told(say(shop, "show", "small", "--json"))["changed"]


def test_a_model_is_switched_off_and_on(shop: Stage) -> None:
    assert told(say(shop, "disable", "large", "--json"))["state"] == "off"
    assert sold(shop) == {"small": "sold"}
    assert told(say(shop, "enable", "large", "--provider", "example", "--json"))["state"] == "sold"
    assert told(say(shop, "list", "--which", "changed", "--json"))["total"] == 1


@pytest.mark.parametrize(
    ("words", "status", "error"),
    [
        (("show", "nothing"), 1, "no model 'nothing'"),
        (("set", "small", "pricing"), 2, "say FIELD=VALUE"),
        (("set", "small", "shape.round=1"), 2, "say FIELD=VALUE"),
        (("set", "small", "colour=red"), 2, "colour"),
        (("set", "small", "pricing.prompt=much"), 2, "pricing.prompt"),
        (("set", "small", "pricing.prompt=-1"), 1, "pricing.prompt"),
        (("--json", "show", "small"), 2, "--json belongs behind show"),
    ],
)
def test_what_cannot_be_done_is_said(
    shop: Stage, words: tuple[str, ...], status: int, error: str
) -> None:
    said = say(shop, *words)
    assert (said.status, error in said.error) == (status, True), said
