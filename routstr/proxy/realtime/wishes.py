"""What a client sends: events that are known, priced, and written anew for the provider.

An event that is not of this list is refused, because nobody knows what it costs; so is what the
provider would run, keep or fetch itself. A refusal is told in an ``error`` event and the
conversation goes on.
"""

from collections.abc import Iterator, Mapping
from typing import Final
from uuid import uuid4

import msgspec

from routstr.errors import InvalidEvent, NotPriced, RoutstrError
from routstr.payment.tokens import prompt_estimate
from routstr.proxy.realtime.reading import Reading

APPEND: Final = "input_audio_buffer.append"
CREATE: Final = "response.create"
UPDATE: Final = "session.update"
ITEM: Final = "conversation.item.create"
CANCEL: Final = "response.cancel"
CLEARS: Final = frozenset(
    {
        CANCEL,
        "conversation.item.delete",
        "conversation.item.retrieve",
        "conversation.item.truncate",
        "input_audio_buffer.clear",
        "output_audio_buffer.clear",
    }
)
"""Events that only stop, show or take away."""
_COMMIT: Final = "input_audio_buffer.commit"
_KNOWN: Final = CLEARS | {APPEND, CREATE, UPDATE, ITEM, _COMMIT}

_ITEMS: Final = frozenset({"message", "function_call", "function_call_output"})
_PARTS: Final = frozenset(
    {"audio", "input_audio", "input_image", "input_text", "output_audio", "output_text", "text"}
)
_UNPRICED: Final = {
    "prompt": "A prompt that the provider keeps has no price on this node; send what it says.",
    "tracing": "Traces are kept on the provider's side, under this node's account.",
    "service_tier": "A choice of service has no price on this node.",
}
_TOOL: Final = "A tool that the provider runs has no price on this node."
_encode: Final = msgspec.json.Encoder().encode


class Append(msgspec.Struct, omit_defaults=True):
    """Sound, by far the most frequent event: nothing but its size is looked at."""

    type: str
    audio: str
    event_id: str | None = None

    @property
    def size(self) -> int:
        """Bytes of sound, at most."""
        return _bytes_of(self.audio)


class _Kind(msgspec.Struct):
    type: str
    event_id: str | None = None


class Wish:
    """One event of the client's."""

    __slots__ = ("append", "event_id", "fields", "type")

    def __init__(self, kind: _Kind, append: Append | None, fields: dict[str, object]) -> None:
        self.type: Final = kind.type
        self.event_id: Final = kind.event_id
        self.append: Final = append
        self.fields: Final = fields

    def name(self) -> str:
        """What the event is called: with a name its refusal can be told from others."""
        known = self.fields.get("event_id")
        if isinstance(known, str):
            return known
        made = self.fields["event_id"] = f"event_{uuid4().hex}"
        return made

    @property
    def session(self) -> Mapping[str, object]:
        """What a ``session.update`` asks for."""
        return _mapping(self.fields, "session")

    @property
    def response(self) -> Mapping[str, object]:
        """What a ``response.create`` asks for."""
        return _mapping(self.fields, "response")

    def add_to(self, reading: Reading, size: int, bytes_per_second: int) -> None:
        """Count what the model is given with an event of so many bytes."""
        blobs = 0
        for part in self._parts():
            sound, image = part.get("audio"), part.get("image_url")
            if isinstance(sound, str):
                blobs += len(sound)
                reading.add_sound(_bytes_of(sound), bytes_per_second)
            if part.get("type") == "input_image":
                blobs += len(image) if isinstance(image, str) else 0
                reading.add_pictures(1)
        reading.add_words(size - blobs, self._likely())

    def _likely(self) -> int:
        """Tokens of the words in it."""
        holder = self.session or self.response
        words = {name: holder[name] for name in ("instructions", "tools") if holder.get(name)}
        texts = [part["text"] for part in self._parts() if isinstance(part.get("text"), str)]
        item = self.fields.get("item")
        if isinstance(item, Mapping):
            texts += [item[name] for name in ("arguments", "output") if item.get(name)]
        if not words and not texts:
            return 0
        return prompt_estimate({**words, "input": texts}).tokens

    def _parts(self) -> Iterator[Mapping[str, object]]:
        """What the items of the event consist of."""
        given = self.response.get("input")
        for item in (self.fields.get("item"), *(given if isinstance(given, list) else ())):
            content = item.get("content") if isinstance(item, Mapping) else None
            for part in content if isinstance(content, list) else ():
                if isinstance(part, Mapping):
                    yield part

    def encode(self) -> str:
        """The event for the provider, who reads exactly what was read here."""
        return _encode(self.append or self.fields).decode()


_kind_of: Final = msgspec.json.Decoder(_Kind).decode
_append_of: Final = msgspec.json.Decoder(Append).decode
_fields_of: Final = msgspec.json.Decoder(dict[str, object]).decode


def read_wish(text: str) -> Wish:
    """Read an event. Raises :class:`InvalidEvent` or :class:`NotPriced`, with ``event_id``."""
    try:
        kind = _kind_of(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise InvalidEvent("The event is no JSON object with a 'type'.") from None
    try:
        return _checked(text, kind)
    except RoutstrError as error:
        if kind.event_id is not None:
            error.details = {**error.details, "event_id": kind.event_id}
        raise


def _checked(text: str, kind: _Kind) -> Wish:
    if kind.type not in _KNOWN:
        raise InvalidEvent("Events of this type are not accepted.", details={"param": "type"})
    try:
        if kind.type == APPEND:
            append = _append_of(text)
            return Wish(kind, append, {})
        fields = _fields_of(text)
    except (msgspec.MsgspecError, RecursionError, ValueError):
        raise InvalidEvent("The event is not valid.") from None
    wish = Wish(kind, None, fields)
    if kind.type == UPDATE:
        _check_settings(wish.session, "session")
        _check_session(wish.session)
    elif kind.type == CREATE:
        _check_settings(wish.response, "response")
        given = wish.response.get("input")
        for item in given if isinstance(given, list) else ():
            _check_item(item, referred=True)
    elif kind.type == ITEM:
        _check_item(fields.get("item"))
    return wish


def _check_session(session: Mapping[str, object]) -> None:
    if session.get("type", "realtime") != "realtime":
        raise NotPriced("Only sessions of type 'realtime' are sold here.")


def _check_settings(given: Mapping[str, object], where: str) -> None:
    for name, reason in _UNPRICED.items():
        if given.get(name) is not None:
            raise NotPriced(reason, details={"param": f"{where}.{name}"})
    if given.get("model") is not None:
        raise NotPriced(
            "The model is that of the address; leave it out.", details={"param": f"{where}.model"}
        )
    tools = given.get("tools")
    for tool in tools if isinstance(tools, list) else ():
        if not isinstance(tool, Mapping) or tool.get("type", "function") != "function":
            raise NotPriced(_TOOL, details={"param": f"{where}.tools"})


def _check_item(item: object, *, referred: bool = False) -> None:
    kind = item.get("type", "message") if isinstance(item, Mapping) else None
    if referred and kind == "item_reference":
        return
    if not isinstance(item, Mapping) or kind not in _ITEMS:
        raise NotPriced("Items of this type have no price on this node.", details={"param": "item"})
    content = item.get("content")
    for part in content if isinstance(content, list) else ():
        _check_part(part)


def _check_part(part: object) -> None:
    if not isinstance(part, Mapping) or part.get("type") not in _PARTS:
        raise NotPriced(
            "Content of this type has no price on this node.", details={"param": "item.content"}
        )
    image = part.get("image_url")
    elsewhere = isinstance(image, str) and not image.startswith("data:")
    if elsewhere or part.get("file_id") is not None:
        raise NotPriced(
            "What an event only refers to has no price on this node; send it whole.",
            details={"param": "item.content"},
        )


def _bytes_of(base64: str) -> int:
    return len(base64) * 3 // 4


def _mapping(fields: Mapping[str, object], name: str) -> Mapping[str, object]:
    found = fields.get(name)
    return found if isinstance(found, Mapping) else {}
