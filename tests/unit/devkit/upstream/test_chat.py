import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from devkit.upstream.chat import DONE, Body, Reply, Shape, blobs, completion

HONEST = Reply()
GOOD = Shape()
STREAM = {"model": "good", "stream": True, "stream_options": {"include_usage": True}}


def events(body: Body, reply: Reply = HONEST, shape: Shape = GOOD) -> list[Any]:
    raw = b"".join(blobs(body, reply, shape))
    lines = [line.removeprefix(b"data: ") for line in raw.split(b"\n") if line]
    return [json.loads(line) for line in lines if line not in {b"[DONE]", b": keep-alive"}]


def words(chunks: list[Any]) -> str:
    return "".join(
        choice["delta"].get("content", "") for chunk in chunks for choice in chunk["choices"]
    )


def usages(chunks: list[Any]) -> list[Any]:
    return [chunk["usage"] for chunk in chunks if "usage" in chunk]


def test_usage_counts_exactly_the_words_that_were_sent() -> None:
    answer = json.loads(completion({"model": "m"}, Reply(("a", "b", "c")), Shape()))
    assert answer["choices"][0]["message"]["content"] == "abc"
    assert answer["usage"] == {"prompt_tokens": 12, "completion_tokens": 3, "total_tokens": 15}


def test_an_answer_stops_at_the_requests_limit() -> None:
    body = {"model": "m", "max_tokens": 5, "max_completion_tokens": 2}
    answer = json.loads(completion(body, Reply(), Shape()))
    assert answer["usage"]["completion_tokens"] == 2
    assert answer["choices"][0]["finish_reason"] == "length"


def test_a_babbling_provider_ignores_the_limit() -> None:
    body = {"model": "m", "max_tokens": 1}
    answer = json.loads(completion(body, Reply(obey_limit=False), Shape()))
    assert answer["usage"]["completion_tokens"] == len(Reply().words)


def test_a_stream_says_the_same_as_the_whole_answer() -> None:
    chunks = events(STREAM)
    assert words(chunks) == "This is a played answer."
    assert usages(chunks) == [Reply().report(STREAM)]
    assert chunks[-1]["choices"] == []


def test_usage_is_streamed_only_when_it_was_asked_for() -> None:
    assert usages(events({"model": "m", "stream": True})) == []


def test_usage_comes_where_the_shape_puts_it() -> None:
    assert usages(events(STREAM, shape=Shape(usage_at="nowhere"))) == []
    assert len(usages(events(STREAM, shape=Shape(usage_at="twice")))) == 2
    chunks = events(STREAM, shape=Shape(usage_at="last content"))
    assert chunks[-1]["choices"][0]["finish_reason"] == "stop"
    assert usages(chunks[-1:]) == usages(chunks) != []


def test_lies_are_passed_on() -> None:
    assert usages(events(STREAM, Reply(usage={"prompt_tokens": -1}))) == [{"prompt_tokens": -1}]


def test_a_stream_can_stop_between_events_and_inside_one() -> None:
    whole = blobs(STREAM, Reply(), Shape())
    assert blobs(STREAM, Reply(), Shape(stop_after=2)) == whole[:2]
    *begun, rest = blobs(STREAM, Reply(), Shape(stop_after=2, ending="half event"))
    assert begun == whole[:2]
    assert whole[2].startswith(rest)
    assert rest != whole[2]


@given(border=st.integers(1, 300))
def test_odd_borders_change_no_byte(border: int) -> None:
    whole = b"".join(blobs(STREAM, Reply(), Shape()))
    pieces = blobs(STREAM, Reply(), Shape(border=border))
    assert b"".join(pieces) == whole
    assert {len(piece) for piece in pieces[:-1]} <= {border}


def test_line_ends_comments_and_the_end_mark_can_be_chosen() -> None:
    crlf = b"".join(blobs(STREAM, Reply(), Shape(newline="\r\n")))
    assert crlf.count(b"\n") == crlf.count(b"\r\n")
    assert events(STREAM, shape=Shape(comments=True)) == events(STREAM)
    assert blobs(STREAM, Reply(), Shape(comments=True))[0].startswith(b":")
    assert DONE not in blobs(STREAM, Reply(), Shape(done=False))
