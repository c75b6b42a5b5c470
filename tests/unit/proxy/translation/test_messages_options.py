"""Tools, thinking, formats and users of requests for messages."""

from typing import Any

import pytest

from routstr.proxy.translation.messages_options import is_strict
from routstr.proxy.translation.messages_request import chat_request


def translated(**body: Any) -> dict[str, Any]:
    return chat_request({"messages": [{"role": "user", "content": "Hello"}], **body})


TOOL = {
    "name": "get_weather",
    "description": "Get the weather",
    "input_schema": {"type": "object", "properties": {"location": {"type": "string"}}},
}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ({"type": "auto"}, {"tool_choice": "auto"}),
        ({"type": "any"}, {"tool_choice": "required"}),
        ({"type": "none"}, {"tool_choice": "none"}),
        (
            {"type": "tool", "name": "get_weather"},
            {"tool_choice": {"type": "function", "function": {"name": "get_weather"}}},
        ),
        (
            {"type": "auto", "disable_parallel_tool_use": True},
            {"tool_choice": "auto", "parallel_tool_calls": False},
        ),
        (None, {}),
    ],
)
def test_tools_and_their_choice(choice: dict[str, Any] | None, told: dict[str, Any]) -> None:
    asked = translated(tools=[{**TOOL, "cache_control": {"type": "ephemeral"}}], tool_choice=choice)
    assert asked.pop("tools") == [
        {
            "type": "function",
            "function": {
                "name": "get_weather",
                "description": "Get the weather",
                "parameters": TOOL["input_schema"],
            },
        }
    ]
    assert {name: value for name, value in asked.items() if "tool" in name} == told


def test_a_choice_without_tools_is_no_choice() -> None:
    asked = translated(tools=[], tool_choice={"type": "none"})
    assert "tools" not in asked
    assert "tool_choice" not in asked


@pytest.mark.parametrize(
    ("given", "effort"),
    [
        ({"thinking": {"type": "enabled", "budget_tokens": 1_024}}, "low"),
        ({"thinking": {"type": "enabled", "budget_tokens": 10_000}}, "medium"),
        ({"thinking": {"type": "enabled", "budget_tokens": 32_000}}, "high"),
        ({"thinking": {"type": "enabled"}}, "low"),
        ({"output_config": {"effort": "max"}}, "high"),
        ({"thinking": {"type": "adaptive"}, "output_config": {"effort": "low"}}, "low"),
        ({"thinking": {"type": "adaptive"}}, None),
        ({"thinking": {"type": "disabled"}}, None),
        ({}, None),
    ],
)
def test_thinking(given: dict[str, Any], effort: str | None) -> None:
    assert translated(**given).get("reasoning_effort") == effort


@pytest.mark.parametrize("place", [{"output_config": 1}, {"output_format": 1}])
def test_a_wanted_format(place: dict[str, Any]) -> None:
    schema = {"type": "object", "properties": {"a": {"type": "integer"}}}
    wanted = {"type": "json_schema", "schema": schema}
    given = {"format": wanted} if "output_config" in place else wanted
    asked = translated(**dict.fromkeys(place, given))
    assert asked["response_format"] == {
        "type": "json_schema",
        "json_schema": {"name": "answer", "schema": schema, "strict": False},
    }


def test_a_user_s_id_that_is_too_long_becomes_its_digest() -> None:
    assert translated(metadata={"user_id": "u" * 64})["user"] == "u" * 64
    digest = translated(metadata={"user_id": "u" * 65})["user"]
    assert len(digest) == 64
    assert set(digest) <= set("0123456789abcdef")
    assert "user" not in translated(metadata={})


STRICT = {
    "type": "object",
    "properties": {"a": {"type": "array", "items": {"type": "integer"}}},
    "required": ["a"],
    "additionalProperties": False,
}


@pytest.mark.parametrize(
    ("schema", "strict"),
    [
        (STRICT, True),
        ({"anyOf": [STRICT, {"type": "null"}]}, True),
        ({**STRICT, "required": []}, False),
        ({**STRICT, "required": "a"}, False),
        ({**STRICT, "additionalProperties": True}, False),
        ({"type": "array", "items": {**STRICT, "required": None}}, False),
    ],
)
def test_a_schema_is_followed_to_the_letter_where_providers_can(
    schema: dict[str, Any], strict: bool
) -> None:
    assert is_strict(schema) is strict
    asked = translated(output_config={"format": {"type": "json_schema", "schema": schema}})
    assert asked["response_format"]["json_schema"]["strict"] is strict
    (tool,) = translated(tools=[{"name": "a", "input_schema": schema, "strict": True}])["tools"]
    assert tool["function"].get("strict", False) is strict
