"""``POST /v1/responses``: answers with ``output`` items, streams of typed events.

A stream's last event tells the usage. It is kept back until the charge is made and then sent with
its cost, under its own name and number, so that clients see the events that they know.
"""

from collections.abc import Iterator
from typing import Final

from msgspec import Raw

from routstr.core.rendering import Protocol
from routstr.errors import InvalidParameter
from routstr.payment.metering import Receipt
from routstr.payment.usage import merge_usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy import estimate
from routstr.proxy.dialects.base import Service
from routstr.proxy.fields import Fields, encode, read_fields, text, value
from routstr.proxy.receipts import TOKEN_COUNTS, add_receipt
from routstr.proxy.request import PaidRequest, Wording
from routstr.proxy.sse import StreamScanner

_WORDING: Final = Wording(limits=("max_output_tokens",))
_LAST: Final = frozenset({"response.completed", "response.incomplete", "response.failed"})
_UNPRICED: Final = {
    "background": "A response in the background has no price on this node.",
    "conversation": "A conversation kept by the provider has no price on this node.",
    "previous_response_id": "What a provider remembers has no price on this node; send the input.",
    "prompt": "A prompt kept by the provider has no price on this node; send the input.",
}


class Responses:
    """The dialect; see :class:`routstr.proxy.dialects.base.Dialect` for its methods."""

    endpoint: Final = "/v1/responses"
    path: Final = "responses"
    protocol: Final = Protocol.OPENAI

    def parse(self, raw: bytes) -> PaidRequest:
        """Refuse, beside what is malformed, what makes the provider read more than the body."""
        request = PaidRequest.parse(raw, _WORDING)
        for name, reason in _UNPRICED.items():
            if request.body.get(name):
                raise InvalidParameter(reason, details={"param": name})
        return request

    def encode(self, request: PaidRequest, upstream_model: str, output_limit: int | None) -> bytes:
        """As the request asks."""
        return request.encode(upstream_model, output_limit)

    def is_answer(self, fields: Fields) -> bool:
        """An answer has output, and no error in its place."""
        return "output" in fields and value(fields, "error") is None

    def output_tokens(self, fields: Fields) -> int:
        """Texts, reasoning, and calls of tools."""
        return estimate.output_tokens(value(fields, "output"), _said_in_items)

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """Add the cost; the model is as it is sold."""
        add_receipt(fields, told, receipt, service.provider, counts_as=TOKEN_COUNTS)
        fields["model"] = Raw(encode(service.model))

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """Keeps the last event back."""
        return _ResponsesScanner(event_bytes_max)

    def streamed_tokens(self, scanner: StreamScanner) -> int:
        """Of all deltas."""
        return estimate.streamed_tokens(scanner, _said_in_delta)

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The event that was kept back, with its cost; one of the node's own where none came."""
        fields = scanner.closing
        if fields is None:
            fields = {"type": Raw(b'"response.cost"')}
        told = scanner.told_usage
        add_receipt(
            fields, told, receipt, service.provider, counts_as=TOKEN_COUNTS, with_change=True
        )
        response = read_fields(bytes(fields["response"])) if "response" in fields else None
        if response is not None:
            response["model"] = Raw(encode(service.model))
            response["usage"] = _with_cost(told, fields["usage"], receipt)
            fields["response"] = Raw(encode(response))
        kind = text(fields, "type") or "response.cost"
        return b"event: " + kind.encode() + b"\ndata: " + encode(fields) + b"\n\n"

    def ended(self, scanner: StreamScanner) -> bytes:  # noqa: ARG002 - the port's
        """The last event was the last."""
        return b""

    def broken(self, body: bytes) -> bytes:
        """An ``error`` event."""
        fields = read_fields(body) or {}
        error = value(fields, "error")
        known = error if isinstance(error, dict) else {}
        told = {"type": "error", "code": known.get("code"), "message": known.get("message")}
        return b"event: error\ndata: " + encode({**told, "param": None, **fields}) + b"\n\n"


class _ResponsesScanner(StreamScanner):
    """Keeps back the last event, whose response tells the usage, and events of errors."""

    __slots__ = ()

    def _json(self, fields: Fields, body: bytes) -> bytes:
        kind = text(fields, "type")
        if kind in _LAST:
            self._take(fields)
            self.closing = fields
            self.done = True
            return b""
        error = value(fields, "error")
        if error is not None or kind == "error":
            self.error = error or {"message": value(fields, "message")}
            return b""
        self.last = body
        return body

    def _take(self, fields: Fields) -> None:
        response = value(fields, "response")
        told = response.get("usage") if isinstance(response, dict) else None
        usage = parse_usage(told)
        if usage is not None:
            self.usage = merge_usage(self.usage, usage)
            self.told_usage = told
            self._last_at_usage = self.last


RESPONSES: Final = Responses()


def _with_cost(told: object, shown: Raw, receipt: Receipt) -> Raw:
    """The usage inside the response: the provider's counts, the cost in USD and whole sat."""
    if not isinstance(told, dict) or receipt.estimated:
        return shown
    usd = None if receipt.usd is None else Raw(format(receipt.usd, "f").encode())
    return Raw(encode({**told, "cost": usd, "cost_sats": receipt.charged.sats_down}))


def _said_in_items(items: object) -> Iterator[str]:
    for item in items if isinstance(items, list) else ():
        if not isinstance(item, dict):
            continue
        yield from _strings(item, ("name", "arguments", "input", "code"))
        for name in ("content", "summary"):
            parts = item.get(name)
            for part in parts if isinstance(parts, list) else ():
                if isinstance(part, dict):
                    yield from _strings(part, ("text", "refusal"))


def _said_in_delta(event: object) -> Iterator[str]:
    if isinstance(event, dict) and str(event.get("type")).endswith(".delta"):
        yield from _strings(event, ("delta",))


def _strings(holder: dict[str, object], names: tuple[str, ...]) -> Iterator[str]:
    for name in names:
        found = holder.get(name)
        if isinstance(found, str):
            yield found
