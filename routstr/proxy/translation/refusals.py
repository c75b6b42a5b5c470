"""What is refused because a chat completion has no words for it; and reading with refusals."""

from collections.abc import Mapping
from typing import Final

from routstr.errors import InvalidParameter
from routstr.proxy.translation.keepsakes import opened

KIND_CHARS_MAX: Final = 64
"""As much of a type as is looked at, and repeated in a refusal."""

Part = dict[str, object]
"""A piece of a message's content, as chat completions write it."""


def cannot(deed: str, param: str) -> InvalidParameter:
    """``deed`` completes "The provider of this model cannot"."""
    return InvalidParameter(
        f"The provider of this model cannot {deed}: it speaks chat completions only.",
        details={"param": param},
    )


def objects(given: object, param: str) -> list[dict[str, object]]:
    """A list of objects; nothing is an empty one."""
    if given is None:
        return []
    if not isinstance(given, list) or not all(isinstance(one, dict) for one in given):
        raise InvalidParameter(f"'{param}' must be a list of objects.", details={"param": param})
    return given


def kind_of(holder: Mapping[str, object]) -> str:
    """The ``type`` of a part; empty when there is none."""
    found = holder.get("type")
    return found[:KIND_CHARS_MAX] if isinstance(found, str) else ""


def text_in(holder: Mapping[str, object], name: str, param: str) -> str:
    """A field that must be a text."""
    found = holder.get(name)
    if not isinstance(found, str):
        raise InvalidParameter(
            f"'{name}' must be a text in every such part of '{param}'.", details={"param": param}
        )
    return found


def kept(body: Mapping[str, object], names: Mapping[str, str]) -> dict[str, object]:
    """Fields that only have another name, or not even that; those without a value are left out."""
    return {new: body[old] for old, new in names.items() if body.get(old) is not None}


def function(name: object, holder: Mapping[str, object], parameters: object) -> dict[str, object]:
    """A tool that the client runs."""
    told: dict[str, object] = {"name": name}
    if holder.get("description") is not None:
        told["description"] = holder["description"]
    told["parameters"] = parameters or {"type": "object", "properties": {}}
    if holder.get("strict") is True:
        told["strict"] = True
    return {"type": "function", "function": told}


def call(call_id: str, name: str, arguments: str) -> dict[str, object]:
    """A call of such a tool that the model has made; ``call_id`` is the client's id of it."""
    own, keepsake = opened(call_id)
    told: dict[str, object] = {
        "id": own,
        "type": "function",
        "function": {"name": name, "arguments": arguments},
    }
    return {**told, "extra_content": keepsake} if keepsake else told


def result(call_id: str, text: str) -> dict[str, object]:
    """What the tool has given; ``call_id`` is the client's id of the call."""
    return {"role": "tool", "tool_call_id": opened(call_id)[0], "content": text}


def shortest(parts: list[Part]) -> str | list[Part]:
    """Content that is text only as one text, which every provider understands."""
    if all(part["type"] == "text" for part in parts):
        return "\n".join(str(part["text"]) for part in parts)
    return parts
