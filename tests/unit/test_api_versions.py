"""The promise of docs/versions.md: the API gets more, and loses only what it called deprecated."""

import json
from collections.abc import Callable
from copy import deepcopy
from typing import Any, Final

import pytest

from tests.unit import docs_api
from tests.unit.docs_markdown import read
from tests.unit.openapi import FILE, broken_promises, document, made, types

CHAT: Final = "/v1/chat/completions"
Change = Callable[[dict[str, Any]], object]


@pytest.fixture(scope="module")
def whole() -> dict[str, Any]:
    return made()


@pytest.fixture(scope="module")
def now(whole: dict[str, Any]) -> dict[str, Any]:
    return document(whole)


@pytest.fixture(scope="module")
def promised() -> dict[str, Any]:
    made: dict[str, Any] = json.loads(FILE.read_bytes())
    return made


def test_what_was_promised_is_kept(promised: dict[str, Any], now: dict[str, Any]) -> None:
    assert list(broken_promises(promised, now)) == []


def test_the_snapshot_is_of_today(promised: dict[str, Any], now: dict[str, Any]) -> None:
    """New parts become promises when they are there: see docs/testing.md."""
    assert promised == now, "python -m tests.unit.openapi > tests/unit/openapi.json"


def test_no_number_is_larger_than_a_database_can_look_for(whole: dict[str, Any]) -> None:
    """In paths and queries, which are compared; bodies are checked where they are read."""
    endless = [
        f"{method} {path} {one['name']}"
        for path, item in whole["paths"].items()
        for method, operation in item.items()
        for one in operation.get("parameters", ())
        for schema in (one["schema"], *one["schema"].get("anyOf", ()))
        if schema.get("type") == "integer" and {"maximum", "exclusiveMaximum"}.isdisjoint(schema)
        and one["name"] != "balance_limit"  # of one who makes a key: compared with its account
    ]  # fmt: skip
    assert endless == []


def test_the_reference_for_people_is_of_today(whole: dict[str, Any]) -> None:
    assert read(docs_api.PAGE) == docs_api.render(whole), "python -m tests.unit.docs_api"


def test_the_promise_is_about_something(promised: dict[str, Any]) -> None:
    assert len(promised["paths"]) > 25
    told, sure = types(
        promised, promised["paths"]["/v1/balance/info"]["get"]["responses"]["200"]["content"]
        ["application/json"]["schema"],
    )  # fmt: skip
    assert told["balance"] == {"integer"}
    assert {"balance", "reserved"} <= sure


def answer(of: dict[str, Any], path: str, method: str = "get") -> dict[str, Any]:
    """The schema of an answer, wherever it is written."""
    reply = of["paths"][path][method]["responses"]["200"]["content"]["application/json"]["schema"]
    return resolved(of, reply)


def body(of: dict[str, Any], path: str) -> dict[str, Any]:
    sent = of["paths"][path]["post"]["requestBody"]["content"]["application/json"]["schema"]
    return resolved(of, sent)


def resolved(of: dict[str, Any], schema: dict[str, Any]) -> dict[str, Any]:
    schema = next((one for one in schema.get("anyOf", ()) if "$ref" in one), schema)
    if "$ref" not in schema:
        return schema
    made: dict[str, Any] = of["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    return made


def parameters(of: dict[str, Any]) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = of["paths"]["/v1/balance/history"]["get"]["parameters"]
    return made


REQUIRED: Final = {"in": "query", "name": "new", "required": True, "schema": {"type": "string"}}
OPTIONAL: Final = {**REQUIRED, "required": False}
TEXT: Final = {"type": "string"}


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        (lambda of: of["paths"].pop(CHAT), "POST /v1/chat/completions is gone"),
        (lambda of: of["paths"]["/v1/balance/info"].pop("patch"), "PATCH /v1/balance/info is gone"),
        (lambda of: parameters(of).clear(), "query parameter limit is gone"),
        (lambda of: parameters(of)[0].update(schema=TEXT), "is of another type"),
        (lambda of: parameters(of).append(REQUIRED), "query parameter new is required now"),
        (lambda of: answer(of, "/v1/balance/info")["properties"].pop("balance"), "200's balance"),
        (
            lambda of: answer(of, "/v1/balance/info")["properties"].update(balance=TEXT),
            "200's balance is gone or of another type",
        ),
        (
            lambda of: answer(of, "/v1/balance/info")["required"].remove("balance"),
            "200's balance may be missing now",
        ),
        (
            lambda of: body(of, "/v1/balance/topup")["properties"].pop("cashu_token"),
            "the body's cashu_token is gone or of another type",
        ),
        (
            lambda of: body(of, "/v1/balance/create").setdefault("required", []).append("name"),
            "the body's name is required now",
        ),
        (
            lambda of: of["paths"][CHAT]["post"]["requestBody"]["content"].clear(),
            "a body of application/json is not taken any more",
        ),
        (
            lambda of: of["paths"][CHAT]["post"]["responses"]["200"]["content"].popitem(),
            "200 is not answered in text/event-stream any more",
        ),
    ],
)
def test_what_breaks_a_client_is_noticed(
    promised: dict[str, Any], change: Change, problem: str
) -> None:
    changed = json.loads(FILE.read_bytes())
    change(changed)
    assert any(problem in one for one in broken_promises(promised, changed))


@pytest.mark.parametrize(
    "change",
    [
        lambda of: of["paths"].update({"/v1/new": {}}),
        lambda of: parameters(of).append(OPTIONAL),
        lambda of: answer(of, "/v1/balance/info")["properties"].update(new=TEXT),
        lambda of: body(of, "/v1/balance/topup")["properties"].update(new=TEXT),
        lambda of: body(of, CHAT).pop("required"),
    ],
)
def test_more_breaks_nobody(promised: dict[str, Any], change: Change) -> None:
    changed = json.loads(FILE.read_bytes())
    change(changed)
    assert list(broken_promises(promised, changed)) == []


def test_what_was_called_deprecated_may_go() -> None:
    announced = json.loads(FILE.read_bytes())
    announced["paths"][CHAT]["post"]["deprecated"] = True
    gone = deepcopy(announced)
    gone["paths"].pop(CHAT)
    assert list(broken_promises(announced, gone)) == []
