"""Reading a stream of chat completion chunks, to say the same in another endpoint's events.

The reader decodes each event once and tells a :class:`Writer` what the model does. What the writer
returns is what passes; nothing of the provider's bytes does. It is not confused by

- pieces that end anywhere, comments, and events that are no JSON: they say nothing and are dropped;
- further choices: only the first was asked for;
- calls that all have the number 0, calls that are told in turns, calls without an id;
- usage with the last words, with every word, after them, or never, and a missing ``[DONE]``.
"""

from collections.abc import Mapping
from typing import Final, Protocol

from routstr.errors import UpstreamError
from routstr.payment.usage import Usage, merge_usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.fields import Fields
from routstr.proxy.sse import StreamScanner, data_of
from routstr.proxy.translation.chat_answer import (
    Call,
    Ending,
    Identity,
    Kind,
    calls_in,
    client_id,
    forgiving,
    id_of,
    read_function,
    spoken,
)
from routstr.proxy.translation.keepsakes import opened

CALLS_MAX: Final = 1_000
"""Calls of tools in one answer."""


class Writer(Protocol):
    """Says what a model does in events of another endpoint. Made for one stream."""

    def begin(self, identity: Identity) -> bytes:
        """The answer begins; nothing was said yet."""
        ...

    def say(self, kind: Kind, text: str) -> bytes:
        """Words; never an empty text."""
        ...

    def call(self, call: Call) -> bytes:
        """A call begins; its arguments follow."""
        ...

    def argue(self, call: Call, text: str) -> bytes:
        """A piece of a call's arguments."""
        ...

    def rest(self, *, whole: bool) -> bytes:
        """Nothing that has begun goes on; ``whole``: it was said to its end."""
        ...

    def last(self, ending: Ending, usage: Usage) -> tuple[bytes, Fields | None]:
        """What ends the answer, and its last event if that is one that tells the cost."""
        ...


class ChatReader(StreamScanner):
    """Feed it chunks; it returns the writer's events."""

    __slots__ = ("_called", "_calls", "_latest", "ending", "identity", "writer")

    def __init__(self, event_bytes_max: int, writer: Writer) -> None:
        super().__init__(event_bytes_max)
        self.writer: Final = writer
        self.identity: Identity | None = None
        """Known when the answer has begun."""
        self.ending: Final = Ending()
        self._calls: Final[dict[object, Call]] = {}
        self._called = 0
        self._latest: object = 0

    @property
    def finished(self) -> bool:
        """Whether the provider said that this was all."""
        return self.error is None and (self.done or self.ending.reason is not None)

    def _passes(self, data: bytes) -> bool:  # noqa: ARG002 - the scanner's
        return False

    def _passing(self, data: bytes) -> int:  # noqa: ARG002 - the scanner's
        return 0

    def _event(self, raw: bytes) -> bytes:
        data = _data(raw)
        if not data:
            return b""
        if data.strip() == b"[DONE]":
            self.done = True
            return b""
        chunk = forgiving(data)
        if not isinstance(chunk, dict):
            return b""
        choices = chunk.get("choices")
        if isinstance(choices, list) and choices:
            self.last = raw
        self._note_usage(chunk)
        error = chunk.get("error")
        if error is not None:
            self.error = error
        if self.error is not None or not isinstance(choices, list) or not choices:
            return b""
        passed = [] if self.identity is not None else [self.begin(chunk)]
        for choice in choices:
            if isinstance(choice, dict) and choice.get("index") in (0, None):
                self._choice(choice, passed)
        return b"".join(passed)

    def begin(self, chunk: Mapping[str, object]) -> bytes:
        """Begin the answer under the name that a chunk shows."""
        self.identity = Identity.of(chunk)
        return self.writer.begin(self.identity)

    def _note_usage(self, chunk: Mapping[str, object]) -> None:
        told = chunk.get("usage")
        usage = parse_usage(told) if told is not None else None
        if usage is None:
            return
        self.usage = merge_usage(self.usage, usage)
        self.told_usage = told
        self._last_at_usage = self.last
        if not chunk.get("choices"):
            self.closing = {}  # no more is needed, should the client have left

    def _choice(self, choice: Mapping[str, object], passed: list[bytes]) -> None:
        delta = choice.get("delta")
        if isinstance(delta, dict):
            for kind, text in spoken(delta):
                self.ending.refused |= kind is Kind.REFUSAL
                passed.append(self.writer.say(kind, text))
            for part in calls_in(delta):
                self._call(part, passed)
        self.ending.read(choice)
        if choice.get("finish_reason"):
            passed.append(self.writer.rest(whole=self.ending.is_whole))

    def _call(self, part: Mapping[str, object], passed: list[bytes]) -> None:
        name, pieces = read_function(part)
        call_id, index = id_of(part), part.get("index")
        if not isinstance(index, int):
            index = call_id or self._latest
        call = self._calls.get(index)
        if call is None or (call_id and name and call_id != opened(call.id)[0]):
            call = self._new_call(client_id(part), name)
            self._calls[index] = call
            passed.append(self.writer.call(call))
        self._latest = index
        for piece in pieces:
            call.pieces.append(piece)
            passed.append(self.writer.argue(call, piece))

    def _new_call(self, call_id: str, name: str) -> Call:
        if self._called == CALLS_MAX:
            raise UpstreamError("The provider's answer calls too many tools.")
        self._called += 1
        self.ending.called = True
        return Call(self._called, call_id, name)


def _data(event: bytes) -> bytes:
    usual = event.startswith(b"data: ") and event.endswith(b"\n\n")
    if usual and event.count(b"\n") == 2 and b"\r" not in event:  # noqa: PLR2004 - its end
        return event[6:-2]
    return data_of(event)
