"""Streams of chat completions as providers send them; strict readers of what becomes of them."""

import json
from collections.abc import Iterable
from copy import deepcopy
from itertools import pairwise
from typing import Any

from routstr.payment.usage import Usage
from routstr.proxy.translation.chat_stream import ChatReader, Writer

USAGE = Usage(prompt=7, cache_read=5, completion=6, reasoning=2)


def chunk(
    delta: dict[str, Any] | None = None, finish: str | None = None, **more: Any
) -> dict[str, Any]:
    """As the public documentation of chat completions shows a chunk."""
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion.chunk",
        "created": 1_767_225_600,
        "model": "tiny-1",
        "choices": [{"index": 0, "delta": delta or {}, "logprobs": None, "finish_reason": finish}],
        **more,
    }


def call(
    index: int | None, arguments: str = "", *, name: str = "", call_id: str = ""
) -> dict[str, Any]:
    """A delta of one call; the first one of a call has its name and id."""
    told: dict[str, Any] = {"function": {"arguments": arguments}}
    if index is not None:
        told["index"] = index
    if name:
        told["function"]["name"] = name
        told |= {"id": call_id, "type": "function"}
    return {"tool_calls": [told]}


def sse(chunks: Iterable[dict[str, Any]], *, done: bool = True, newline: str = "\n") -> bytes:
    events = [f"data: {json.dumps(one)}\n\n" for one in chunks]
    whole = "".join([*events, *(["data: [DONE]\n\n"] if done else [])])
    return whole.replace("\n", newline).encode()


def fed(writer: Writer, data: bytes, cuts: Iterable[int] = ()) -> tuple[ChatReader, bytes]:
    """A reader that got this in pieces, and what it passed on."""
    reader = ChatReader(1 << 20, writer)
    borders = [0, *sorted(cut % (len(data) + 1) for cut in cuts), len(data)]
    pieces = [data[start:end] for start, end in pairwise(borders)]
    return reader, b"".join([*map(reader.feed, pieces), reader.end()])


def whole(writer: Writer, data: bytes, cuts: Iterable[int] = ()) -> list[dict[str, Any]]:
    """All events of a stream that ended well."""
    reader, passed = fed(writer, data, cuts)
    assert reader.finished
    tail, fields = reader.writer.last(reader.ending, USAGE)
    found = events(passed + reader.writer.rest(whole=reader.ending.is_whole) + tail)
    if fields is not None:
        found.append({name: json.loads(bytes(value)) for name, value in fields.items()})
    return found


def events(stream: bytes) -> list[dict[str, Any]]:
    """Events whose name and type agree."""
    found = []
    for event in stream.decode().split("\n\n")[:-1]:
        name, data = event.split("\n")
        told = json.loads(data.removeprefix("data: "))
        assert name == f"event: {told['type']}"
        found.append(told)
    return found


def message_of(told: list[dict[str, Any]], *, one_at_a_time: bool = True) -> dict[str, Any]:
    """The message that a client puts together; it trips over events in the wrong order."""
    first, *middle, delta, last = deepcopy(told)
    assert (first["type"], delta["type"], last) == (
        "message_start",
        "message_delta",
        {"type": "message_stop"},
    )
    message = first["message"]
    pieces: list[list[str]] = []
    open_blocks: set[int] = set()
    for event in middle:
        index = event["index"]
        if event["type"] == "content_block_start":
            assert index == len(pieces)
            assert not (one_at_a_time and open_blocks), "two blocks are open together"
            open_blocks.add(index)
            message["content"].append(event["content_block"])
            pieces.append([])
        elif event["type"] == "content_block_delta":
            assert index in open_blocks
            pieces[index].append(_said(message["content"][index], event["delta"]))
        else:
            assert event["type"] == "content_block_stop"
            open_blocks.remove(index)
    assert not open_blocks
    for block, said in zip(message["content"], pieces, strict=True):
        field = "input" if block["type"] == "tool_use" else block["type"]
        block[field] = json.loads("".join(said) or "{}") if field == "input" else "".join(said)
    return {**message, **delta["delta"], "usage": delta["usage"]}


def _said(block: dict[str, Any], delta: dict[str, Any]) -> str:
    kind = {"text": "text_delta", "thinking": "thinking_delta", "tool_use": "input_json_delta"}
    assert delta["type"] == kind[block["type"]]
    (said,) = (value for name, value in delta.items() if name != "type")
    assert said
    return str(said)


def response_of(told: list[dict[str, Any]]) -> dict[str, Any]:
    """The response of the last event, when all that went before agrees with it."""
    assert [event["sequence_number"] for event in told] == list(range(len(told)))
    assert [event["type"] for event in told[:2]] == ["response.created", "response.in_progress"]
    response: dict[str, Any] = told[-1]["response"]
    assert told[-1]["type"] == f"response.{response['status']}"
    items: dict[int, dict[str, Any]] = {}
    said: dict[str, list[str]] = {}
    ended: set[int] = set()
    for event in told[2:-1]:
        at, kind = event["output_index"], event["type"]
        assert at not in ended
        if kind == "response.output_item.added":
            assert at == len(items)
            items[at] = event["item"]
            said[event["item"]["id"]] = []
        elif kind == "response.output_item.done":
            assert event["item"] == response["output"][at]
            assert event["item"]["id"] == items[at]["id"]
            ended.add(at)
        elif kind.endswith(".delta"):
            said[event["item_id"]].append(event["delta"])
        elif kind.endswith(("_text.done", "refusal.done", "arguments.done")):
            (full,) = (event[name] for name in ("text", "refusal", "arguments") if name in event)
            assert "".join(said[event["item_id"]]) == full or full == "{}"
    assert ended == set(range(len(response["output"])))
    return response
