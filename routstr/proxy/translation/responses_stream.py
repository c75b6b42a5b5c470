"""What a model does, as the events of a streamed response.

::

    response.created  response.in_progress
    (response.output_item.added  ...  response.output_item.done)...
    response.completed | response.incomplete

An item with words has one part, which begins, grows and ends; thoughts are a summary of reasoning.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final

from msgspec import Raw

from routstr.payment.usage import Usage
from routstr.proxy.fields import Fields, encode
from routstr.proxy.translation.chat_answer import Call, Ending, Identity, Kind
from routstr.proxy.translation.responses_answer import (
    NO_ARGUMENTS,
    Names,
    counts,
    envelope,
    function_call,
    part,
    state,
    words,
)


@dataclass(frozen=True, slots=True)
class _Form:
    """How events of one kind of words are named."""

    begun: str
    grows: str
    said: str
    ended: str
    whole: str
    """The field with all of the words, when they are said."""
    place: str
    more: dict[str, object] = field(default_factory=dict)


_FORMS: Final = {
    Kind.THINKING: _Form(
        "response.reasoning_summary_part.added",
        "response.reasoning_summary_text.delta",
        "response.reasoning_summary_text.done",
        "response.reasoning_summary_part.done",
        "text",
        "summary_index",
    ),
    Kind.TEXT: _Form(
        "response.content_part.added",
        "response.output_text.delta",
        "response.output_text.done",
        "response.content_part.done",
        "text",
        "content_index",
        {"logprobs": []},
    ),
    Kind.REFUSAL: _Form(
        "response.content_part.added",
        "response.refusal.delta",
        "response.refusal.done",
        "response.content_part.done",
        "refusal",
        "content_index",
    ),
}


@dataclass(frozen=True, slots=True)
class _Speech:
    """An item whose words are being said."""

    kind: Kind
    place: dict[str, object]
    pieces: list[str]


class ResponsesWriter:
    """See :class:`routstr.proxy.translation.chat_stream.Writer`."""

    __slots__ = ("_calls", "_envelope", "_events", "_items", "_names", "_speech")

    def __init__(self) -> None:
        self._names = Names("")
        self._envelope: dict[str, object] = {}
        self._events = 0
        self._items: Final[list[dict[str, object]]] = []
        """What is in the output, complete as far as it is said to be."""
        self._speech: _Speech | None = None
        self._calls: Final[dict[int, tuple[dict[str, object], Call]]] = {}
        """Calls that may go on, by their number, with their place."""

    def begin(self, identity: Identity) -> bytes:
        """The response exists, and is worked on."""
        self._names = Names(identity.number)
        self._envelope = envelope(identity)
        told = {"response": self._envelope}
        return self._event("response.created", told) + self._event("response.in_progress", told)

    def say(self, kind: Kind, text: str) -> bytes:
        """Each kind of words in an item of its own."""
        head, speech = b"", self._speech
        if speech is None or speech.kind is not kind:
            head = self._hush()
            speech, begun = self._speak(kind)
            head += begun
        speech.pieces.append(text)
        form = _FORMS[kind]
        return head + self._event(form.grows, {**speech.place, "delta": text, **form.more})

    def call(self, call: Call) -> bytes:
        """Ends what went before, unless another call is still lacking something."""
        head = self._hush() + self._last_call()
        at = len(self._items)
        item = {**function_call(self._names.call(at), call, ""), "status": "in_progress"}
        self._items.append(item)
        self._calls[call.number] = {"item_id": item["id"], "output_index": at}, call
        return head + self._event("response.output_item.added", {"output_index": at, "item": item})

    def argue(self, call: Call, text: str) -> bytes:
        """Pieces of JSON pass as they are; what follows a whole call is nothing."""
        if call.number not in self._calls:
            return b""
        place, _ = self._calls[call.number]
        return self._event("response.function_call_arguments.delta", {**place, "delta": text})

    def rest(self, *, whole: bool) -> bytes:
        """End all items; the last one is what was cut off, if anything was."""
        last = next(reversed(self._calls), 0)
        ends = (self._end_call(one, whole=whole or one != last) for one in list(self._calls))
        return b"".join((self._hush(whole=whole), *ends))

    def last(self, ending: Ending, usage: Usage) -> tuple[bytes, Fields | None]:
        """The last event, which will tell the cost, too."""
        told = state(ending)
        done = {**self._envelope, **told, "output": self._items, "usage": counts(usage)}
        name = f"response.{told['status']}"
        return b"", {
            "type": Raw(encode(name)),
            "sequence_number": Raw(encode(self._events)),
            "response": Raw(encode(done)),
        }

    def _speak(self, kind: Kind) -> tuple[_Speech, bytes]:
        at, form = len(self._items), _FORMS[kind]
        item = words(self._names.of(kind, at), kind, "")
        item["summary" if kind is Kind.THINKING else "content"] = []
        if kind is not Kind.THINKING:
            item["status"] = "in_progress"
        self._items.append(item)
        place = {"item_id": item["id"], "output_index": at, form.place: 0}
        self._speech = _Speech(kind, place, [])
        added = self._event("response.output_item.added", {"output_index": at, "item": item})
        return self._speech, added + self._event(form.begun, {**place, "part": part(kind, "")})

    def _hush(self, *, whole: bool = True) -> bytes:
        speech, self._speech = self._speech, None
        if speech is None:
            return b""
        kind, place, form = speech.kind, speech.place, _FORMS[speech.kind]
        text = "".join(speech.pieces)
        item = words(str(place["item_id"]), kind, text)
        if not whole:
            item["status"] = "incomplete"
        return (
            self._event(form.said, {**place, form.whole: text, **form.more})
            + self._event(form.ended, {**place, "part": part(kind, text)})
            + self._end_item(int(str(place["output_index"])), item)
        )

    def _last_call(self) -> bytes:
        """End the call before this one, if it lacks nothing. So each is looked at once."""
        number = next(reversed(self._calls), 0)
        if not number or not self._calls[number][1].is_whole:
            return b""
        return self._end_call(number, whole=True)

    def _end_call(self, number: int, *, whole: bool) -> bytes:
        place, call = self._calls.pop(number)
        arguments = call.arguments or NO_ARGUMENTS
        item = function_call(str(place["item_id"]), call, arguments)
        if not whole:
            item["status"] = "incomplete"
        told = {**place, "name": call.name, "arguments": arguments}
        return self._event("response.function_call_arguments.done", told) + self._end_item(
            int(str(place["output_index"])), item
        )

    def _end_item(self, at: int, item: dict[str, object]) -> bytes:
        self._items[at] = item
        return self._event("response.output_item.done", {"output_index": at, "item": item})

    def _event(self, name: str, told: Mapping[str, object]) -> bytes:
        number = self._events
        self._events += 1
        body = encode({"type": name, "sequence_number": number, **told})
        return b"event: %b\ndata: %b\n\n" % (name.encode(), body)
