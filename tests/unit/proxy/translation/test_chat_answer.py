"""Reading a chat completion."""

from typing import Any

import pytest

from routstr.proxy.fields import encode, read_fields
from routstr.proxy.translation.chat_answer import (
    Ending,
    Identity,
    Kind,
    Said,
    forgiving,
    is_object,
    read_answer,
    spoken,
)


def read(message: Any = None, finish: object = "stop", **more: Any) -> Said:
    answer = {"choices": [{"index": 0, "message": message, "finish_reason": finish, **more}]}
    fields = read_fields(encode({"id": "chatcmpl-1", "model": "m", "created": 5, **answer}))
    assert fields is not None
    return read_answer(fields, "fallback")


def test_the_documentation_s_answer() -> None:
    said = read({"role": "assistant", "content": "Hello!", "refusal": None, "annotations": []})
    assert said.identity == Identity("1", "m", 5)
    assert said.words == [(Kind.TEXT, "Hello!")]
    assert said.calls == []
    assert said.ending == Ending("stop")


@pytest.mark.parametrize(
    ("message", "words"),
    [
        ({"content": "Hi", "reasoning_content": "Hm"}, [(Kind.THINKING, "Hm"), (Kind.TEXT, "Hi")]),
        (
            {"content": "Hi", "reasoning": "Hm", "reasoning_content": "Hm"},
            [(Kind.THINKING, "Hm"), (Kind.TEXT, "Hi")],
        ),
        ({"content": "", "reasoning": ""}, []),
        ({"content": None, "refusal": "No."}, [(Kind.REFUSAL, "No.")]),
        (
            {
                "content": [
                    {"type": "thinking", "thinking": [{"type": "text", "text": "Hm"}]},
                    {"type": "text", "text": "Hi"},
                    {"type": "text", "text": ""},
                    "odd",
                ]
            },
            [(Kind.THINKING, "Hm"), (Kind.TEXT, "Hi")],
        ),
        ({"content": 7}, []),
        (None, []),
    ],
)
def test_words_wherever_a_provider_puts_them(message: Any, words: Any) -> None:
    assert read(message).words == words
    assert list(spoken(message or {})) == words


def test_calls_with_and_without_ids() -> None:
    calls = [
        {"id": "call_1", "type": "function", "function": {"name": "a", "arguments": '{"x":1}'}},
        {"function": {"name": "b", "arguments": {"x": 2}}},
        {"id": "", "function": {"name": "c"}},
        "odd",
    ]
    said = read({"content": None, "tool_calls": calls}, "tool_calls")
    assert said.ending.called
    assert [(one.name, one.arguments) for one in said.calls] == [
        ("a", '{"x":1}'),
        ("b", '{"x":2}'),
        ("c", ""),
    ]
    ids = [one.id for one in said.calls]
    assert ids[0] == "call_1"
    assert len(set(ids)) == 3
    assert all(ids)


@pytest.mark.parametrize("choices", [[], [7], "odd", None])
def test_no_answer_at_all_says_nothing(choices: object) -> None:
    fields = read_fields(encode({"choices": choices}))
    assert fields is not None
    said = read_answer(fields, "fallback")
    assert (said.words, said.calls, said.ending.reason) == ([], [], None)
    assert said.identity.number == "fallback"


def test_which_sequence_stopped_it() -> None:
    assert read({"content": "Hi"}, stop_reason="END").ending.stop_sequence == "END"
    assert read({"content": "Hi"}, stop_reason=128_009).ending.stop_sequence is None


def test_a_name_without_the_prefix_of_its_endpoint() -> None:
    assert Identity.of({"id": "gen-7", "model": 7, "created": "now"}) == Identity("7", "", 0)
    assert Identity.of({}).number != Identity.of({"id": 7}).number


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("{}", True), (' {"a": [1]} ', True), ("[]", False), ("", False), ('{"a"', False)],
)
def test_json_objects(text: str, is_one: bool) -> None:
    assert is_object(text) is is_one


@pytest.mark.parametrize(
    ("data", "found"),
    [
        (b'{"a": NaN}', {"a": None}),
        (b'"x\\ud83d"', "x?"),
        (b'"\\ud83d\\ude00"', "\U0001f600"),
        (b"{", None),
        (b"\xff", None),
    ],
)
def test_what_is_nearly_json(data: bytes, found: object) -> None:
    assert forgiving(data) == found
