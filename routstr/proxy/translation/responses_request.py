"""A request for a response as one for a chat completion.

=============================  ===================================================================
responses                      chat completions
=============================  ===================================================================
``instructions``               the first message
``input``                      a message of the user, or one for each item
``developer``                  ``system``, which all providers know
``function_call``              ``tool_calls`` of the assistant, those that are made together in one
``function_call_output``       a message of the tool; its images follow in a message of the user
``reasoning`` items            left out: chat completions do not take them back
``tools``, ``tool_choice``     functions and nothing else
``text.format``                ``response_format``
``text.verbosity``,            ``verbosity``, ``reasoning_effort``
``reasoning.effort``
``max_output_tokens``          ``max_tokens``
``store: true``                refused, as are tools that are no functions: nobody keeps the answer
=============================  ===================================================================

What only matters where answers are kept, or is a hint, is left out: ``include``, ``metadata``,
``truncation``, ``service_tier``, ``reasoning.summary``.
"""

from collections.abc import Mapping
from typing import Final

from routstr.errors import InvalidParameter
from routstr.proxy.translation.refusals import (
    Part,
    call,
    cannot,
    function,
    kept,
    kind_of,
    objects,
    result,
    shortest,
    text_in,
)

_SAME: Final = {
    "max_output_tokens": "max_tokens",
    "prompt_cache_key": "prompt_cache_key",
    "safety_identifier": "safety_identifier",
    "stream": "stream",
    "temperature": "temperature",
    "top_p": "top_p",
    "user": "user",
}
_CANNOT: Final = {
    "store": "keep a response",
    "top_logprobs": "tell probabilities",
}
_ROLES: Final = {
    "assistant": "assistant",
    "developer": "system",
    "system": "system",
    "user": "user",
}
_TEXTS: Final = {"input_text": "text", "output_text": "text", "refusal": "refusal", "text": "text"}
_IMAGE_FOLLOWS: Final = "The image is in the next message."


def chat_request(body: Mapping[str, object]) -> dict[str, object]:
    """The same request in chat completions. Raises :class:`InvalidParameter`."""
    for name, deed in _CANNOT.items():
        if body.get(name):
            raise cannot(deed, name)
    messages: list[dict[str, object]] = []
    if body.get("instructions"):
        messages.append(
            {"role": "system", "content": text_in(body, "instructions", "instructions")}
        )
    given = body.get("input")
    if isinstance(given, str):
        messages.append({"role": "user", "content": given})
    else:
        for item in objects(given, "input"):
            _add(messages, item)
    chat: dict[str, object] = {"messages": messages, **kept(body, _SAME)}
    return chat | _tools(body) | _text(body) | _reasoning(body)


def _add(messages: list[dict[str, object]], item: Mapping[str, object]) -> None:
    kind = kind_of(item) or "message"
    if kind == "message":
        _add_message(messages, item)
    elif kind == "function_call":
        name, arguments = text_in(item, "name", "input"), text_in(item, "arguments", "input")
        made = call(text_in(item, "call_id", "input"), name, arguments)
        last = messages[-1] if messages else {}
        if last.get("role") != "assistant":
            last = {"role": "assistant"}
            messages.append(last)
        calls = last.setdefault("tool_calls", [])
        assert isinstance(calls, list), "only this function writes it"
        calls.append(made)
    elif kind == "function_call_output":
        _add_result(messages, item)
    elif kind != "reasoning":
        raise cannot(f"be given an item '{kind}'", "input")


def _add_message(messages: list[dict[str, object]], item: Mapping[str, object]) -> None:
    role = _ROLES.get(str(item.get("role")))
    if role is None:
        raise InvalidParameter(
            "A message's role must be one of 'user', 'assistant', 'system' and 'developer'.",
            details={"param": "input"},
        )
    given = item.get("content")
    content = given if isinstance(given, str) else shortest(_parts(given))
    if role == "assistant" and not isinstance(content, str):
        raise cannot("be given pictures of the assistant", "input")
    last = messages[-1] if messages else {}
    if role == "assistant" and "tool_calls" in last and "content" not in last:
        last["content"] = content  # said while calling: one turn, one message
        return
    messages.append({"role": role, "content": content})


def _add_result(messages: list[dict[str, object]], item: Mapping[str, object]) -> None:
    given = item.get("output")
    parts = [] if isinstance(given, str) else _parts(given)
    others = [part for part in parts if part["type"] != "text"]
    if isinstance(given, str):
        text = given
    else:
        texts = [str(part["text"]) for part in parts if part["type"] == "text"]
        text = "\n".join([*texts, _IMAGE_FOLLOWS] if others else texts)
    call_id = text_in(item, "call_id", "input")
    # pictures that came with an earlier result of the same turn stay behind all results
    at = len(messages)
    while at and messages[at - 1].get("role") == "user" and _is_shown(messages[at - 1]):
        at -= 1
    messages.insert(at, result(call_id, text))
    if others:
        messages.append({"role": "user", "content": others})


def _is_shown(message: Mapping[str, object]) -> bool:
    """Whether this message holds what a tool has given, and nothing that a user said."""
    content = message["content"]
    return isinstance(content, list) and all(part["type"] != "text" for part in content)


def _parts(given: object) -> list[Part]:
    return [_part(one) for one in objects(given, "input")]


def _part(part: Mapping[str, object]) -> Part:
    kind = kind_of(part)
    if kind in _TEXTS:
        return {"type": "text", "text": text_in(part, _TEXTS[kind], "input")}
    if kind == "input_image":
        image: dict[str, object] = {"url": text_in(part, "image_url", "input")}
        if part.get("detail") is not None:
            image["detail"] = part["detail"]
        return {"type": "image_url", "image_url": image}
    if kind == "input_file":
        return {
            "type": "file",
            "file": kept(part, {"filename": "filename", "file_data": "file_data"}),
        }
    raise cannot(f"be given a part '{kind}'", "input")


def _tools(body: Mapping[str, object]) -> dict[str, object]:
    tools = []
    for tool in objects(body.get("tools"), "tools"):
        if kind_of(tool) != "function":
            raise cannot(f"be given the tool '{kind_of(tool)}'", "tools")
        tools.append(function(text_in(tool, "name", "tools"), tool, tool.get("parameters")))
    if not tools:
        return {}
    told = {"tools": tools, **kept(body, {"parallel_tool_calls": "parallel_tool_calls"})}
    choice = body.get("tool_choice")
    if isinstance(choice, dict):
        if kind_of(choice) != "function":
            raise cannot(f"be told the choice '{kind_of(choice)}'", "tool_choice")
        choice = {
            "type": "function",
            "function": {"name": text_in(choice, "name", "tool_choice")},
        }
    return told if choice is None else {**told, "tool_choice": choice}


def _text(body: Mapping[str, object]) -> dict[str, object]:
    text = body.get("text")
    if not isinstance(text, dict):
        return {}
    told = kept(text, {"verbosity": "verbosity"})
    wanted = text.get("format")
    kind = kind_of(wanted) if isinstance(wanted, dict) else "text"
    if isinstance(wanted, dict) and kind == "json_schema":
        names = ("name", "description", "schema", "strict")
        schema = kept(wanted, dict(zip(names, names, strict=True)))
        told["response_format"] = {"type": "json_schema", "json_schema": schema}
    elif kind == "json_object":
        told["response_format"] = {"type": "json_object"}
    elif kind != "text":
        raise cannot(f"answer in the format '{kind}'", "text")
    return told


def _reasoning(body: Mapping[str, object]) -> dict[str, object]:
    reasoning = body.get("reasoning")
    return kept(reasoning, {"effort": "reasoning_effort"}) if isinstance(reasoning, dict) else {}
