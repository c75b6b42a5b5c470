"""What a request for a message wants beside the conversation, in words of chat completions."""

from collections.abc import Mapping
from hashlib import sha256
from typing import Final

from routstr.proxy.translation.refusals import cannot, function, kind_of, objects, text_in

USER_CHARS_MAX: Final = 64
"""A longer ``user`` is refused by some providers."""
LITTLE_THOUGHT: Final = 4_096
SOME_THOUGHT: Final = 16_384
"""Budgets of thinking, in tokens: up to these the effort is low, medium, and beyond them high."""

_CHOICES: Final = {"auto": "auto", "any": "required", "none": "none"}
_EFFORTS: Final = {
    "low": "low",
    "medium": "medium",
    "high": "high",
    "xhigh": "high",
    "max": "high",
}


def tools(body: Mapping[str, object]) -> dict[str, object]:
    """Tools that the client runs, and which of them are to be called."""
    given = []
    for tool in objects(body.get("tools"), "tools"):
        if kind_of(tool) not in ("", "custom"):
            raise cannot(f"be given the tool '{kind_of(tool)}'", "tools")
        name = text_in(tool, "name", "tools")
        schema = tool.get("input_schema")
        strict = tool.get("strict") is True and is_strict(schema)
        given.append(function(name, {**tool, "strict": strict}, schema))
    choice = body.get("tool_choice")
    if not given or not isinstance(choice, dict):
        return {"tools": given} if given else {}
    told: dict[str, object] = {"tools": given}
    kind = kind_of(choice)
    if kind == "tool":
        name = text_in(choice, "name", "tool_choice")
        told["tool_choice"] = {"type": "function", "function": {"name": name}}
    elif kind in _CHOICES:
        told["tool_choice"] = _CHOICES[kind]
    else:
        raise cannot(f"be told the choice '{kind}'", "tool_choice")
    if choice.get("disable_parallel_tool_use") is True:
        told["parallel_tool_calls"] = False
    return told


def thinking(body: Mapping[str, object]) -> dict[str, object]:
    """How hard to think; nothing where nobody asked for thoughts."""
    config, wanted = body.get("output_config"), body.get("thinking")
    effort = config.get("effort") if isinstance(config, dict) else None
    if isinstance(effort, str):
        return {"reasoning_effort": _EFFORTS.get(effort, "medium")}
    if not isinstance(wanted, dict) or wanted.get("type") != "enabled":
        return {}
    budget = wanted.get("budget_tokens")
    if not isinstance(budget, int) or budget <= LITTLE_THOUGHT:
        return {"reasoning_effort": "low"}
    return {"reasoning_effort": "medium" if budget <= SOME_THOUGHT else "high"}


def wanted_format(body: Mapping[str, object]) -> dict[str, object]:
    """The schema that the answer is to have."""
    config = body.get("output_config")
    wanted = config.get("format") if isinstance(config, dict) else None
    wanted = wanted or body.get("output_format")  # its name while it was a beta
    if not isinstance(wanted, dict):
        return {}
    if kind_of(wanted) != "json_schema":
        raise cannot(f"answer in the format '{kind_of(wanted)}'", "output_config")
    schema = wanted.get("schema")
    told = {"name": "answer", "schema": schema, "strict": is_strict(schema)}
    return {"response_format": {"type": "json_schema", "json_schema": told}}


def user(body: Mapping[str, object]) -> dict[str, object]:
    """Who asks, as the client names them."""
    metadata = body.get("metadata")
    name = metadata.get("user_id") if isinstance(metadata, dict) else None
    if not isinstance(name, str) or not name:
        return {}
    if len(name) > USER_CHARS_MAX:
        name = sha256(name.encode("utf-8", "replace")).hexdigest()
    return {"user": name}


def is_strict(schema: object) -> bool:
    """Whether providers that follow a schema to the letter accept this one.

    They want every object to require all of its properties and to allow no others.
    """
    if isinstance(schema, list):
        return all(map(is_strict, schema))
    if not isinstance(schema, dict):
        return True
    properties, required = schema.get("properties"), schema.get("required")
    if isinstance(properties, dict):
        named = required if isinstance(required, list) else []
        if schema.get("additionalProperties") is not False or any(
            name not in named for name in properties
        ):
            return False
    return all(map(is_strict, schema.values()))
