"""What the node has no price for: a request with such a thing is refused before money is held.

A price covers what a body shows and what the model writes. Tools that the provider runs cost extra,
and what they find is read as input. References make the provider read what the body does not show.
Sound and pictures that a model makes cost more than its words, and so do faster services, chosen
places and chosen hosts. A cache that is kept for an hour costs more than the published price of
writing one: such a wish is not passed on, so the text is cached for the usual time.
"""

from collections.abc import Mapping
from typing import Final

from routstr.errors import InvalidParameter

_TOOL: Final = "A tool that the provider runs has no price on this node."
_FIELDS: Final = {
    "audio": "Sound that a model makes has no price on this node.",
    "container": _TOOL,
    "mcp_servers": _TOOL,
    "models": "A list of fallback models has no price; name one 'model'.",
    "plugins": _TOOL,
    "prediction": "Predicted output is charged beyond what is written: it has no price here.",
    "preset": "A preset kept by the provider has no price on this node; send what it says.",
    "provider": "A choice among the provider's hosts has no price on this node.",
    "search_parameters": _TOOL,
    "web_search_options": _TOOL,
}
_ORDINARY: Final = {
    "inference_geo": frozenset({"global"}),
    "service_tier": frozenset(
        {"auto", "default", "flex", "on_demand", "standard", "standard_only"}
    ),
    "speed": frozenset({"standard"}),
}
"""What is known to cost no more than the published price; anything else may."""
_SUSPECT: Final = frozenset((*_FIELDS, *_ORDINARY, "modalities", "tools"))
_USUAL_CACHE: Final = "5m"
_CLIENT_TOOLS: Final = frozenset({"apply_patch", "computer", "custom", "function", "local_shell"})
_CLIENT_TOOLS_OF_A_DATE: Final = ("bash_", "computer_", "memory_", "text_editor_")
_REFERENCES: Final = ("file_id", "file_url")
_REFERRING: Final = frozenset({"file", "url"})
_SAID: Final = frozenset({"content", "role", "text"})
_PLAIN: Final = frozenset({"content", "name", "role", "tool_call_id", "tool_calls"})
"""What has no other field is a message and refers to nothing by itself."""
_WEB: Final = ("http:", "https:")
_ELSEWHERE: Final = "What the body only refers to has no price on this node; send it whole."


def refuse_unpriced(body: Mapping[str, object]) -> None:
    """Raise :class:`InvalidParameter` for what has no price, whatever the endpoint."""
    if not _SUSPECT.isdisjoint(body):
        _refuse_fields(body)
    for name in ("messages", "input"):
        given = body.get(name)
        if isinstance(given, list) and _refers(given):
            raise _refusal(name, _ELSEWHERE)


def _refuse_fields(body: Mapping[str, object]) -> None:
    for name, reason in _FIELDS.items():
        if body.get(name) is not None:
            raise _refusal(name, reason)
    for name, ordinary in _ORDINARY.items():
        value = body.get(name)
        if isinstance(value, str) and value not in ordinary:
            raise _refusal(name, f"This {name} has no price on this node.")
    modalities = body.get("modalities")
    if isinstance(modalities, list) and any(one != "text" for one in modalities):
        raise _refusal("modalities", "Output that is not text has no price on this node.")
    tools = body.get("tools")
    if isinstance(tools, list) and not all(map(_is_clients, tools)):
        raise _refusal("tools", _TOOL)


def shorten_caches(raw: bytes, body: Mapping[str, object]) -> None:
    """Take the wish for a longer cache, which is dearer to write, out of a body.

    ``raw`` is what the body was read from: most bodies cannot have such a wish.
    """
    if raw.find(b"ttl") < 0 and raw.find(b"\\u00") < 0:
        return
    _shorten(body)
    stack = [body.get(name) for name in ("system", "messages", "tools", "input")]
    while stack:
        given = stack.pop()
        if isinstance(given, list):
            stack.extend(given)
        elif isinstance(given, dict):
            _shorten(given)
            stack.append(given.get("content"))


def _shorten(block: Mapping[str, object]) -> None:
    control = block.get("cache_control")
    if isinstance(control, dict) and control.get("ttl") != _USUAL_CACHE:
        control.pop("ttl", None)


def _is_clients(tool: object) -> bool:
    """Whether the client runs a tool; what is no tool at all is left to the provider to refuse."""
    if not isinstance(tool, dict):
        return True
    kind = tool.get("type")
    if kind is None:
        return "name" in tool or "function" in tool
    if not isinstance(kind, str):
        return False
    return kind in _CLIENT_TOOLS or kind.startswith(_CLIENT_TOOLS_OF_A_DATE)


def _refers(given: list[object]) -> bool:
    """Whether anything in messages is not there itself; arguments of calls are not looked at."""
    # most messages are plain texts, which need no closer look
    stack = [item for item in given if not _is_text(item)]
    while stack:
        item = stack.pop()
        if isinstance(item, list):
            stack.extend(item)
        elif isinstance(item, dict):
            if not (_PLAIN.issuperset(item) and "role" in item) and _is_reference(item):
                return True
            stack += (item.get("content"), item.get("output"))
    return False


def _is_text(item: object) -> bool:
    return (
        type(item) is dict
        and _PLAIN.issuperset(item)
        and "role" in item
        and type(item.get("content")) is str
    )


def _is_reference(item: Mapping[str, object]) -> bool:
    kind = item.get("type")
    if kind == "item_reference" or (kind is None and "id" in item and _SAID.isdisjoint(item)):
        return True
    for holder in (item, item.get("source"), item.get("file")):
        if not isinstance(holder, dict):
            continue
        data = holder.get("file_data")
        if any(holder.get(name) for name in _REFERENCES) or _is_web(data):
            return True
    source, video = item.get("source"), item.get("video_url")
    if kind == "document" and isinstance(source, dict) and source.get("type") in _REFERRING:
        return True
    return _is_web(video.get("url") if isinstance(video, dict) else video)


def _is_web(address: object) -> bool:
    return isinstance(address, str) and address.lstrip().lower().startswith(_WEB)


def _refusal(param: str, reason: str) -> InvalidParameter:
    return InvalidParameter(reason, details={"param": param})
