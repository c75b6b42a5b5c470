"""What the relay asks of a dialect."""

from typing import Protocol as Port
from typing import runtime_checkable

from msgspec import Struct

from routstr.core.rendering import Protocol
from routstr.payment.metering import Receipt
from routstr.proxy.fields import Fields
from routstr.proxy.request import PaidRequest
from routstr.proxy.sse import StreamScanner


class Service(Struct, frozen=True, gc=False):
    """Who serves a request: the model as it is sold, the provider's name, the request's id."""

    model: str
    provider: str
    request_id: str


@runtime_checkable
class Dialect(Port):
    """One endpoint's way of asking and answering. Holds no state of any request."""

    @property
    def endpoint(self) -> str:
        """The node's path, with ``/v1``."""
        ...

    @property
    def path(self) -> str:
        """The provider's path, below its base address."""
        ...

    @property
    def protocol(self) -> Protocol:
        """In whose words errors are told."""
        ...

    def parse(self, raw: bytes) -> PaidRequest:
        """Read and check a body. Raises ``InvalidJson`` or ``InvalidParameter``."""
        ...

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """The body for the provider; for the arguments see :meth:`PaidRequest.encode`.

        Raises ``InvalidParameter`` when what this dialect asks of a provider cannot say it.
        """
        ...

    def is_answer(self, fields: Fields) -> bool:
        """Whether these are the fields of an answer, and not of an error or of nothing."""
        ...

    def output_tokens(self, fields: Fields) -> int:
        """Tokens that an answer says, for when its provider does not count them."""
        ...

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """Write the cost and who served into an answer. ``told`` is the provider's usage."""
        ...

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """What reads a stream of this endpoint as it passes."""
        ...

    def streamed_tokens(self, scanner: StreamScanner) -> int:
        """Tokens that a stream has brought."""
        ...

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The event that tells the cost, after everything that was said."""
        ...

    def ended(self, scanner: StreamScanner) -> bytes:
        """What ends a stream that went well, after its cost; perhaps nothing."""
        ...

    def broken(self, body: bytes) -> bytes:
        """The event that tells an error after the stream has begun; ``body`` is the envelope."""
        ...
