"""Chat completions as values: what is said, how it is counted, how it is streamed. Pure."""

import asyncio
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final, Literal

Body = Mapping[str, Any]
"""A request's JSON body."""

DONE: Final = b"data: [DONE]\n\n"

_ID: Final = "chatcmpl-played"
_CREATED: Final = 1_767_225_600
_ALL_TOKENS: Final = 1 << 30


@dataclass(frozen=True, slots=True)
class Reply:
    """The words of an answer, one token each, and what is reported about them.

    Honest by default: an answer stops at the request's token limit and usage counts exactly the
    words sent. ``usage`` replaces the report by any value; ``obey_limit`` off makes it babble.
    """

    words: tuple[str, ...] = ("This", " is", " a", " played", " answer", ".")
    prompt_tokens: int = 12
    usage: object = None
    model: str | None = None
    obey_limit: bool = True

    def said(self, body: Body) -> tuple[str, ...]:
        """The words that this request gets."""
        limits = (
            body.get("max_completion_tokens"),
            body.get("max_tokens"),
            body.get("max_output_tokens"),
        )
        limit = next((limit for limit in limits if limit is not None), _ALL_TOKENS)
        return self.words[:limit] if self.obey_limit else self.words

    def report(self, body: Body) -> object:
        """The usage object."""
        if self.usage is not None:
            return self.usage
        completion = len(self.said(body))
        return {
            "prompt_tokens": self.prompt_tokens,
            "completion_tokens": completion,
            "total_tokens": self.prompt_tokens + completion,
        }


@dataclass(frozen=True, slots=True)
class Shape:
    """The form of an answer's bytes; the default is what a good provider sends."""

    usage_at: Literal["end", "last content", "twice", "nowhere"] = "end"
    done: bool = True
    newline: str = "\n"
    comments: bool = False
    border: int | None = None
    """Cut the bytes every so many, wherever that falls; None: one chunk per event."""
    stop_after: int | None = None
    """Stop after so many events (JSON: after the same share of the bytes)."""
    ending: Literal["close", "half event", "reset"] = "close"
    """How it stops."""
    interval_s: float = 0.0
    gate_after: int = 0
    gate: asyncio.Event | None = field(default=None, compare=False)
    """Wait for this event after ``gate_after`` chunks: a stream that the test holds in hand."""


def completion(body: Body, reply: Reply, shape: Shape) -> bytes:
    """The answer as one JSON body."""
    said = reply.said(body)
    choice = {
        "index": 0,
        "message": {"role": "assistant", "content": "".join(said)},
        "finish_reason": _finish(said, reply),
    }
    answer = {**_envelope(body, reply, "chat.completion"), "choices": [choice]}
    if shape.usage_at != "nowhere":
        answer["usage"] = reply.report(body)
    return json.dumps(answer).encode()


def blobs(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    """The streamed answer, as the pieces that are written one by one."""
    return cut([*map(sse, _events(body, reply, shape)), *([DONE] if shape.done else [])], shape)


def cut(pieces: list[bytes], shape: Shape) -> list[bytes]:
    """Events in the pieces and with the ending of this shape."""
    if shape.comments:
        pieces = [piece for event in pieces for piece in (b": keep-alive\n\n", event)]
    if shape.stop_after is not None:
        rest = pieces[shape.stop_after :]
        pieces = pieces[: shape.stop_after]
        if rest and shape.ending == "half event":
            pieces.append(rest[0][: len(rest[0]) // 2])
    pieces = [piece.replace(b"\n", shape.newline.encode()) for piece in pieces]
    if shape.border:
        whole = b"".join(pieces)
        pieces = [whole[at : at + shape.border] for at in range(0, len(whole), shape.border)]
    return pieces


def sse(event: object) -> bytes:
    """One server-sent event."""
    return b"data: %s\n\n" % json.dumps(event).encode()


def _events(body: Body, reply: Reply, shape: Shape) -> Iterator[dict[str, Any]]:
    envelope = _envelope(body, reply, "chat.completion.chunk")
    said = reply.said(body)
    asked = bool((body.get("stream_options") or {}).get("include_usage"))
    report = {"usage": reply.report(body)}
    yield {**envelope, "choices": [_delta({"role": "assistant", "content": ""})]}
    for word in said:
        yield {**envelope, "choices": [_delta({"content": word})]}
    last = {**envelope, "choices": [_delta({}, _finish(said, reply))]}
    yield {**last, **report} if shape.usage_at in {"last content", "twice"} else last
    if shape.usage_at == "twice" or (shape.usage_at == "end" and asked):
        yield {**envelope, "choices": [], **report}


def _envelope(body: Body, reply: Reply, kind: str) -> dict[str, Any]:
    model = reply.model or body.get("model")
    return {"id": _ID, "object": kind, "created": _CREATED, "model": model}


def _delta(delta: Mapping[str, str], finish: str | None = None) -> dict[str, Any]:
    return {"index": 0, "delta": delta, "finish_reason": finish}


def _finish(said: tuple[str, ...], reply: Reply) -> str:
    return "stop" if len(said) == len(reply.words) else "length"
