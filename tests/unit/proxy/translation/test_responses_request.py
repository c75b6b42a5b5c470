"""Requests for responses, as chat completions; shapes of the public documentation."""

from typing import Any

import pytest

from routstr.errors import InvalidParameter
from routstr.proxy.translation.responses_request import chat_request

PNG = "data:image/png;base64,iVBORw0KGgo="


def translated(**body: Any) -> dict[str, Any]:
    return chat_request({"model": "m", "input": "Hello", **body})


def items(*given: dict[str, Any]) -> Any:
    return translated(input=list(given))["messages"]


def called(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    return {
        "type": "function_call",
        "id": f"fc_{call_id}",
        "call_id": call_id,
        "name": "look",
        "arguments": arguments,
        "status": "completed",
    }


def gave(call_id: str, output: Any = "done") -> dict[str, Any]:
    return {"type": "function_call_output", "call_id": call_id, "output": output}


def chat_call(call_id: str, arguments: str = "{}") -> dict[str, Any]:
    function = {"name": "look", "arguments": arguments}
    return {"id": call_id, "type": "function", "function": function}


def test_a_plain_request_says_the_same() -> None:
    asked = translated(
        instructions="Be brief.",
        max_output_tokens=50,
        temperature=0.5,
        top_p=0.9,
        stream=True,
        user="me",
        reasoning={"effort": "low", "summary": "auto"},
        text={"format": {"type": "text"}, "verbosity": "low"},
    )
    assert asked == {
        "messages": [
            {"role": "system", "content": "Be brief."},
            {"role": "user", "content": "Hello"},
        ],
        "max_tokens": 50,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "user": "me",
        "reasoning_effort": "low",
        "verbosity": "low",
    }


def test_what_matters_only_where_answers_are_kept_is_left_out() -> None:
    asked = translated(
        store=False,
        include=["reasoning.encrypted_content"],
        metadata={"a": "b"},
        truncation="auto",
        previous_response_id=None,
        service_tier="default",
    )
    assert asked == {"messages": [{"role": "user", "content": "Hello"}]}


def test_messages_of_all_roles() -> None:
    told = items(
        {"role": "developer", "content": "Be brief."},
        {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hi"}]},
        {
            "id": "msg_1",
            "type": "message",
            "role": "assistant",
            "status": "completed",
            "content": [{"type": "output_text", "text": "Hello!", "annotations": []}],
        },
        {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
    )
    assert told == [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": "Hi"},
        {"role": "assistant", "content": "Hello!"},
        {"role": "assistant", "content": "No."},
    ]


def test_pictures_and_files() -> None:
    (told,) = items(
        {
            "role": "user",
            "content": [
                {"type": "input_text", "text": "What is this?"},
                {"type": "input_image", "image_url": PNG, "detail": "low"},
                {"type": "input_image", "image_url": "https://a.example/b.png"},
                {
                    "type": "input_file",
                    "filename": "a.pdf",
                    "file_data": "data:application/pdf;base64,JVBE",
                },
            ],
        }
    )
    assert told["content"] == [
        {"type": "text", "text": "What is this?"},
        {"type": "image_url", "image_url": {"url": PNG, "detail": "low"}},
        {"type": "image_url", "image_url": {"url": "https://a.example/b.png"}},
        {
            "type": "file",
            "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,JVBE"},
        },
    ]


def test_calls_that_were_made_together_are_one_message() -> None:
    told = items(
        {"role": "user", "content": "Look twice."},
        {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "gAAA"},
        called("a", '{"at": 1}'),
        called("b"),
        gave("a", "one"),
        gave("b", [{"type": "input_text", "text": "two"}]),
        called("c"),
        gave("c"),
    )
    assert told == [
        {"role": "user", "content": "Look twice."},
        {"role": "assistant", "tool_calls": [chat_call("a", '{"at": 1}'), chat_call("b")]},
        {"role": "tool", "tool_call_id": "a", "content": "one"},
        {"role": "tool", "tool_call_id": "b", "content": "two"},
        {"role": "assistant", "tool_calls": [chat_call("c")]},
        {"role": "tool", "tool_call_id": "c", "content": "done"},
    ]


@pytest.mark.parametrize("first", ["words", "call"])
def test_words_and_calls_of_one_turn_are_one_message(first: str) -> None:
    words = {"role": "assistant", "content": "I'll look."}
    turn = [words, called("a")] if first == "words" else [called("a"), words]
    (told,) = items(*turn)
    assert told == {**words, "tool_calls": [chat_call("a")]}


def test_pictures_that_tools_gave_follow_all_results() -> None:
    picture = [{"type": "input_image", "image_url": PNG}]
    told = items(called("a"), called("b"), gave("a", picture), gave("b"))
    assert [one["role"] for one in told] == ["assistant", "tool", "tool", "user"]
    assert [one["tool_call_id"] for one in told[1:3]] == ["a", "b"]
    assert told[1]["content"] == "The image is in the next message."
    assert told[3]["content"] == [{"type": "image_url", "image_url": {"url": PNG}}]


FUNCTION = {
    "type": "function",
    "name": "look",
    "description": "Looks.",
    "parameters": {"type": "object", "properties": {"at": {"type": "integer"}}},
    "strict": True,
}


@pytest.mark.parametrize(
    ("choice", "told"),
    [
        ("auto", "auto"),
        ("required", "required"),
        ("none", "none"),
        (
            {"type": "function", "name": "look"},
            {"type": "function", "function": {"name": "look"}},
        ),
    ],
)
def test_tools_and_their_choice(choice: Any, told: Any) -> None:
    asked = translated(tools=[FUNCTION], tool_choice=choice, parallel_tool_calls=False)
    function = {name: value for name, value in FUNCTION.items() if name != "type"}
    assert asked["tools"] == [{"type": "function", "function": function}]
    assert asked["tool_choice"] == told
    assert asked["parallel_tool_calls"] is False


def test_without_tools_nothing_is_said_of_them() -> None:
    asked = translated(tools=[], tool_choice="auto", parallel_tool_calls=True)
    assert list(asked) == ["messages"]


@pytest.mark.parametrize(
    ("wanted", "told"),
    [
        ({"type": "text"}, None),
        ({"type": "json_object"}, {"type": "json_object"}),
        (
            {"type": "json_schema", "name": "it", "schema": {"type": "object"}, "strict": True},
            {
                "type": "json_schema",
                "json_schema": {"name": "it", "schema": {"type": "object"}, "strict": True},
            },
        ),
    ],
)
def test_a_wanted_format(wanted: dict[str, Any], told: Any) -> None:
    assert translated(text={"format": wanted}).get("response_format") == told


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"store": True}, "store"),
        ({"top_logprobs": 5}, "top_logprobs"),
        ({"tools": [{"type": "custom", "name": "grep"}]}, "tools"),
        ({"tools": [{"type": "local_shell"}]}, "tools"),
        ({"tools": [{"type": "function"}]}, "tools"),
        ({"tools": [FUNCTION], "tool_choice": {"type": "allowed_tools"}}, "tool_choice"),
        ({"text": {"format": {"type": "grammar"}}}, "text"),
        ({"input": [{"type": "computer_call"}]}, "input"),
        ({"input": [{"role": "tool", "content": "Hi"}]}, "input"),
        ({"input": [{"role": ["user"], "content": "Hi"}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_audio"}]}]}, "input"),
        ({"input": [{"role": "user", "content": [{"type": "input_image"}]}]}, "input"),
        (
            {
                "input": [
                    {"role": "assistant", "content": [{"type": "input_image", "image_url": PNG}]}
                ]
            },
            "input",
        ),
        ({"input": [{"type": "function_call", "name": "look"}]}, "input"),
        ({"input": 7}, "input"),
        ({"instructions": ["Be brief."]}, "instructions"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        translated(**body)
    assert caught.value.details == {"param": param}
