"""Reading what a model said in a chat completion, whole or piece by piece."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from secrets import token_hex
from typing import Final

import msgspec

from routstr.proxy.fields import Fields, encode, text, value
from routstr.proxy.translation.keepsakes import sealed

NOT_JSON: Final = (msgspec.MsgspecError, UnicodeDecodeError, RecursionError, ValueError)
CUT_SHORT: Final = frozenset({"length", "content_filter"})
"""Reasons to stop that leave an answer incomplete."""

_ID_BYTES: Final = 12
_PREFIXES: Final = ("chatcmpl-", "gen-")
_plain: Final = msgspec.json.Decoder().decode
_object: Final = msgspec.json.Decoder(dict[str, object]).decode


class Kind(Enum):
    """What words are for."""

    THINKING = auto()
    TEXT = auto()
    REFUSAL = auto()


@dataclass(frozen=True, slots=True)
class Identity:
    """Under what name an answer goes; ``number`` is its id without the prefix of an endpoint."""

    number: str
    model: str
    created: int

    @classmethod
    def of(cls, chunk: Mapping[str, object]) -> "Identity":
        """As the provider named it; a number is made up where there is none."""
        number, model, created = (chunk.get(name) for name in ("id", "model", "created"))
        number = number if isinstance(number, str) else ""
        for prefix in _PREFIXES:
            number = number.removeprefix(prefix)
        return cls(
            number or token_hex(_ID_BYTES),
            model if isinstance(model, str) else "",
            created if isinstance(created, int) else 0,
        )


@dataclass(slots=True)
class Call:
    """A call of a tool; ``number`` counts the calls of an answer, ``pieces`` are its arguments.

    ``id`` is the one that the client sees.
    """

    number: int
    id: str
    name: str
    pieces: list[str] = field(default_factory=list)

    @property
    def arguments(self) -> str:
        """All that was said of the arguments."""
        return "".join(self.pieces)

    @property
    def is_whole(self) -> bool:
        """Whether the arguments are a JSON object, so that nothing can follow."""
        return is_object(self.arguments)


@dataclass(slots=True)
class Ending:
    """How an answer ended. ``reason`` is the provider's word; None while there is none."""

    reason: str | None = None
    stop_sequence: str | None = None
    called: bool = False
    refused: bool = False

    def read(self, choice: Mapping[str, object]) -> None:
        """Note what a choice says of its end."""
        reason, stop = choice.get("finish_reason"), choice.get("stop_reason")
        if isinstance(reason, str) and reason:
            self.reason = reason
            if isinstance(stop, str):  # vLLM's: which of the sequences it was
                self.stop_sequence = stop

    @property
    def is_whole(self) -> bool:
        """Whether nothing was cut off."""
        return self.reason not in CUT_SHORT


@dataclass(frozen=True, slots=True)
class Said:
    """A whole answer."""

    identity: Identity
    words: list[tuple[Kind, str]]
    calls: list[Call]
    ending: Ending


def read_answer(fields: Fields, number: str) -> Said:
    """The first choice of a chat completion; ``number`` is its id when it has none of its own."""
    choices = forgiving(bytes(fields["choices"])) if "choices" in fields else None
    choice = choices[0] if isinstance(choices, list) and choices else None
    choice = choice if isinstance(choice, dict) else {}
    message = choice.get("message")
    message = message if isinstance(message, dict) else {}
    words: dict[Kind, list[str]] = {kind: [] for kind in Kind}
    for kind, piece in spoken(message):
        words[kind].append(piece)
    calls = [
        Call(at, client_id(part), *read_function(part))
        for at, part in enumerate(calls_in(message), 1)
    ]
    ending = Ending(called=bool(calls), refused=bool(words[Kind.REFUSAL]))
    ending.read(choice)
    shown = {
        "id": text(fields, "id") or number,
        "model": value(fields, "model"),
        "created": value(fields, "created"),
    }
    together = [(kind, "".join(pieces)) for kind, pieces in words.items() if pieces]
    return Said(Identity.of(shown), together, calls, ending)


def spoken(part: Mapping[str, object]) -> Iterator[tuple[Kind, str]]:
    """Words of a message or a delta, thinking first; never an empty text."""
    for name in ("reasoning_content", "reasoning"):  # the same under either name
        thought = part.get(name)
        if isinstance(thought, str) and thought:
            yield Kind.THINKING, thought
            break
    content = part.get("content")
    if isinstance(content, str):
        if content:
            yield Kind.TEXT, content
    elif isinstance(content, list):
        yield from _in_list(content)
    refusal = part.get("refusal")
    if isinstance(refusal, str) and refusal:
        yield Kind.REFUSAL, refusal


def _in_list(content: list[object]) -> Iterator[tuple[Kind, str]]:
    """Content in parts, as Mistral writes it when a model thinks."""
    for one in content:
        if not isinstance(one, dict):
            continue
        inner = one.get("thinking")
        for part in inner if isinstance(inner, list) else ():
            if isinstance(part, dict) and isinstance(part.get("text"), str) and part["text"]:
                yield Kind.THINKING, part["text"]
        if isinstance(one.get("text"), str) and one["text"]:
            yield Kind.TEXT, one["text"]


def calls_in(part: Mapping[str, object]) -> list[Mapping[str, object]]:
    """Calls of tools in a message or a delta."""
    found = part.get("tool_calls")
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def id_of(part: Mapping[str, object]) -> str:
    """The provider's id of a call, perhaps empty."""
    found = part.get("id")
    return found if isinstance(found, str) else ""


def client_id(part: Mapping[str, object]) -> str:
    """The id by which the client knows a call; made up for one that has none."""
    own = id_of(part) or f"call_{token_hex(_ID_BYTES)}"
    return sealed(own, part.get("extra_content"))


def read_function(part: Mapping[str, object]) -> tuple[str, list[str]]:
    """A call's name and a piece of its arguments; either may be missing."""
    function = part.get("function")
    function = function if isinstance(function, dict) else {}
    name, arguments = function.get("name"), function.get("arguments")
    if isinstance(arguments, dict):  # no text, as the documentation wants it, but what it means
        arguments = encode(arguments).decode()
    return (
        name if isinstance(name, str) else "",
        [arguments] if isinstance(arguments, str) and arguments else [],
    )


def forgiving(data: bytes) -> object:
    """JSON as plain data; None when it is none. Forgives what some providers write.

    ``NaN`` is null, and half of a surrogate pair, cut off by whoever counts in UTF-16, is ``?``.
    """
    try:
        return _plain(data)
    except NOT_JSON:
        pass
    try:
        found = json.loads(data, parse_constant=lambda _: None)
        return _plain(json.dumps(found, ensure_ascii=False).encode("utf-8", "replace"))
    except NOT_JSON:
        return None


def is_object(text: str) -> bool:
    """Whether a text is a JSON object."""
    try:
        _object(text)
    except NOT_JSON:
        return False
    return True
