"""Requests of every dialect, and how to read what comes back."""

import json
from typing import Any, Final

from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import CHAT, COMPLETIONS
from routstr.proxy.dialects.counted import EMBEDDINGS, MODERATIONS, RERANK
from routstr.proxy.dialects.messages import MESSAGES
from routstr.proxy.dialects.responses import RESPONSES
from tests.unit.core.asgi import Answer

HELLO: Final = [{"role": "user", "content": "Hello there"}]
BODIES: Final[dict[str, dict[str, Any]]] = {
    CHAT.endpoint: {"messages": HELLO},
    COMPLETIONS.endpoint: {"prompt": "Hello there"},
    RESPONSES.endpoint: {"input": "Hello there"},
    MESSAGES.endpoint: {"messages": HELLO, "max_tokens": 100},
    EMBEDDINGS.endpoint: {"input": ["Hello there"]},
    MODERATIONS.endpoint: {"input": "Hello there"},
    RERANK.endpoint: {"query": "Hello", "documents": ["there", "you"]},
}
WRITING: Final[tuple[Dialect, ...]] = (CHAT, COMPLETIONS, RESPONSES, MESSAGES)
READING: Final[tuple[Dialect, ...]] = (EMBEDDINGS, MODERATIONS, RERANK)
WORDS: Final = "This is a played answer."


def body(dialect: Dialect, model: str = "good", **more: object) -> dict[str, Any]:
    return {"model": model, **BODIES[dialect.endpoint], **more}


def events(answered: Answer) -> list[tuple[str, Any]]:
    """Name and data of each event, JSON as plain data."""
    found = []
    for part in answered.body.decode().split("\n\n"):
        lines = dict(line.split(": ", 1) for line in part.splitlines() if ": " in line)
        if "data" in lines:
            data = lines["data"]
            found.append((lines.get("event", ""), data if data == "[DONE]" else json.loads(data)))
    return found


def said(dialect: Dialect, answered: Answer) -> str:
    """The text of an answer, streamed or not."""
    if _is_stream(answered):
        return "".join(_delta(dialect, event) for _, event in events(answered))
    return _whole(dialect, answered.json())


def cost_of(answered: Answer) -> Any:
    """The fields that tell the cost."""
    if not _is_stream(answered):
        return answered.json()
    (found,) = [event for _, event in events(answered) if "cost" in event and event != "[DONE]"]
    return found


def _is_stream(answered: Answer) -> bool:
    return str(answered.header("content-type")).startswith("text/event-stream")


def _whole(dialect: Dialect, answer: Any) -> str:
    if dialect.endpoint == RESPONSES.endpoint:
        return "".join(part["text"] for item in answer["output"] for part in item["content"])
    if dialect.endpoint == MESSAGES.endpoint:
        return "".join(block["text"] for block in answer["content"])
    (choice,) = answer["choices"]
    return str(choice["text"] if dialect is COMPLETIONS else choice["message"]["content"])


def _delta(dialect: Dialect, event: Any) -> str:
    if event == "[DONE]":
        return ""
    if dialect.endpoint == RESPONSES.endpoint:
        return str(event["delta"]) if event["type"] == "response.output_text.delta" else ""
    if dialect.endpoint == MESSAGES.endpoint:
        return str(event.get("delta", {}).get("text", ""))
    texts = [
        choice.get("text") or choice.get("delta", {}).get("content") or ""
        for choice in event.get("choices", [])
    ]
    return "".join(texts)
