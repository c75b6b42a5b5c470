"""Paid routes in the OpenAPI document; the framework, which writes it, does not know them.

What models take and answer is the providers' business and stands in their documents; here stands
what the node itself reads, and adds.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Final

from routstr.proxy import count_tokens, estimate_cost
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.counted import Counted
from routstr.proxy.dialects.pieces import PieceDialect

Operation = Mapping[str, Any]

_JSON: Final = "application/json"
_EVENTS: Final = "text/event-stream"
_TEXT: Final = {"type": "string"}
_HEADERS: Final = (
    ("X-Cashu", "A Cashu token that pays for this request alone."),
    ("Idempotency-Key", "A repeat with the same key is charged once."),
    ("X-Max-Cost-Msat", "The most that the request may cost, in msat."),
    ("X-Routstr-Fit-Balance", "1: the output limit may be lowered to what the balance pays."),
    ("X-Routstr-Model-Path", "The path of the provider that shall serve."),
)
_TOLD: Final = (
    ("X-Routstr-Cost-Msats", "What the request cost, in msat."),
    ("X-Cashu", "The change of a token that paid for this request alone."),
)
_MODEL: Final = {"type": "object", "properties": {"model": _TEXT}, "required": ["model"]}
_ANY: Final = {"type": "object"}
_FREE: Final = {
    count_tokens.ENDPOINT: "Count a message's input, for nothing.",
    estimate_cost.ENDPOINT: "Tell what a request would cost, for nothing.",
}


def paid_paths(
    dialects: Iterable[Dialect], pieces: Iterable[PieceDialect]
) -> dict[str, dict[str, Operation]]:
    """What OpenAPI calls path items, by path."""
    paid: dict[str, Operation] = {}
    for dialect in dialects:
        kinds = (_JSON,) if isinstance(dialect, Counted) else (_JSON, _EVENTS)
        paid[dialect.endpoint] = _paid(_JSON, *kinds)
    for one in pieces:
        kinds = (_JSON, _EVENTS) if one.last_events else (_JSON,)
        if one.live:
            kinds = ("audio/*", *kinds)
        paid[one.endpoint] = _paid("multipart/form-data" if one.form else _JSON, *kinds)
    free = {path: _operation(does, _JSON, {"200": _answer(_JSON)}) for path, does in _FREE.items()}
    return {path: {"post": one} for path, one in {**paid, **free}.items()}


def _paid(kind: str, *kinds: str) -> Operation:
    answers = {
        "200": {
            **_answer(*kinds),
            "headers": {name: {"description": does, "schema": _TEXT} for name, does in _TOLD},
        },
        "402": {
            "description": "Not paid for: the X-Cashu header says what would settle it (NUT-24).",
            "content": {_JSON: {"schema": _ANY}},
        },
    }
    parameters = [
        {"name": name, "in": "header", "required": False, "description": does, "schema": _TEXT}
        for name, does in _HEADERS
    ]
    does = "Paid with 'Authorization: Bearer' and a key or a Cashu token, or with X-Cashu."
    return {**_operation(does, kind, answers), "parameters": parameters}


def _operation(does: str, kind: str, answers: Operation) -> Operation:
    return {
        "tags": ["models"],
        "description": does,
        "requestBody": {"required": True, "content": {kind: {"schema": _MODEL}}},
        "responses": answers,
    }


def _answer(*kinds: str) -> dict[str, Any]:
    content = {kind: {"schema": _ANY if kind == _JSON else _TEXT} for kind in kinds}
    return {"description": "The answer.", "content": content}
