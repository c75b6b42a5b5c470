"""Reading chunks, however they come; what is said twice in different ways is said the same."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from routstr.errors import UpstreamError
from routstr.proxy.translation.chat_stream import CALLS_MAX, Writer
from routstr.proxy.translation.messages_stream import MessagesWriter
from routstr.proxy.translation.responses_stream import ResponsesWriter
from tests.unit.proxy.translation.playing import (
    call,
    chunk,
    events,
    fed,
    message_of,
    response_of,
    sse,
    whole,
)

WRITERS: list[Callable[[], Writer]] = [MessagesWriter, ResponsesWriter]
TOLD = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}

words = st.tuples(st.sampled_from(["reasoning_content", "content"]), st.text(min_size=1))
arguments = st.dictionaries(
    st.text(max_size=5), st.none() | st.integers() | st.text(max_size=9), max_size=3
)
calls = st.tuples(st.just("call"), arguments)


@st.composite
def scripts(draw: st.DrawFn) -> tuple[list[Any], bytes]:
    """What a model says, then what it calls; and a stream in which a provider tells it."""
    said = [*draw(st.lists(words, max_size=5)), *draw(st.lists(calls, max_size=3))]
    chunks = [chunk({"role": "assistant", "content": ""})]
    for number, (kind, what) in enumerate(said):
        if kind != "call":
            chunks.append(chunk({kind: what}))
            continue
        text = json.dumps(what, ensure_ascii=draw(st.booleans()))
        border = draw(st.integers(0, len(text)))
        index = draw(st.sampled_from([number, 0]))  # some providers number them all the same
        chunks.append(chunk(call(index, name="look", call_id=f"call_{number}")))
        chunks += [chunk(call(index, text[:border])), chunk(call(index, text[border:]))]
    chunks.append(chunk({}, "tool_calls" if any(one[0] == "call" for one in said) else "stop"))
    if draw(st.booleans()):
        chunks.append({**chunk(), "choices": [], "usage": TOLD})
    else:
        chunks[-1]["usage"] = TOLD
    newline = draw(st.sampled_from(["\n", "\r\n"]))
    data = sse(chunks, done=draw(st.booleans()), newline=newline)
    return said, draw(st.sampled_from([b"", b": comment\n\n"])) + data


def joined(said: list[Any]) -> list[tuple[str, Any]]:
    """Words that follow one another are one block."""
    blocks: list[tuple[str, Any]] = []
    for kind, what in said:
        if kind != "call" and blocks and blocks[-1][0] == kind:
            blocks[-1] = kind, blocks[-1][1] + what
        else:
            blocks.append((kind, what))
    return blocks


def blocks_of(message: dict[str, Any]) -> list[tuple[str, Any]]:
    return [
        ("call", block["input"])
        if block["type"] == "tool_use"
        else ({"text": "content"}.get(block["type"], "reasoning_content"), block[block["type"]])
        for block in message["content"]
    ]


def items_of(response: dict[str, Any]) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for item in response["output"]:
        if item["type"] == "function_call":
            found.append(("call", json.loads(item["arguments"])))
        elif item["type"] == "reasoning":
            found.append(("reasoning_content", item["summary"][0]["text"]))
        else:
            found.append(("content", item["content"][0]["text"]))
    return found


@given(scripts(), st.lists(st.integers(0, 10_000), max_size=8))
@settings(max_examples=30)
def test_text_in_is_text_out_wherever_the_stream_is_cut(
    script: tuple[list[Any], bytes], cuts: list[int]
) -> None:
    said, data = script
    message, response = whole(MessagesWriter(), data), whole(ResponsesWriter(), data)
    assert blocks_of(message_of(message)) == joined(said)
    assert items_of(response_of(response)) == joined(said)
    assert whole(MessagesWriter(), data, cuts) == message
    assert whole(ResponsesWriter(), data, cuts) == response


@pytest.mark.parametrize("writer", WRITERS)
@pytest.mark.parametrize(
    ("chunks", "outdated"),
    [
        ([chunk({"content": "Hi"}), chunk({}, "stop", usage=TOLD)], False),
        (
            [
                chunk({"content": "H"}, usage={**TOLD, "completion_tokens": 3}),
                chunk({"content": "i"}, "stop", usage=TOLD),
            ],
            False,
        ),
        ([chunk({"content": "Hi"}, "stop"), {**chunk(), "choices": [], "usage": TOLD}], False),
        ([chunk({"content": "Hi"}, usage=TOLD), chunk({"content": "!"}, "stop")], True),
    ],
)
def test_usage_wherever_it_is_told(
    writer: Callable[[], Writer], chunks: list[dict[str, Any]], outdated: bool
) -> None:
    reader, _ = fed(writer(), sse(chunks))
    assert reader.usage is not None
    assert (reader.usage.prompt, reader.usage.completion) == (12, 6)
    assert reader.outdated is outdated
    assert reader.told_usage == TOLD


def test_without_usage_there_is_none() -> None:
    reader, _ = fed(MessagesWriter(), sse([chunk({"content": "Hi"}, "stop", usage=None)]))
    assert reader.usage is None
    assert reader.closing is None


@pytest.mark.parametrize("writer", WRITERS)
def test_other_choices_and_what_is_no_chunk_say_nothing(writer: Callable[[], Writer]) -> None:
    good = sse([chunk({"content": "Hi"}, "stop")], done=False)
    other = {"index": 1, "delta": {"content": "no"}, "finish_reason": "stop"}
    odd = (
        sse([{**chunk(), "choices": [other, {"index": ["odd"]}, "odd"]}], done=False)
        + b"data: {broken\n\ndata: [1]\n\nevent: ping\n\n: comment\n\n\n\n"
        + sse([{**chunk(), "choices": "odd"}], done=False)
        + sse([chunk({"content": 7, "tool_calls": [7]})], done=False)
    )
    _, plain = fed(writer(), good)
    _, passed = fed(writer(), odd + good)
    assert [event["type"] for event in events(passed)] == [event["type"] for event in events(plain)]


@pytest.mark.parametrize("writer", WRITERS)
def test_nothing_passes_before_there_is_a_choice(writer: Callable[[], Writer]) -> None:
    filters = {**chunk(), "choices": [], "prompt_filter_results": [{"prompt_index": 0}]}
    reader, passed = fed(writer(), sse([filters], done=False))
    assert passed == b""
    assert reader.last == b""


@pytest.mark.parametrize("writer", WRITERS)
def test_an_error_ends_what_is_said(writer: Callable[[], Writer]) -> None:
    error = {"message": "It broke.", "code": 500}
    chunks = [
        chunk({"content": "Hi"}),
        {"error": error},
        chunk({"content": "there"}, "stop", usage=TOLD),
    ]
    reader, passed = fed(writer(), sse(chunks))
    assert reader.error == error
    assert b"there" not in passed
    assert not reader.finished
    assert reader.usage is not None, "what it cost may still be told"


@pytest.mark.parametrize(
    ("chunks", "done", "finished"),
    [
        ([chunk({"content": "Hi"}, "stop")], False, True),
        ([chunk({"content": "Hi"})], True, True),
        ([chunk({"content": "Hi"})], False, False),
        ([chunk({"content": "Hi"}, "")], False, False),
    ],
)
def test_an_end_is_a_reason_or_a_done(
    chunks: list[dict[str, Any]], done: bool, finished: bool
) -> None:
    reader, _ = fed(MessagesWriter(), sse(chunks, done=done))
    assert reader.finished is finished


def test_numbers_that_are_none_are_forgiven() -> None:
    data = b'data: {"id":"1","choices":[{"index":0,"delta":{"content":"Hi"},"logprob":NaN}]}\n\n'
    _, passed = fed(MessagesWriter(), data)
    assert b'"Hi"' in passed


def test_half_a_character_is_no_reason_to_lose_the_rest() -> None:
    data = sse([chunk({"content": "Hi \ud83d"}), chunk({"content": "\ude00!"}, "stop")])
    message = message_of(whole(MessagesWriter(), data))
    assert message["content"][0]["text"] == "Hi ??!"


def test_calls_without_a_number_go_by_their_id() -> None:
    chunks = [
        chunk(call(None, '{"x":', name="a", call_id="call_1")),
        chunk(call(None, "1}")),
        chunk(call(None, '{"y":2}', name="b", call_id="call_2")),
        chunk({}, "tool_calls"),
    ]
    message = message_of(whole(MessagesWriter(), sse(chunks)))
    assert [block["input"] for block in message["content"]] == [{"x": 1}, {"y": 2}]


def test_an_id_and_a_name_that_are_told_again_are_the_same_call() -> None:
    chunks = [
        chunk(call(0, '{"x":', name="a", call_id="call_1")),
        chunk(call(0, "1}", name="a", call_id="call_1")),
        chunk({}, "tool_calls"),
    ]
    (block,) = message_of(whole(MessagesWriter(), sse(chunks)))["content"]
    assert block["input"] == {"x": 1}


def test_calls_without_end_are_no_answer() -> None:
    chunks = [
        chunk(call(number, "", name="a", call_id=f"call_{number}"))
        for number in range(CALLS_MAX + 1)
    ]
    with pytest.raises(UpstreamError, match="too many"):
        fed(MessagesWriter(), sse(chunks))


def test_an_event_that_never_ends_is_too_large() -> None:
    with pytest.raises(UpstreamError, match="too large"):
        fed(MessagesWriter(), b"data: " + b"x" * (1 << 20))
