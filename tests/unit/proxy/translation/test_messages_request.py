"""Requests for messages, as chat completions; shapes of the public documentation."""

import json
from typing import Any

import pytest

from routstr.errors import InvalidParameter
from routstr.proxy.translation.messages_request import chat_request

PNG = "iVBORw0KGgo="
HELLO = {"role": "user", "content": "Hello"}


def translated(**body: Any) -> dict[str, Any]:
    return chat_request({"model": "m", "max_tokens": 100, "messages": [HELLO], **body})


def turns(*messages: dict[str, Any]) -> Any:
    return translated(messages=list(messages))["messages"]


def test_a_plain_request_says_the_same() -> None:
    asked = translated(
        system="Be brief.", temperature=0.5, top_p=0.9, stream=True, stop_sequences=["END"]
    )
    assert asked == {
        "messages": [{"role": "system", "content": "Be brief."}, HELLO],
        "max_tokens": 100,
        "temperature": 0.5,
        "top_p": 0.9,
        "stream": True,
        "stop": ["END"],
    }


def test_hints_are_left_out() -> None:
    hint = {"type": "ephemeral"}
    system = [
        {"type": "text", "text": "Be brief.", "cache_control": hint},
        {"type": "text", "text": "Be kind."},
    ]
    asked = translated(
        system=system, top_k=5, cache_control=hint, service_tier="auto", stop_sequences=[]
    )
    assert asked == {
        "messages": [{"role": "system", "content": "Be brief.\nBe kind."}, HELLO],
        "max_tokens": 100,
    }


def test_a_tool_s_use_and_result() -> None:
    """The documentation's example of a weather tool, with another call beside it."""
    told = turns(
        {"role": "user", "content": "What is the weather in San Francisco?"},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "A tool.", "signature": "EqQB"},
                {"type": "redacted_thinking", "data": "Emw"},
                {"type": "text", "text": "I'll look."},
                {
                    "type": "tool_use",
                    "id": "toolu_01",
                    "name": "get_weather",
                    "input": {"location": "San Francisco, CA", "unit": "celsius"},
                },
                {"type": "tool_use", "id": "toolu_02", "name": "get_time", "input": {}},
            ],
        },
        {
            "role": "user",
            "content": [
                {"type": "tool_result", "tool_use_id": "toolu_01", "content": "15 degrees"},
                {
                    "type": "tool_result",
                    "tool_use_id": "toolu_02",
                    "content": [{"type": "text", "text": "noon"}],
                },
                {"type": "text", "text": "And in Fahrenheit?"},
            ],
        },
    )
    calls = told[1].pop("tool_calls")
    assert told == [
        {"role": "user", "content": "What is the weather in San Francisco?"},
        {"role": "assistant", "content": "I'll look."},
        {"role": "tool", "tool_call_id": "toolu_01", "content": "15 degrees"},
        {"role": "tool", "tool_call_id": "toolu_02", "content": "noon"},
        {"role": "user", "content": "And in Fahrenheit?"},
    ]
    assert [(one["id"], one["type"], one["function"]["name"]) for one in calls] == [
        ("toolu_01", "function", "get_weather"),
        ("toolu_02", "function", "get_time"),
    ]
    assert [json.loads(one["function"]["arguments"]) for one in calls] == [
        {"location": "San Francisco, CA", "unit": "celsius"},
        {},
    ]


def test_a_call_without_words_has_no_content_and_nothing_at_all_is_an_empty_one() -> None:
    use = {"type": "tool_use", "id": "t", "name": "look", "input": {"a": 1}}
    thought = {"type": "thinking", "thinking": "Hm.", "signature": ""}
    called, silent = turns(
        {"role": "assistant", "content": [use]}, {"role": "assistant", "content": [thought]}
    )
    assert "content" not in called
    assert silent == {"role": "assistant", "content": ""}


@pytest.mark.parametrize(
    ("source", "url"),
    [
        (
            {"type": "base64", "media_type": "image/png", "data": PNG},
            f"data:image/png;base64,{PNG}",
        ),
        ({"type": "url", "url": "https://a.example/b.png"}, "https://a.example/b.png"),
    ],
)
def test_images(source: dict[str, str], url: str) -> None:
    (told,) = turns(
        {
            "role": "user",
            "content": [
                {"type": "image", "source": source},
                {"type": "text", "text": "What is this?"},
            ],
        }
    )
    assert told["content"] == [
        {"type": "image_url", "image_url": {"url": url}},
        {"type": "text", "text": "What is this?"},
    ]


def test_an_image_that_a_tool_gave_follows_its_result() -> None:
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png", "data": PNG}}
    result, shown = turns(
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "content": [image]}],
        }
    )
    assert result == {
        "role": "tool",
        "tool_call_id": "t",
        "content": "The image is in the next message.",
    }
    assert shown["content"] == [
        {"type": "image_url", "image_url": {"url": f"data:image/png;base64,{PNG}"}}
    ]


def test_a_tool_s_failure_without_a_word_is_told() -> None:
    (result,) = turns(
        {
            "role": "user",
            "content": [{"type": "tool_result", "tool_use_id": "t", "is_error": True}],
        }
    )
    assert result["content"] == "Error"


@pytest.mark.parametrize(
    ("document", "part"),
    [
        (
            {"source": {"type": "text", "media_type": "text/plain", "data": "Once."}},
            {"type": "text", "text": "Once."},
        ),
        (
            {"source": {"type": "content", "content": "Once."}},
            {"type": "text", "text": "Once."},
        ),
        (
            {"source": {"type": "content", "content": [{"type": "text", "text": "Once."}]}},
            {"type": "text", "text": "Once."},
        ),
        (
            {
                "title": "tale.pdf",
                "source": {"type": "base64", "media_type": "application/pdf", "data": "JVBE"},
            },
            {
                "type": "file",
                "file": {"filename": "tale.pdf", "file_data": "data:application/pdf;base64,JVBE"},
            },
        ),
    ],
)
def test_documents(document: dict[str, Any], part: dict[str, Any]) -> None:
    image = {"type": "image", "source": {"type": "url", "url": "https://a.example/b.png"}}
    (told,) = turns({"role": "user", "content": [{"type": "document", **document}, image]})
    assert told["content"][0] == part


def test_a_system_message_among_the_others() -> None:
    told = turns(HELLO, {"role": "system", "content": [{"type": "text", "text": "Be brief."}]})
    assert told[1] == {"role": "system", "content": "Be brief."}


@pytest.mark.parametrize(
    ("body", "param"),
    [
        ({"tools": [{"type": "bash_20250124", "name": "bash"}]}, "tools"),
        ({"tools": [{"input_schema": {}}]}, "tools"),
        ({"tools": [{"name": "a"}], "tool_choice": {"type": ["odd"]}}, "tool_choice"),
        ({"tools": "all"}, "tools"),
        ({"messages": [{"role": ["user"], "content": "Hi"}]}, "messages"),
        ({"messages": [{"role": "user", "content": 7}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "search_result"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "text"}]}]}, "messages"),
        ({"messages": [{"role": "user", "content": [{"type": "image"}]}]}, "messages"),
        (
            {"messages": [{"role": "user", "content": [{"type": "image", "source": {}}]}]},
            "messages",
        ),
        (
            {"messages": [{"role": "assistant", "content": [{"type": "server_tool_use"}]}]},
            "messages",
        ),
        ({"messages": ["Hello"]}, "messages"),
        ({"system": 7}, "system"),
        ({"inference_geo": "eu"}, "inference_geo"),
        ({"output_config": {"format": {"type": "grammar"}}}, "output_config"),
    ],
)
def test_what_cannot_be_said_is_refused_by_name(body: dict[str, Any], param: str) -> None:
    with pytest.raises(InvalidParameter) as caught:
        translated(**body)
    assert caught.value.details == {"param": param}
