"""Messages and responses of providers that speak chat completions only.

A request is read, checked and priced as the endpoint's own dialect does; the provider gets a chat
completion, and what it answers is told in the endpoint's words, whole or as its events. Usage and
cost are told as the endpoint's own dialect tells them.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Protocol
from routstr.payment.metering import Receipt
from routstr.payment.usage import Usage
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.dialects.choices import CHAT, CHAT_WORDING
from routstr.proxy.dialects.messages import MESSAGES
from routstr.proxy.dialects.responses import RESPONSES
from routstr.proxy.fields import Fields, encode
from routstr.proxy.request import PaidRequest
from routstr.proxy.sse import StreamScanner
from routstr.proxy.translation import (
    messages_answer,
    messages_request,
    responses_answer,
    responses_request,
)
from routstr.proxy.translation.chat_answer import Said, read_answer
from routstr.proxy.translation.chat_stream import ChatReader, Writer
from routstr.proxy.translation.messages_stream import MessagesWriter
from routstr.proxy.translation.responses_stream import ResponsesWriter


@dataclass(frozen=True, slots=True)
class Translated:
    """A dialect that is one endpoint's to the client and chat completions' to the provider."""

    native: Dialect
    request: Callable[[Mapping[str, object]], dict[str, object]]
    answer: Callable[[Said], dict[str, object]]
    counts: Callable[[Usage], dict[str, object]]
    writer: Callable[[], Writer]
    path: str = CHAT.path

    @property
    def endpoint(self) -> str:
        """See :class:`Dialect`."""
        return self.native.endpoint

    @property
    def protocol(self) -> Protocol:
        """See :class:`Dialect`."""
        return self.native.protocol

    def parse(self, raw: bytes) -> PaidRequest:
        """See :class:`Dialect`. What only this provider cannot do is refused by :meth:`asked`."""
        return self.native.parse(raw)

    def asked(self, request: PaidRequest) -> PaidRequest:
        """The request as the provider reads it. Raises ``InvalidParameter`` if it cannot.

        ``request`` stays as it is, so that another provider may be asked after this one.
        """
        body = {"model": request.model, **self.request(request.body)}
        return PaidRequest(body, request.model, request.stream, CHAT_WORDING)

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """See :class:`Dialect`."""
        return self.asked(request).encode(upstream_model, output_limit)

    def is_answer(self, fields: Fields) -> bool:
        """See :class:`Dialect`."""
        return CHAT.is_answer(fields)

    def output_tokens(self, fields: Fields) -> int:
        """See :class:`Dialect`."""
        return CHAT.output_tokens(fields)

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """Put the answer into the endpoint's words, with the cost."""
        del told  # in chat's words; the receipt knows what of it was billed
        said = self.answer(read_answer(fields, service.request_id))
        kept = {name: fields[name] for name in ("provider",) if name in fields}
        fields.clear()
        fields.update({name: Raw(encode(value)) for name, value in said.items()} | kept)
        self.native.sign(fields, self.counts(receipt.usage), receipt, service)

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """Returns events of the endpoint instead of what it reads."""
        return ChatReader(event_bytes_max, self.writer())

    def streamed_tokens(self, scanner: StreamScanner) -> int:
        """See :class:`Dialect`."""
        return CHAT.streamed_tokens(scanner)

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The end of the answer, unless it broke off, and the cost."""
        assert isinstance(scanner, ChatReader), "it was made by this dialect"
        writer = scanner.writer
        tail, scanner.closing = b"", None
        if scanner.finished:
            if scanner.identity is None:
                tail = scanner.begin({"id": service.request_id, "model": service.model})
            tail += writer.rest(whole=scanner.ending.is_whole)
            end, scanner.closing = writer.last(scanner.ending, receipt.usage)
            tail += end
        scanner.told_usage = self.counts(receipt.usage)
        return tail + self.native.closing(scanner, receipt, service)

    def ended(self, scanner: StreamScanner) -> bytes:
        """See :class:`Dialect`."""
        return self.native.ended(scanner)

    def broken(self, body: bytes) -> bytes:
        """See :class:`Dialect`."""
        return self.native.broken(body)


_MESSAGES: Final = Translated(
    MESSAGES,
    messages_request.chat_request,
    messages_answer.message,
    messages_answer.counts,
    MessagesWriter,
)
_RESPONSES: Final = Translated(
    RESPONSES,
    responses_request.chat_request,
    responses_answer.response,
    responses_answer.counts,
    ResponsesWriter,
)

TRANSLATED: Final[Mapping[str, Translated]] = MappingProxyType(
    {dialect.endpoint: dialect for dialect in (_MESSAGES, _RESPONSES)}
)
"""By the node's endpoint: what to speak with a provider that does not have that endpoint."""
