"""The same words in the shapes of the other endpoints, as their public documentation shows them."""

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final
from uuid import uuid4

from devkit.upstream import media
from devkit.upstream.chat import Body, Reply, Shape, blobs, completion, cut

_CREATED: Final = 1_767_225_600


@dataclass(frozen=True, slots=True)
class Speech:
    """How an endpoint answers: one body, or the pieces of a stream."""

    whole: Callable[[Body, Reply, Shape], bytes]
    stream: Callable[[Body, Reply, Shape], list[bytes]]
    kind: Callable[[Body], str] = lambda _body: "application/json"
    """The content type of the one body."""


def speech(path: str) -> Speech:
    """How the endpoint at this path answers; as a chat completion when it is not known."""
    for ending, found in _SPEECHES.items():
        if path.endswith(ending):
            return found
    return Speech(completion, blobs)


def is_spoken(path: str) -> bool:
    """Whether models are asked at this path."""
    return path.endswith(tuple(_SPEECHES))


def _tokens(body: Body, reply: Reply, shape: Shape) -> dict[str, object]:
    """The usage with the names of the newer endpoints."""
    if shape.usage_at == "nowhere":
        return {}
    report = reply.report(body)
    if reply.usage is not None or not isinstance(report, Mapping):
        return {"usage": report}
    told = {"input_tokens": report["prompt_tokens"], "output_tokens": report["completion_tokens"]}
    return {"usage": told}


def _named(name: str, event: Mapping[str, object]) -> bytes:
    return f"event: {name}\ndata: {json.dumps(event)}\n\n".encode()


def _completion(body: Body, reply: Reply, shape: Shape) -> bytes:
    answer = json.loads(completion(body, reply, shape))
    answer["object"] = "text_completion"
    for choice in answer["choices"]:
        choice["text"] = choice.pop("message")["content"]
    return json.dumps(answer).encode()


def _completion_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    pieces = []
    for piece in blobs(body, reply, Shape(usage_at=shape.usage_at, done=shape.done)):
        data = piece.removeprefix(b"data: ")
        if not data.startswith(b"{"):
            pieces.append(piece)
            continue
        chunk = json.loads(data)
        chunk["object"] = "text_completion"
        for choice in chunk["choices"]:
            choice["text"] = choice.pop("delta").get("content", "")
        pieces.append(f"data: {json.dumps(chunk)}\n\n".encode())
    return cut(pieces, shape)


def _response(
    body: Body, reply: Reply, shape: Shape, *, done: bool = True, name: str = ""
) -> dict[str, Any]:
    text = "".join(reply.said(body))
    part = {"type": "output_text", "text": text, "annotations": []}
    item = {"id": "msg_1", "type": "message", "role": "assistant", "content": [part]}
    return {
        "id": name or _new_id(),
        "object": "response",
        "created_at": _CREATED,
        "status": "completed" if done else "in_progress",
        "error": None,
        "model": reply.model or body.get("model"),
        "output": [item] if done else [],
        "parallel_tool_calls": True,
        "tool_choice": "auto",
        "tools": [],
        **({"usage": None} if not done else _inclusive(_tokens(body, reply, shape))),
    }


def _inclusive(told: dict[str, Any]) -> dict[str, Any]:
    usage = told.get("usage")
    if isinstance(usage, dict) and "input_tokens" in usage and "total_tokens" not in usage:
        usage["input_tokens_details"] = {"cached_tokens": 0}
        usage["output_tokens_details"] = {"reasoning_tokens": 0}
        usage["total_tokens"] = usage["input_tokens"] + usage["output_tokens"]
    return told


def _new_id() -> str:
    return f"resp_{uuid4().hex}"


def _responses_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    name = _new_id()

    def events() -> Iterator[tuple[str, dict[str, object]]]:
        yield "response.created", {"response": _response(body, reply, shape, done=False, name=name)}
        at = {"output_index": 0}
        place = {**at, "item_id": "msg_1", "content_index": 0}
        (item,) = _response(body, reply, shape)["output"]
        (part,) = item["content"]
        yield "response.output_item.added", {**at, "item": {**item, "content": []}}
        yield "response.content_part.added", {**place, "part": {**part, "text": ""}}
        for word in reply.said(body):
            yield "response.output_text.delta", {**place, "delta": word, "logprobs": []}
        yield "response.output_text.done", {**place, "text": part["text"], "logprobs": []}
        yield "response.content_part.done", {**place, "part": part}
        yield "response.output_item.done", {**at, "item": item}
        yield "response.completed", {"response": _response(body, reply, shape, name=name)}

    named = [
        _named(name, {"type": name, "sequence_number": number, **event})
        for number, (name, event) in enumerate(events())
    ]
    return cut(named, shape)


def _message(body: Body, reply: Reply, shape: Shape) -> dict[str, Any]:
    said = reply.said(body)
    return {
        "id": "msg_played",
        "type": "message",
        "role": "assistant",
        "model": reply.model or body.get("model"),
        "content": [{"type": "text", "text": "".join(said)}],
        "stop_reason": "end_turn" if len(said) == len(reply.words) else "max_tokens",
        "stop_sequence": None,
        **_tokens(body, reply, shape),
    }


def _messages_stream(body: Body, reply: Reply, shape: Shape) -> list[bytes]:
    whole = _message(body, reply, shape)
    usage = whole.pop("usage", None)
    first = (
        {**usage, "output_tokens": 1} if isinstance(usage, dict) and reply.usage is None else None
    )
    start = {**whole, "content": [], "stop_reason": None, **({"usage": first} if first else {})}
    late = {"output_tokens": usage["output_tokens"]} if first and usage else usage
    delta = {"stop_reason": whole["stop_reason"], "stop_sequence": None}

    def events() -> Iterator[dict[str, object]]:
        yield {"type": "message_start", "message": start}
        block = {"type": "text", "text": ""}
        yield {"type": "content_block_start", "index": 0, "content_block": block}
        for word in reply.said(body):
            said = {"type": "text_delta", "text": word}
            yield {"type": "content_block_delta", "index": 0, "delta": said}
        yield {"type": "content_block_stop", "index": 0}
        told = {"usage": late} if late is not None else {}
        yield {"type": "message_delta", "delta": delta, **told}
        yield {"type": "message_stop"}

    return cut([_named(str(event["type"]), event) for event in events()], shape)


def _reading(answer: Callable[[Body], dict[str, object]]) -> Speech:
    """An endpoint that writes nothing: it reports what it read."""

    def whole(body: Body, reply: Reply, shape: Shape) -> bytes:
        told: dict[str, object] = {}
        if reply.usage is not None:
            told = {"usage": reply.usage}
        elif shape.usage_at != "nowhere":
            count = reply.prompt_tokens
            told = {"usage": {"prompt_tokens": count, "total_tokens": count}}
        return json.dumps({"model": body.get("model"), **answer(body), **told}).encode()

    return Speech(whole, lambda body, reply, shape: [whole(body, reply, shape)])


def _vectors(body: Body) -> dict[str, object]:
    given = body.get("input")
    several = given if isinstance(given, list) and given and isinstance(given[0], str) else [given]
    data = [
        {"object": "embedding", "index": index, "embedding": [0.25, -0.5, 0.125]}
        for index, _ in enumerate(several)
    ]
    return {"object": "list", "data": data}


def _verdict(_: Body) -> dict[str, object]:
    result = {"flagged": False, "categories": {}, "category_scores": {}}
    return {"id": "modr-played", "results": [result]}


def _ranking(body: Body) -> dict[str, object]:
    documents = body.get("documents") or []
    results = [
        {"index": index, "relevance_score": 1 / (index + 1)} for index, _ in enumerate(documents)
    ]
    return {"id": "rerank-played", "results": results}


_SPEECHES: Final[Mapping[str, Speech]] = {
    "/chat/completions": Speech(completion, blobs),
    "/completions": Speech(_completion, _completion_stream),
    "/responses": Speech(
        lambda body, reply, shape: json.dumps(_response(body, reply, shape)).encode(),
        _responses_stream,
    ),
    "/messages": Speech(
        lambda body, reply, shape: json.dumps(_message(body, reply, shape)).encode(),
        _messages_stream,
    ),
    **dict.fromkeys(
        ("/images/generations", "/images/edits", "/images/variations"),
        Speech(media.pictures, media.pictures_stream),
    ),
    **dict.fromkeys(
        ("/audio/transcriptions", "/audio/translations"),
        Speech(media.transcript, media.transcript_stream, media.kind_of_transcript),
    ),
    "/audio/speech": Speech(media.sound, media.sound_stream, lambda _body: "audio/mpeg"),
    "/embeddings": _reading(_vectors),
    "/moderations": _reading(_verdict),
    "/rerank": _reading(_ranking),
}
