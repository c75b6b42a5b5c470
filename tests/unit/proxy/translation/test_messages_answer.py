"""A chat completion as a message."""

import json
from typing import Any

import pytest

from routstr.payment.usage import Usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.fields import encode
from routstr.proxy.translation.chat_answer import Call, Ending, Identity, Kind, Said
from routstr.proxy.translation.messages_answer import counts, message, stop

IDENTITY = Identity("1", "tiny-1", 5)


def told(said: Said) -> Any:
    return json.loads(encode(message(said)))


def test_thoughts_words_and_calls_are_blocks_in_this_order() -> None:
    words = [(Kind.THINKING, "Hm."), (Kind.TEXT, "I'll look.")]
    calls = [Call(1, "call_1", "look", ['{"at":', " 1.50}"])]
    assert told(Said(IDENTITY, words, calls, Ending("tool_calls", called=True))) == {
        "id": "msg_1",
        "type": "message",
        "role": "assistant",
        "model": "tiny-1",
        "content": [
            {"type": "thinking", "thinking": "Hm.", "signature": ""},
            {"type": "text", "text": "I'll look."},
            {"type": "tool_use", "id": "call_1", "name": "look", "input": {"at": 1.5}},
        ],
        "stop_reason": "tool_use",
        "stop_sequence": None,
    }


def test_arguments_stay_as_they_were_written() -> None:
    exact = '{"n": 12345678901234567890123, "f": 1.50}'
    said = Said(IDENTITY, [], [Call(1, "c", "look", [exact])], Ending("tool_calls"))
    assert exact.encode() in encode(message(said))


@pytest.mark.parametrize(
    ("arguments", "given"),
    [("", {}), (" ", {}), ("[1]", {"arguments": "[1]"}), ('{"a":', {"arguments": '{"a":'})],
)
def test_arguments_that_are_no_object(arguments: str, given: object) -> None:
    said = Said(IDENTITY, [], [Call(1, "c", "look", [arguments])], Ending("tool_calls"))
    assert told(said)["content"][0]["input"] == given


@pytest.mark.parametrize(
    ("ending", "reason"),
    [
        (Ending("stop"), "end_turn"),
        (Ending("eos"), "end_turn"),
        (Ending(), "end_turn"),
        (Ending("length"), "max_tokens"),
        (Ending("length", called=True), "max_tokens"),
        (Ending("tool_calls", called=True), "tool_use"),
        (Ending("stop", called=True), "tool_use"),
        (Ending("content_filter"), "refusal"),
        (Ending("stop", refused=True), "refusal"),
        (Ending("stop", "END"), "stop_sequence"),
    ],
)
def test_why_it_stopped(ending: Ending, reason: str) -> None:
    sequence = "END" if reason == "stop_sequence" else None
    assert stop(ending) == {"stop_reason": reason, "stop_sequence": sequence}


def test_cached_input_comes_on_top() -> None:
    usage = Usage(prompt=7, cache_read=5, cache_write=3, completion=6, reasoning=2)
    shown = counts(usage)
    assert (shown["input_tokens"], shown["cache_read_input_tokens"]) == (7, 5)
    again = parse_usage(shown)
    assert again is not None
    assert (again.input, again.cache_read, again.cache_write, again.completion) == (15, 5, 3, 6)
