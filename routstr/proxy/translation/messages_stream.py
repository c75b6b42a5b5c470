"""What a model does, as the events of a streamed message.

::

    message_start  (content_block_start  content_block_delta...  content_block_stop)...
    message_delta  message_stop

Blocks follow one another, as clients expect; only calls that their provider tells in turns are
open together.
"""

from collections.abc import Mapping
from typing import Final

from routstr.payment.usage import Usage
from routstr.proxy.fields import Fields, encode
from routstr.proxy.translation.chat_answer import Call, Ending, Identity, Kind
from routstr.proxy.translation.messages_answer import block, counts, stop, tool_use

_DELTAS: Final = {"text": "text_delta", "thinking": "thinking_delta"}


class MessagesWriter:
    """See :class:`routstr.proxy.translation.chat_stream.Writer`."""

    __slots__ = ("_blocks", "_calls", "_speaking")

    def __init__(self) -> None:
        self._blocks = 0
        self._speaking: tuple[int, str] | None = None
        """Index and type of the block that words go to."""
        self._calls: Final[dict[int, tuple[int, Call]]] = {}
        """Calls that may go on, by their number, with the index of their block."""

    def begin(self, identity: Identity) -> bytes:
        """The input is not known yet; the last event tells it."""
        started: dict[str, object] = {
            "id": f"msg_{identity.number}",
            "type": "message",
            "role": "assistant",
            "model": identity.model,
            "content": [],
            "stop_reason": None,
            "stop_sequence": None,
            "usage": {"input_tokens": 0, "output_tokens": 0},
        }
        return _event("message_start", {"message": started})

    def say(self, kind: Kind, text: str) -> bytes:
        """Thoughts in blocks of their own."""
        name = "thinking" if kind is Kind.THINKING else "text"
        head = b""
        if self._speaking is None or self._speaking[1] != name:
            head = self._hush() + self._start(block(kind, ""))
            self._speaking = self._blocks - 1, name
        return head + self._delta(self._speaking[0], {"type": _DELTAS[name], name: text})

    def call(self, call: Call) -> bytes:
        """Ends what went before, unless another call is still lacking something."""
        head = self._hush() + self._last_call()
        self._calls[call.number] = self._blocks, call
        return head + self._start(tool_use(call, {}))

    def argue(self, call: Call, text: str) -> bytes:
        """Pieces of JSON pass as they are; what follows a whole call is nothing."""
        if call.number not in self._calls:
            return b""
        index, _ = self._calls[call.number]
        return self._delta(index, {"type": "input_json_delta", "partial_json": text})

    def rest(self, *, whole: bool) -> bytes:  # noqa: ARG002 - the port's
        """End all blocks."""
        ends = [_stop(index) for index, _ in self._calls.values()]
        self._calls.clear()
        return self._hush() + b"".join(ends)

    def last(self, ending: Ending, usage: Usage) -> tuple[bytes, Fields | None]:
        """The last events, with the usage; no event is left for the cost."""
        end = {"delta": stop(ending), "usage": counts(usage)}
        return _event("message_delta", end) + _event("message_stop", {}), None

    def _start(self, content: dict[str, object]) -> bytes:
        index = self._blocks
        self._blocks += 1
        return _event("content_block_start", {"index": index, "content_block": content})

    def _delta(self, index: int, delta: dict[str, str]) -> bytes:
        return _event("content_block_delta", {"index": index, "delta": delta})

    def _hush(self) -> bytes:
        speaking, self._speaking = self._speaking, None
        return b"" if speaking is None else _stop(speaking[0])

    def _last_call(self) -> bytes:
        """End the call before this one, if it lacks nothing. So each is looked at once."""
        number = next(reversed(self._calls), 0)
        if not number or not self._calls[number][1].is_whole:
            return b""
        return _stop(self._calls.pop(number)[0])


def _stop(index: int) -> bytes:
    return _event("content_block_stop", {"index": index})


def _event(name: str, told: Mapping[str, object]) -> bytes:
    return b"event: %b\ndata: %b\n\n" % (name.encode(), encode({"type": name, **told}))
