import json
import sys
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.errors import UpstreamError
from routstr.payment.usage import Usage
from routstr.proxy.sse import SAMPLE_BYTES, StreamScanner, data_of, events

USAGE = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}


def data(value: object, newline: str = "\n") -> bytes:
    return f"data: {json.dumps(value)}{newline}{newline}".encode()


def chunk(text: str = "hi", **more: object) -> dict[str, Any]:
    choices = [{"index": 0, "delta": {"content": text}}]
    return {"id": "c-1", "model": "m", "choices": choices, **more}


HI = data(chunk())
COST = data({"id": "c-1", "choices": [], "usage": USAGE})
DONE = b"data: [DONE]\n\n"


@dataclass
class Outcome:
    passed: bytes
    usage: Usage | None
    closing: dict[str, bytes] | None
    error: object
    done: bool
    outdated: bool


def scan(*pieces: bytes, event_bytes_max: int = 1 << 20) -> Outcome:
    scanner = StreamScanner(event_bytes_max)
    passed = b"".join([*map(scanner.feed, pieces), scanner.end()])
    closing = scanner.closing
    return Outcome(
        passed,
        scanner.usage,
        None if closing is None else {name: bytes(raw) for name, raw in closing.items()},
        scanner.error,
        scanner.done,
        scanner.outdated,
    )


def test_ordinary_events_pass_as_the_very_same_object() -> None:
    scanner = StreamScanner(1 << 20)
    piece = HI + HI
    assert scanner.feed(piece) is piece


def test_the_usage_event_is_kept_back_for_the_cost() -> None:
    outcome = scan(HI, COST, DONE)
    assert outcome.passed == HI
    assert outcome.usage == Usage(12, 6)
    assert outcome.closing == {"id": b'"c-1"', "choices": b"[]"}
    assert outcome.done
    assert not outcome.outdated


def test_usage_beside_content_is_taken_out() -> None:
    outcome = scan(HI, data(chunk("bye", usage=USAGE)), DONE)
    assert outcome.usage == Usage(12, 6)
    first, second = (json.loads(data_of(event)) for event in events(outcome.passed) if event)
    assert first == chunk()
    assert second == chunk("bye")
    assert not outcome.outdated


@pytest.mark.parametrize("nothing", ['"usage":null', '"usage": null', '"usage" :null'])
def test_usage_without_a_value_is_not_touched(nothing: str) -> None:
    event = f'data: {{"choices":[{{"delta":{{"content":"x"}}}}],{nothing}}}\n\n'.encode()
    assert scan(event).passed == event


def test_content_that_speaks_of_usage_is_not_touched() -> None:
    for words in ('"usage": {"prompt_tokens": 1}', "[DONE]", '"error": "x"', "data: [DONE]"):
        event = data(chunk(words))
        outcome = scan(event)
        assert outcome == Outcome(event, None, None, None, done=False, outdated=True)


def test_a_later_usage_replaces_an_earlier_one() -> None:
    more = {"prompt_tokens": 12, "completion_tokens": 9}
    outcome = scan(data(chunk(usage=USAGE)), data({"choices": [], "usage": more}))
    assert outcome.usage == Usage(12, 9)


@pytest.mark.parametrize(
    "lie", [[12, 6], {"prompt_tokens": -1}, {"prompt_tokens": "1"}, {"prompt_tokens": 1e300}, "x"]
)
def test_a_usage_that_is_none_is_removed_and_not_believed(lie: object) -> None:
    outcome = scan(HI, data({"choices": [], "usage": lie}), DONE)
    assert (outcome.passed, outcome.usage, outcome.done) == (HI, None, True)


def test_a_usage_with_nan_is_removed_and_not_believed() -> None:
    outcome = scan(HI, b'data: {"choices":[],"usage":{"prompt_tokens":NaN}}\n\n', DONE)
    assert (outcome.passed, outcome.usage) == (HI, None)


def test_an_error_is_kept_back() -> None:
    outcome = scan(HI, data({"error": {"message": "No."}}))
    assert outcome.passed == HI
    assert outcome.error == {"message": "No."}


def test_an_error_beside_usage_loses_neither() -> None:
    outcome = scan(data(chunk(error={"code": 5}, usage=USAGE)))
    assert (outcome.error, outcome.usage) == ({"code": 5}, Usage(12, 6))


def test_error_null_is_none() -> None:
    event = data(chunk(error=None))
    assert scan(event) == Outcome(event, None, None, None, done=False, outdated=True)


def test_nothing_after_done_is_read() -> None:
    scanner = StreamScanner(1 << 20)
    assert scanner.feed(HI + DONE + HI) == HI
    assert scanner.feed(HI) == b""
    assert scanner.end() == b""


@pytest.mark.parametrize("end", [b"", b"\n", b"\r\n", b"\n\n"])
def test_done_without_its_line_ends_is_understood(end: bytes) -> None:
    assert scan(HI, b"data: [DONE]" + end).done


@pytest.mark.parametrize(
    "form", [b"data:[DONE]\n\n", b"data: [DONE] \n\n", b"data: [DONE]\r\n\r\n"]
)
def test_done_in_other_forms_is_understood(form: bytes) -> None:
    assert scan(form).done


def test_comments_are_dropped_wherever_they_stand() -> None:
    assert scan(b": hello\n\n", HI, b":\n\n", b": a\n" + HI, b": b\r\n\r\n").passed == HI + HI
    assert scan(b"data: 1\n: c\ndata: 2\n\n").passed == b"data: 1\ndata: 2\n\n"


def test_blank_lines_belong_to_what_came_before_them() -> None:
    assert scan(HI + b"\n: c\n\n") == scan(HI, b"\n: c\n\n")
    assert scan(HI + b"\n" + COST) == scan(HI, b"\n" + COST)
    assert scan(HI, b"\n: c\n\n").passed == HI + b"\n"


def test_what_is_not_json_passes() -> None:
    odd = b'event: ping\ndata: {"usage": 5\n\ndata: [1,2]\n\nid: 7\n\ndata\n\n'
    assert scan(odd).passed == odd


def test_data_over_several_lines_is_one_value() -> None:
    outcome = scan(b'data: {"choices":[],\ndata: "usage":{"prompt_tokens":1,\ndata:"x":2}}\n\n')
    assert outcome.usage == Usage(1, 0)


@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_all_line_ends_are_line_ends(newline: str) -> None:
    ends = newline.encode()
    stream = (HI + COST + b": c\n\n" + HI + DONE).replace(b"\n", ends)
    outcome = scan(stream)
    assert outcome.passed == (HI + HI).replace(b"\n", ends)
    assert (outcome.usage, outcome.done) == (Usage(12, 6), True)


def test_a_byte_order_mark_does_not_hide_an_event() -> None:
    assert scan(b"\xef\xbb\xbf" + COST).usage == Usage(12, 6)


def test_output_after_the_usage_makes_it_outdated() -> None:
    assert scan(data(chunk(usage=USAGE)), HI).outdated
    assert not scan(data(chunk(usage=USAGE))).outdated
    assert not scan(HI, COST).outdated


@pytest.mark.parametrize("step", [1, 7, 5_000])
def test_an_event_without_end_is_refused(step: int) -> None:
    pieces = [b"x" * step] * (10_000 // step)
    with pytest.raises(UpstreamError, match="too large"):
        scan(*pieces, event_bytes_max=4_096)


def test_many_events_in_one_piece_are_not_one_large_event() -> None:
    assert scan(HI * 500, event_bytes_max=1_000).passed == HI * 500


def test_reading_a_large_event_in_small_pieces_takes_linear_time() -> None:
    scanner = StreamScanner(1 << 30)
    piece = b"x" * 2_000
    for _ in range(5_000):  # 10 MB; joined each time it would be 25 GB
        scanner.feed(piece)
    assert len(scanner.end()) == 10_000_000


def test_only_the_beginning_of_a_stream_is_remembered() -> None:
    scanner = StreamScanner(1 << 20)
    for _ in range(10_000):
        scanner.feed(HI)
    assert SAMPLE_BYTES <= len(scanner.sample) <= SAMPLE_BYTES + len(HI)
    whole, sample = scanner.scale
    assert (whole, sample) == (10_000 * len(HI), len(scanner.sample))


EVENTS = st.sampled_from(
    [
        HI,
        COST,
        data(chunk("ünïcode ☕")),
        data(chunk("x", usage=None)),
        data(chunk("x", usage=USAGE)),
        data({"choices": [], "usage": {"prompt_tokens": -1}}),
        data({"error": {"message": "No."}}),
        DONE,
        b": comment\n\n",
        b": one\n: two\ndata: 3\n\n",
        b"\n",
        b"\r\n",
        b"event: x\ndata: y\n\n",
        b"data: {broken\n\n",
        b"data: a\r\rdata: b\r\n\r\n",
        b"data: a\n\r\n",
        b"data: a\r\n\n",
        b"junk",
    ]
)
NEWLINES = st.sampled_from([b"\n", b"\r\n", b"\r"])


@given(st.lists(EVENTS, max_size=5), NEWLINES, st.data())
def test_the_result_does_not_depend_on_how_the_stream_is_cut(
    stream: list[bytes], newline: bytes, draw: st.DataObject
) -> None:
    whole = b"".join(stream).replace(b"\n", newline)
    cuts = draw.draw(st.lists(st.integers(0, len(whole)), max_size=6).map(sorted))
    pieces = [whole[a:b] for a, b in zip([0, *cuts], [*cuts, len(whole)], strict=True)]
    expected = scan(whole)
    assert scan(*pieces) == expected
    assert scan(*(bytes([byte]) for byte in whole)) == expected


@given(st.lists(st.binary(max_size=30), max_size=6))
def test_no_bytes_break_the_scanner(pieces: list[bytes]) -> None:
    assert scan(*pieces) == scan(b"".join(pieces))


@given(st.lists(st.text(max_size=10), max_size=5), st.integers(1, 50))
def test_texts_arrive_as_they_were_said(texts: list[str], step: int) -> None:
    whole = b"".join(data(chunk(text)) for text in texts) + COST + DONE
    outcome = scan(*(whole[at : at + step] for at in range(0, len(whole), step)))
    said = [json.loads(data_of(event)) for event in events(outcome.passed) if event]
    assert [event["choices"][0]["delta"]["content"] for event in said] == texts
    assert outcome.usage == Usage(12, 6)


def test_what_is_remembered_of_a_stream_is_no_object_for_each_event() -> None:
    """A thousand streams remember as many beginnings: small objects are kept by the allocator."""
    scanner = StreamScanner(1 << 20)
    number = 200
    scanner.feed(data(chunk()))
    before = sys.getallocatedblocks()
    for _ in range(number):
        scanner.feed(data(chunk("x" * 100)))
    assert sys.getallocatedblocks() - before < number / 4
    assert len(scanner.sample) > number * 100
