"""Endpoints that read and do not write: embeddings, moderations, reranking. No streams."""

from dataclasses import dataclass
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Protocol
from routstr.errors import InvalidParameter
from routstr.payment.metering import Receipt
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.fields import Fields, encode
from routstr.proxy.receipts import add_receipt
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.sse import StreamScanner

_WORDING: Final = Wording(limits=())


@dataclass(frozen=True, slots=True)
class Counted:
    """An endpoint that is charged for what it reads. ``answer`` names the field of its results.

    ``required`` are fields that a request must have.
    """

    endpoint: str
    path: str
    answer: str
    required: tuple[str, ...]
    protocol: Protocol = Protocol.OPENAI

    def parse(self, raw: bytes) -> PaidRequest:
        """See :class:`Dialect`."""
        request = PaidRequest.parse(raw, _WORDING)
        for name in self.required:
            if not request.body.get(name):
                raise InvalidParameter(f"'{name}' is required.", details={"param": name})
        if request.stream:
            raise InvalidParameter("This is not streamed.", details={"param": "stream"})
        return request

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """See :class:`Dialect`."""
        return request.encode(upstream_model, output_limit)

    def is_answer(self, fields: Fields) -> bool:
        """See :class:`Dialect`."""
        return self.answer in fields

    def output_tokens(self, fields: Fields) -> int:  # noqa: ARG002 - the port's
        """Nothing is written."""
        return 0

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """See :class:`Dialect`."""
        add_receipt(fields, told, receipt, service.provider)
        fields["model"] = Raw(encode(service.model))

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """For a provider that streams all the same."""
        return StreamScanner(event_bytes_max)

    def streamed_tokens(self, scanner: StreamScanner) -> int:  # noqa: ARG002 - the port's
        """Nothing is written."""
        return 0

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """See :class:`Dialect`."""
        fields: Fields = {"model": Raw(encode(service.model))}
        add_receipt(fields, scanner.told_usage, receipt, service.provider, with_change=True)
        return b"data: " + encode(fields) + b"\n\n"

    def ended(self, scanner: StreamScanner) -> bytes:  # noqa: ARG002 - the port's
        """See :class:`Dialect`."""
        return b""

    def broken(self, body: bytes) -> bytes:
        """See :class:`Dialect`."""
        return b"data: " + body + b"\n\n"


EMBEDDINGS: Final[Dialect] = Counted("/v1/embeddings", "embeddings", "data", ("input",))
MODERATIONS: Final[Dialect] = Counted("/v1/moderations", "moderations", "results", ("input",))
RERANK: Final[Dialect] = Counted("/v1/rerank", "rerank", "results", ("query", "documents"))
