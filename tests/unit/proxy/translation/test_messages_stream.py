"""A stream of chat completion chunks as the events of a message."""

from typing import Any

from routstr.proxy.translation.chat_answer import Identity
from routstr.proxy.translation.messages_stream import MessagesWriter
from tests.unit.proxy.translation.playing import call, chunk, events, message_of, sse, whole

ROLE = {"role": "assistant", "content": ""}


def told(*deltas: dict[str, Any], finish: str = "stop") -> list[dict[str, Any]]:
    chunks = [chunk(ROLE), *map(chunk, deltas), chunk({}, finish)]
    return whole(MessagesWriter(), sse(chunks))


def test_the_events_of_a_text() -> None:
    assert told({"content": "Hel"}, {"content": "lo!"}) == [
        {
            "type": "message_start",
            "message": {
                "id": "msg_1",
                "type": "message",
                "role": "assistant",
                "model": "tiny-1",
                "content": [],
                "stop_reason": None,
                "stop_sequence": None,
                "usage": {"input_tokens": 0, "output_tokens": 0},
            },
        },
        {
            "type": "content_block_start",
            "index": 0,
            "content_block": {"type": "text", "text": ""},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "Hel"},
        },
        {
            "type": "content_block_delta",
            "index": 0,
            "delta": {"type": "text_delta", "text": "lo!"},
        },
        {"type": "content_block_stop", "index": 0},
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn", "stop_sequence": None},
            "usage": {
                "input_tokens": 7,
                "cache_creation_input_tokens": 0,
                "cache_read_input_tokens": 5,
                "output_tokens": 6,
            },
        },
        {"type": "message_stop"},
    ]


def test_thoughts_words_and_calls_follow_one_another() -> None:
    message = message_of(
        told(
            {"reasoning_content": "Let me"},
            {"reasoning_content": " see."},
            {"content": "I'll look."},
            call(0, name="look", call_id="call_1"),
            call(0, '{"at":'),
            call(0, "1}"),
            call(1, name="rest", call_id="call_2"),
            call(1, "{}"),
            finish="tool_calls",
        )
    )
    assert message["content"] == [
        {"type": "thinking", "thinking": "Let me see.", "signature": ""},
        {"type": "text", "text": "I'll look."},
        {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": 1}},
        {"type": "tool_use", "id": "call_2", "name": "rest", "input": {}},
    ]
    assert message["stop_reason"] == "tool_use"


def test_calls_told_in_turns_are_open_together() -> None:
    message = message_of(
        told(
            call(0, name="a", call_id="call_1"),
            call(1, name="b", call_id="call_2"),
            call(0, '{"x":'),
            call(1, '{"y":'),
            call(0, "1}"),
            call(1, "2}"),
            finish="tool_calls",
        ),
        one_at_a_time=False,
    )
    assert [block["input"] for block in message["content"]] == [{"x": 1}, {"y": 2}]


def test_what_follows_a_whole_call_is_nothing() -> None:
    message = message_of(
        told(
            call(0, "{}", name="a", call_id="call_1"),
            call(1, "{}", name="b", call_id="call_2"),
            call(0, " "),
        )
    )
    assert [block["input"] for block in message["content"]] == [{}, {}]


def test_a_message_without_a_word() -> None:
    message = message_of(told(finish="length"))
    assert (message["content"], message["stop_reason"]) == ([], "max_tokens")


def test_words_after_the_end_get_a_block_of_their_own() -> None:
    chunks = [chunk({"content": "Hi"}, "stop"), chunk({"content": "!"})]
    message = message_of(whole(MessagesWriter(), sse(chunks)))
    assert [block["text"] for block in message["content"]] == ["Hi", "!"]


def test_a_stream_begins_once() -> None:
    (start,) = events(MessagesWriter().begin(Identity("7", "m", 0)))
    assert start["message"]["id"] == "msg_7"
