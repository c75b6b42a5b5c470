"""``POST /v1/messages``, Anthropic's: answers with ``content`` blocks, streams of named events.

The provider's events pass as they come: their usage is what clients of this dialect count by. What
the request cost is told by an event of the node's own after the last one, ``event: cost``.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Protocol
from routstr.errors import InvalidParameter
from routstr.payment.metering import Receipt
from routstr.payment.usage import merge_usage
from routstr.payment.usage_reading import usage_of
from routstr.proxy import estimate
from routstr.proxy.dialects.base import Service
from routstr.proxy.fields import Fields, encode, value
from routstr.proxy.receipts import TOKEN_COUNTS, add_receipt
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.sse import StreamScanner

_WORDING: Final = Wording(limits=("max_tokens",))


class Messages:
    """The dialect; see :class:`routstr.proxy.dialects.base.Dialect` for its methods."""

    endpoint: Final = "/v1/messages"
    path: Final = "messages"
    protocol: Final = Protocol.ANTHROPIC

    def parse(self, raw: bytes) -> PaidRequest:
        """Refuse, beside what is malformed, what the node cannot price: containers."""
        request = PaidRequest.parse(raw, _WORDING)
        if not isinstance(request.body.get("messages"), list):
            raise InvalidParameter("'messages' must be a list.", details={"param": "messages"})
        if request.body.get("container"):
            raise InvalidParameter(
                "A container has no price on this node.", details={"param": "container"}
            )
        return request

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """As the request asks."""
        return request.encode(upstream_model, output_limit)

    def is_answer(self, fields: Fields) -> bool:
        """An answer has content."""
        return "content" in fields

    def output_tokens(self, fields: Fields) -> int:
        """Texts, thinking, and calls of tools."""
        return estimate.output_tokens(value(fields, "content"), _said_in_blocks)

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """Add the cost; the model is as it is sold."""
        add_receipt(fields, told, receipt, service.provider, counts_as=TOKEN_COUNTS)
        fields["model"] = Raw(encode(service.model))

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """Notes the usage of events that pass."""
        return _MessagesScanner(event_bytes_max)

    def streamed_tokens(self, scanner: StreamScanner) -> int:
        """Of all deltas."""
        return estimate.streamed_tokens(scanner, _said_in_delta)

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The event with the cost."""
        fields: Fields = {"type": Raw(b'"cost"'), "model": Raw(encode(service.model))}
        add_receipt(
            fields,
            scanner.told_usage,
            receipt,
            service.provider,
            counts_as=TOKEN_COUNTS,
            with_change=True,
        )
        return b"event: cost\ndata: " + encode(fields) + b"\n\n"

    def ended(self, scanner: StreamScanner) -> bytes:  # noqa: ARG002 - the port's
        """``message_stop`` has passed already."""
        return b""

    def broken(self, body: bytes) -> bytes:
        """An ``error`` event; the envelope is this dialect's already."""
        return b"event: error\ndata: " + body + b"\n\n"


class _MessagesScanner(StreamScanner):
    """Lets everything pass but errors, and adds up what the events say of the usage."""

    __slots__ = ()

    def _json(self, fields: Fields, body: bytes) -> bytes:
        error = value(fields, "error")
        if error is not None:
            self.error = error
            return b""
        usage = usage_of({name: value(fields, name) for name in ("usage", "message")})
        self.last = body
        if usage is not None:
            self.usage = merge_usage(self.usage, usage)
            self._last_at_usage = body
        return body


MESSAGES: Final = Messages()


def _said_in_blocks(blocks: object) -> Iterator[str]:
    for block in blocks if isinstance(blocks, list) else ():
        if isinstance(block, dict):
            yield from _strings(block, ("text", "thinking", "name"))
            if isinstance(block.get("input"), dict):
                yield encode(block["input"]).decode()


def _said_in_delta(event: object) -> Iterator[str]:
    if not isinstance(event, dict):
        return
    for name in ("delta", "content_block"):
        part = event.get(name)
        if isinstance(part, dict):
            yield from _strings(part, ("text", "thinking", "partial_json", "name"))


def _strings(holder: dict[str, object], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        found = holder.get(name)
        if isinstance(found, str):
            yield found
