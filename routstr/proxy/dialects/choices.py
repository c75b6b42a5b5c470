"""Chat completions and the older completions: answers with ``choices``, streams of chunks.

A stream ends with a chunk of the node's own that tells the cost, then ``[DONE]`` if the provider
sent one.
"""

from dataclasses import dataclass
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Protocol
from routstr.payment.metering import Receipt
from routstr.proxy import estimate
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.estimate import said_in_choices
from routstr.proxy.fields import Fields, encode, read_fields, text, value
from routstr.proxy.receipts import add_receipt, quoted
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.sse import StreamScanner, data_of, events

_DONE: Final = b"data: [DONE]\n\n"
_IDENTITY: Final = ("id", "object", "created", "model", "system_fingerprint", "service_tier")


@dataclass(frozen=True, slots=True)
class Choices:
    """An endpoint whose answers hold ``choices``; ids and chunks are named as it names them."""

    endpoint: str
    path: str
    wording: Wording
    id_prefix: str
    chunk_object: str
    protocol: Protocol = Protocol.OPENAI

    def parse(self, raw: bytes) -> PaidRequest:
        """See :class:`Dialect`."""
        return PaidRequest.parse(raw, self.wording)

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """See :class:`Dialect`."""
        return request.encode(upstream_model, output_limit)

    def is_answer(self, fields: Fields) -> bool:
        """See :class:`Dialect`."""
        return "choices" in fields

    def output_tokens(self, fields: Fields) -> int:
        """See :class:`Dialect`."""
        return estimate.output_tokens({"choices": value(fields, "choices")}, said_in_choices)

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """See :class:`Dialect`. An answer without an id gets one; the model is as it is sold."""
        add_receipt(fields, told, receipt, service.provider)
        fields["model"] = quoted(service.model)
        if not text(fields, "id"):
            fields["id"] = Raw(encode(f"{self.id_prefix}-{service.request_id}"))

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """See :class:`Dialect`."""
        return StreamScanner(event_bytes_max)

    def streamed_tokens(self, scanner: StreamScanner) -> int:
        """See :class:`Dialect`."""
        return estimate.streamed_tokens(scanner, said_in_choices)

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The chunk that carries the cost, under the identity that the stream has shown."""
        fields = scanner.closing
        if fields is None:
            shown = (read_fields(data_of(event)) for event in events(scanner.last))
            known: Fields = next(filter(None, shown), {})
            fields = {name: known[name] for name in _IDENTITY if name in known}
        fields.setdefault("id", Raw(encode(f"{self.id_prefix}-{service.request_id}")))
        fields.setdefault("object", Raw(encode(self.chunk_object)))
        fields.setdefault("created", Raw(b"0"))
        fields.setdefault("model", Raw(encode(service.model)))
        fields["choices"] = Raw(b"[]")
        add_receipt(fields, scanner.told_usage, receipt, service.provider, with_change=True)
        return b"data: " + encode(fields) + b"\n\n"

    def ended(self, scanner: StreamScanner) -> bytes:
        """See :class:`Dialect`."""
        return _DONE if scanner.done else b""

    def broken(self, body: bytes) -> bytes:
        """See :class:`Dialect`."""
        return b"data: " + body + b"\n\n"


CHAT_WORDING: Final = Wording(limits=("max_tokens", "max_completion_tokens"), asks_for_usage=True)
CHAT: Final[Dialect] = Choices(
    endpoint="/v1/chat/completions",
    path="chat/completions",
    wording=CHAT_WORDING,
    id_prefix="chatcmpl",
    chunk_object="chat.completion.chunk",
)

COMPLETIONS: Final[Dialect] = Choices(
    endpoint="/v1/completions",
    path="completions",
    wording=Wording(limits=("max_tokens",), asks_for_usage=True),
    id_prefix="cmpl",
    chunk_object="text_completion",
)
