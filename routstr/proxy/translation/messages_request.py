"""A request for a message as one for a chat completion.

=============================  ===================================================================
messages                       chat completions
=============================  ===================================================================
``system``                     the first message
``text``, ``image``            text, ``image_url`` (a data URL where the image is in the body)
``document``                   ``file``, or its text
``tool_use``                   ``tool_calls`` of the assistant
``tool_result``                a message of the tool; its images follow in the user's message
``thinking``                   left out: chat completions do not take it back
``tools``, ``tool_choice``     functions; ``any`` is ``required``
``thinking.budget_tokens``,    ``reasoning_effort``; nothing where thinking is not asked for, since
``output_config.effort``       models that do not think refuse the word
``output_config.format``       ``response_format``
``stop_sequences``             ``stop``
``metadata.user_id``           ``user``, as a digest where it is longer than providers take
``cache_control``, ``top_k``   left out: hints
=============================  ===================================================================
"""

from collections.abc import Mapping
from typing import Final

from routstr.errors import InvalidParameter
from routstr.proxy.fields import encode
from routstr.proxy.translation.messages_options import thinking, tools, user, wanted_format
from routstr.proxy.translation.refusals import (
    Part,
    call,
    cannot,
    kept,
    kind_of,
    objects,
    result,
    shortest,
    text_in,
)

_SAME: Final = {
    "max_tokens": "max_tokens",
    "stream": "stream",
    "temperature": "temperature",
    "top_p": "top_p",
}
_THOUGHTS: Final = frozenset({"thinking", "redacted_thinking"})
_IMAGE_FOLLOWS: Final = "The image is in the next message."


def chat_request(body: Mapping[str, object]) -> dict[str, object]:
    """The same request in chat completions. Raises :class:`InvalidParameter`."""
    if body.get("inference_geo") is not None:
        raise cannot("promise where it computes", "inference_geo")
    messages: list[dict[str, object]] = []
    if body.get("system"):
        messages.append({"role": "system", "content": _text(body["system"], "system")})
    for message in objects(body.get("messages"), "messages"):
        messages += _message(message)
    chat: dict[str, object] = {"messages": messages, **kept(body, _SAME)}
    if body.get("stop_sequences"):
        chat["stop"] = body["stop_sequences"]
    return chat | tools(body) | thinking(body) | wanted_format(body) | user(body)


def _message(message: Mapping[str, object]) -> list[dict[str, object]]:
    role, content = message.get("role"), message.get("content")
    if role == "system":
        return [{"role": "system", "content": _text(content, "messages")}]
    if role not in ("user", "assistant"):
        raise InvalidParameter(
            "A message's role must be 'user' or 'assistant'.", details={"param": "messages"}
        )
    if isinstance(content, str):
        return [{"role": role, "content": content}]
    blocks = objects(content, "messages")
    return [_assistant(blocks)] if role == "assistant" else _user_turn(blocks)


def _assistant(blocks: list[dict[str, object]]) -> dict[str, object]:
    texts: list[str] = []
    calls: list[dict[str, object]] = []
    for block in blocks:
        kind = kind_of(block)
        if kind == "text":
            texts.append(text_in(block, "text", "messages"))
        elif kind == "tool_use":
            name, given = text_in(block, "name", "messages"), block.get("input") or {}
            calls.append(call(text_in(block, "id", "messages"), name, encode(given).decode()))
        elif kind not in _THOUGHTS:
            raise cannot(f"be given a block '{kind}' of the assistant", "messages")
    message: dict[str, object] = {"role": "assistant"}
    if texts or not calls:
        message["content"] = "\n".join(texts)
    if calls:
        message["tool_calls"] = calls
    return message


def _user_turn(blocks: list[dict[str, object]]) -> list[dict[str, object]]:
    """Results of tools come first, since they must follow their calls at once."""
    results: list[dict[str, object]] = []
    parts: list[Part] = []
    for block in blocks:
        if kind_of(block) == "tool_result":
            text, pictures = _result(block)
            call_id = text_in(block, "tool_use_id", "messages")
            results.append(result(call_id, text))
            parts += pictures
        else:
            parts += _parts(block)
    if parts or not results:
        results.append({"role": "user", "content": shortest(parts)})
    return results


def _result(block: Mapping[str, object]) -> tuple[str, list[Part]]:
    """What a tool gave: its text, and what is no text and a tool's message cannot hold."""
    given = block.get("content")
    if isinstance(given, str):
        return given, []
    parts = [part for one in objects(given, "messages") for part in _parts(one)]
    others = [part for part in parts if part["type"] != "text"]
    texts = [str(part["text"]) for part in parts if part["type"] == "text"]
    if others:
        texts.append(_IMAGE_FOLLOWS)
    elif not texts and block.get("is_error"):
        texts.append("Error")
    return "\n".join(texts), others


def _parts(block: Mapping[str, object]) -> list[Part]:
    kind, source = kind_of(block), block.get("source")
    if kind == "text":
        return [{"type": "text", "text": text_in(block, "text", "messages")}]
    if kind == "image" and isinstance(source, dict):
        return [{"type": "image_url", "image_url": {"url": _address(source)}}]
    if kind == "document" and isinstance(source, dict):
        return _document(block, source)
    raise cannot(f"be given a block '{kind}'", "messages")


def _document(block: Mapping[str, object], source: Mapping[str, object]) -> list[Part]:
    kind, inner = kind_of(source), source.get("content")
    if kind == "text":
        return [{"type": "text", "text": text_in(source, "data", "messages")}]
    if kind == "content" and isinstance(inner, str):
        return [{"type": "text", "text": inner}]
    if kind == "content":
        return [part for one in objects(inner, "messages") for part in _parts(one)]
    title = block.get("title")
    name = title if isinstance(title, str) and title else "document.pdf"
    return [{"type": "file", "file": {"filename": name, "file_data": _address(source)}}]


def _address(source: Mapping[str, object]) -> str:
    """An image's URL, which holds the image itself where the body does."""
    kind = kind_of(source)
    if kind == "base64":
        media, data = (text_in(source, name, "messages") for name in ("media_type", "data"))
        return f"data:{media};base64,{data}"
    if kind == "url":
        return text_in(source, "url", "messages")
    raise cannot(f"be given a source '{kind}'", "messages")


def _text(given: object, param: str) -> str:
    if isinstance(given, str):
        return given
    return "\n".join(text_in(block, "text", param) for block in objects(given, param))
