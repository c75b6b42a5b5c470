import json
from collections.abc import Mapping
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.payment.tokens import output_estimate
from routstr.proxy import estimate
from routstr.proxy.estimate import raw_tokens, said_in_choices
from routstr.proxy.sse import StreamScanner

TEXT = "The quick brown fox jumps over the lazy dog, and rests."
TOKENS = output_estimate(TEXT)


def output_tokens(answer: object) -> int:
    return estimate.output_tokens(answer, said_in_choices)


def streamed_tokens(scanner: StreamScanner) -> int:
    return estimate.streamed_tokens(scanner, said_in_choices)


def answer(**message: object) -> dict[str, Any]:
    return {"id": "x" * 500, "choices": [{"message": {"role": "assistant", **message}}]}


def scanned(*deltas: Mapping[str, object], done: bool = True) -> StreamScanner:
    scanner = StreamScanner(1 << 20)
    for delta in deltas:
        event = {"id": "c-1", "choices": [{"index": 0, "delta": delta}]}
        scanner.feed(f"data: {json.dumps(event)}\n\n".encode())
    if done:
        scanner.feed(b"data: [DONE]\n\n")
    return scanner


@pytest.mark.parametrize(
    "message",
    [
        {"content": TEXT},
        {"content": [{"type": "text", "text": TEXT}]},
        {"content": None, "reasoning_content": TEXT},
        {"content": "", "reasoning": TEXT},
        {"reasoning_content": TEXT, "reasoning": TEXT},
        {"refusal": TEXT},
        {"tool_calls": [{"id": "call_1", "function": {"name": "", "arguments": TEXT}}]},
    ],
)
def test_what_the_model_said_is_counted_once(message: dict[str, object]) -> None:
    assert output_tokens(answer(**message)) == TOKENS
    assert streamed_tokens(scanned(message)) == TOKENS


def test_a_completion_is_counted_too() -> None:
    assert output_tokens({"choices": [{"text": TEXT}]}) == TOKENS


def test_all_choices_are_counted() -> None:
    one = answer(content=TEXT)["choices"][0]
    assert output_tokens({"choices": [one, one, one]}) == output_estimate(TEXT * 3)


@pytest.mark.parametrize(
    "odd",
    [
        None,
        [],
        {},
        {"choices": None},
        {"choices": {}},
        {"choices": [None, 5, "x"]},
        {"choices": [{"message": []}]},
        answer(content=5, tool_calls="x"),
        answer(content=[None, {"text": 5}], tool_calls=[None, {"function": []}]),
    ],
)
def test_an_answer_that_says_nothing_has_no_tokens(odd: object) -> None:
    assert output_tokens(odd) == 0


def test_text_that_is_no_answer_is_counted_whole() -> None:
    assert raw_tokens(TEXT.encode()) == TOKENS
    assert raw_tokens(b"\xff\xfe") > 0


def test_the_pieces_of_a_stream_are_counted_together() -> None:
    assert streamed_tokens(scanned(*({"content": letter} for letter in TEXT))) == TOKENS


def test_a_stream_cut_inside_an_event_is_counted_up_to_it() -> None:
    scanner = scanned({"content": TEXT}, done=False)
    scanner.feed(b'data: {"choices":[{"delta":{"content":"half')
    scanner.end()
    assert TOKENS <= streamed_tokens(scanner) <= 2 * TOKENS


def test_nothing_streamed_is_nothing() -> None:
    assert streamed_tokens(StreamScanner(100)) == 0


def test_beyond_the_sample_a_stream_is_counted_in_proportion() -> None:
    many = scanned(*[{"content": TEXT}] * 5_000)
    exact = 50 * output_estimate(TEXT * 100)
    assert exact * 0.98 < streamed_tokens(many) < exact * 1.02


def test_a_giant_answer_is_sampled() -> None:
    exact = output_tokens(answer(content=TEXT)) * 40_000
    assert exact * 0.9 < output_tokens(answer(content=TEXT * 40_000)) < exact * 1.1


@given(st.binary(max_size=100))
def test_no_stream_breaks_the_estimate(stream: bytes) -> None:
    scanner = StreamScanner(1 << 20)
    scanner.feed(stream)
    assert streamed_tokens(scanner) >= 0
