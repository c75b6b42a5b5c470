"""What has no price is refused, and what looks like it is not."""

from typing import Any

import msgspec
import pytest

from routstr.errors import InvalidParameter
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.unpriced import refuse_unpriced

URL = "https://example.org/long.pdf"


def user(part: object) -> dict[str, Any]:
    return {"messages": [{"role": "user", "content": [part]}]}


def refused(body: dict[str, Any]) -> str:
    with pytest.raises(InvalidParameter) as caught:
        refuse_unpriced(body)
    return str(caught.value.details["param"])


@pytest.mark.parametrize(
    "tool",
    [
        {"type": "web_search_20250305", "name": "web_search"},
        {"type": "web_fetch_20250910", "name": "web_fetch"},
        {"type": "code_execution_20250825", "name": "code_execution"},
        {"type": "web_search_preview"},
        {"type": "file_search", "vector_store_ids": ["vs_1"]},
        {"type": "code_interpreter", "container": {"type": "auto"}},
        {"type": "image_generation"},
        {"type": "mcp", "server_url": "https://example.org"},
        {"google_search": {}},
        {"type": 5},
    ],
)
def test_a_tool_of_the_provider_is_refused(tool: dict[str, Any]) -> None:
    mine = {"type": "function", "function": {"name": "look"}}
    assert refused({"tools": [mine, tool]}) == "tools"


def test_tools_of_the_client_pass() -> None:
    tools = [
        {"type": "function", "function": {"name": "look"}},
        {"type": "function", "name": "look", "parameters": {}},
        {"name": "look", "input_schema": {"type": "object"}},
        {"type": "custom", "name": "look"},
        {"type": "bash_20250124", "name": "bash"},
        {"type": "text_editor_20250728", "name": "str_replace_based_edit_tool"},
        {"type": "local_shell"},
    ]
    refuse_unpriced({"tools": tools})
    refuse_unpriced({"tools": None, "plugins": None, "audio": None})


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("plugins", [{"id": "web"}]),
        ("web_search_options", {}),
        ("search_parameters", {"mode": "on"}),
        ("mcp_servers", [{"type": "url", "url": "https://example.org"}]),
        ("audio", {"voice": "alloy", "format": "wav"}),
        ("modalities", ["text", "audio"]),
        ("modalities", ["image"]),
        ("service_tier", "priority"),
        ("service_tier", "scale"),
        ("service_tier", "of-tomorrow"),
        ("speed", "fast"),
        ("inference_geo", "us"),
        ("models", ["other/dearer"]),
        ("provider", {"order": ["dearest"], "allow_fallbacks": False}),
        ("provider", {"sort": "throughput"}),
        ("preset", "@preset/mine"),
        ("prediction", {"type": "content", "content": "word " * 100}),
        ("container", {"skills": [{"type": "anthropic", "skill_id": "pdf"}]}),
    ],
)
def test_a_field_that_costs_extra_is_refused(name: str, value: object) -> None:
    assert refused({name: value}) == name


@pytest.mark.parametrize(
    "body",
    [
        {"modalities": ["text"]},
        {"service_tier": "auto"},
        {"service_tier": "flex"},
        {"inference_geo": "global"},
        {"speed": ["fast"]},
        {"speed": 1.25},
        {"tools": 5},
        {"provider": None},
    ],
)
def test_a_field_that_does_not_passes(body: dict[str, Any]) -> None:
    refuse_unpriced(body)


@pytest.mark.parametrize(
    "part",
    [
        {"type": "document", "source": {"type": "url", "url": URL}},
        {"type": "document", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "image", "source": {"type": "file", "file_id": "file_1"}},
        {"type": "container_upload", "file_id": "file_1"},
        {"type": "file", "file": {"file_id": "file_1"}},
        {"type": "file", "file": {"file_data": URL}},
        {"type": "video_url", "video_url": {"url": URL}},
        {
            "type": "tool_result",
            "content": [{"type": "document", "source": {"type": "url", "url": URL}}],
        },
    ],
)
def test_what_a_message_only_refers_to_is_refused(part: dict[str, Any]) -> None:
    assert refused(user(part)) == "messages"


@pytest.mark.parametrize(
    "item",
    [
        {"type": "item_reference", "id": "msg_1"},
        {"id": "msg_1"},
        {"role": "user", "content": [{"type": "input_file", "file_url": URL}]},
        {"role": "user", "content": [{"type": "input_file", "file_id": "file_1"}]},
        {"type": "function_call_output", "output": [{"type": "input_file", "file_url": URL}]},
    ],
)
def test_what_an_input_only_refers_to_is_refused(item: dict[str, Any]) -> None:
    assert refused({"input": [{"role": "user", "content": "Hi"}, item]}) == "input"


@pytest.mark.parametrize(
    "part",
    [
        {"type": "image_url", "image_url": {"url": "https://example.org/cat.png"}},
        {"type": "image", "source": {"type": "url", "url": "https://example.org/cat.png"}},
        {"type": "document", "source": {"type": "text", "data": "Hello"}},
        {"type": "file", "file": {"file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "video_url", "video_url": {"url": "data:video/mp4;base64,AAAA"}},
        {"type": "tool_use", "id": "t", "name": "read", "input": {"file_id": "mine", "id": 1}},
        {"type": "text", "text": URL},
        "Hello",
    ],
)
def test_what_the_body_shows_passes(part: object) -> None:
    refuse_unpriced(user(part))
    refuse_unpriced({"input": [{"type": "message", "id": "msg_1", "content": [part]}]})
    refuse_unpriced({"input": ["Hello", [1, 2]], "messages": "Hello"})


HOUR = {"type": "ephemeral", "ttl": "1h"}
USUAL = {"type": "ephemeral"}


def sent(raw: bytes) -> dict[str, Any]:
    """What the provider would get of a body."""
    body = PaidRequest.parse(raw, Wording(limits=())).encode("m", None)
    read: dict[str, Any] = msgspec.json.decode(body)
    return read


@pytest.mark.parametrize(
    "make",
    [
        lambda control: {"cache_control": control},
        lambda control: {"system": [{"type": "text", "text": "x", "cache_control": control}]},
        lambda control: {"tools": [{"name": "f", "cache_control": control}]},
        lambda control: user({"type": "text", "text": "x", "cache_control": control}),
        lambda control: {
            "messages": [
                {"role": "user", "content": "x", "cache_control": control},
                {
                    "role": "user",
                    "content": [
                        {
                            "type": "tool_result",
                            "content": [{"type": "text", "text": "x", "cache_control": control}],
                        }
                    ],
                },
            ]
        },
        lambda control: {"input": [{"role": "user", "content": [{"cache_control": control}]}]},
    ],
)
def test_a_cache_for_an_hour_becomes_a_usual_one(make: Any) -> None:
    longer = msgspec.json.encode({"model": "m", **make(HOUR)})
    assert sent(longer) == {"model": "m", **make(USUAL)}
    hidden = longer.replace(b'"ttl"', b'"\\u0074tl"')
    assert sent(hidden) == {"model": "m", **make(USUAL)}


def test_a_usual_cache_and_words_about_caches_stay() -> None:
    body = {
        "model": "m",
        "messages": [
            {"role": "user", "content": [{"type": "text", "text": "a ttl of 1h", "ttl": "1h"}]},
            {"role": "user", "content": [{"cache_control": {"type": "ephemeral", "ttl": "5m"}}]},
        ],
        "tools": [{"name": "f", "input_schema": {"properties": {"cache_control": {"ttl": "1h"}}}}],
        "metadata": {"cache_control": {"ttl": "1h"}},
    }
    assert sent(msgspec.json.encode(body)) == body
