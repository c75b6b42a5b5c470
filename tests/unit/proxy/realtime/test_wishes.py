"""Only events that are known and priced pass, and each as it was read."""

import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import InvalidEvent, NotPriced, RequestError
from routstr.proxy.realtime.reading import Reading
from routstr.proxy.realtime.wishes import read_wish


def item(*parts: dict[str, Any], **more: Any) -> dict[str, Any]:
    content = {"type": "message", "role": "user", "content": list(parts), **more}
    return {"type": "conversation.item.create", "item": content}


def session(**fields: Any) -> dict[str, Any]:
    return {"type": "session.update", "session": fields}


def response(**fields: Any) -> dict[str, Any]:
    return {"type": "response.create", "response": fields}


TEXT = {"type": "input_text", "text": "Hello"}
TOOL = {"type": "function", "name": "f", "parameters": {}}


@pytest.mark.parametrize(
    "event",
    [
        {"type": "input_audio_buffer.append", "audio": "AAAA"},
        {"type": "input_audio_buffer.commit"},
        {"type": "response.cancel", "response_id": "r"},
        {"type": "conversation.item.truncate", "item_id": "i"},
        session(type="realtime", instructions="Be brief.", tools=[TOOL], prompt=None),
        response(tools=[TOOL], input=[{"type": "item_reference", "id": "i"}]),
        response(),
        item(TEXT),
        item({"type": "input_image", "image_url": "data:image/png;base64,AAAA"}),
        {
            "type": "conversation.item.create",
            "item": {"type": "function_call_output", "output": "1"},
        },
    ],
)
def test_what_passes_is_what_was_read(event: dict[str, Any]) -> None:
    assert json.loads(read_wish(json.dumps(event)).encode()) == event


@pytest.mark.parametrize(
    "event",
    [
        session(type="transcription"),
        session(model="another"),
        session(prompt={"id": "pmpt_1"}),
        session(tracing="auto"),
        session(tools=[{"type": "mcp", "server_url": "https://tools.example"}]),
        session(tools=[5]),
        response(prompt={"id": "pmpt_1"}),
        response(tools=[{"type": "mcp"}]),
        response(input=[{"type": "mcp_call"}]),
        item({"type": "input_file", "file_id": "f"}),
        item({"type": "input_image", "image_url": "https://pictures.example/1.png"}),
        item({"type": "input_image", "file_id": "f"}),
        item(type="item_reference"),
        item(type="mcp_approval_response"),
        {"type": "conversation.item.create"},
    ],
)
def test_what_has_no_price_does_not_pass(event: dict[str, Any]) -> None:
    with pytest.raises(NotPriced):
        read_wish(json.dumps(event))


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "1", "{}", '{"type":5}', '{"type":"transcription_session.update"}',
     '{"type":"input_audio_buffer.append"}', '{"type":"input_audio_buffer.append","audio":5}',
     '{"type":"response.create","event_id":5}', "[" * 100_000],
)  # fmt: skip
def test_what_is_no_event_does_not_pass(text: str) -> None:
    with pytest.raises(InvalidEvent):
        read_wish(text)


def test_a_refusal_names_the_event() -> None:
    with pytest.raises(NotPriced) as refused:
        read_wish(json.dumps({**session(tracing="auto"), "event_id": "mine"}))
    assert refused.value.details["event_id"] == "mine"


def test_an_event_without_a_name_gets_one_that_stays() -> None:
    wish = read_wish(json.dumps(response()))
    assert wish.name() == wish.name() == json.loads(wish.encode())["event_id"]
    assert wish.event_id is None
    assert read_wish('{"type":"response.create","event_id":"mine"}').name() == "mine"


def test_of_two_values_the_one_that_counts_is_the_one_that_passes() -> None:
    text = '{"type":"session.update","session":{"tracing":"auto"},"session":{}}'
    assert json.loads(read_wish(text).encode()) == session()


@given(st.text(max_size=300), st.integers(min_value=0, max_value=3))
def test_text_is_counted_by_its_bytes_and_by_its_tokens(text: str, pictures: int) -> None:
    picture = {"type": "input_image", "image_url": "data:image/png;base64," + "A" * 5_000}
    wish = read_wish(json.dumps(item({"type": "input_text", "text": text}, *[picture] * pictures)))
    reading, encoded = Reading(), wish.encode().encode()
    before = reading.most
    wish.add_to(reading, len(encoded), 48_000)
    assert reading.most - before >= len(text.encode()) + pictures * 8_000
    assert reading.guess <= len(text.encode()) + 40 + pictures * 1_700


def test_sound_in_an_item_is_counted_as_sound() -> None:
    wish = read_wish(json.dumps(item({"type": "input_audio", "audio": "A" * 64_000})))
    reading = Reading()
    wish.add_to(reading, len(wish.encode()), 48_000)
    assert reading.guess == 10


@given(st.text(max_size=200))
def test_nothing_but_refusals_comes_of_any_text(text: str) -> None:
    with suppress(RequestError):
        read_wish(text)
