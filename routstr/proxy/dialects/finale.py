"""Streams whose last event tells the usage: pictures, speech and transcripts as they come.

Like the last event of a response, that event is kept back until the charge is made and then sent
with its cost. Where there are several, as with several pictures, each waits for the next one.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from msgspec import Raw

from routstr.payment.metering import Receipt
from routstr.payment.usage import merge_usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.dialects.base import Service
from routstr.proxy.dialects.counted import Counted
from routstr.proxy.fields import Fields, encode, text, value
from routstr.proxy.receipts import TOKEN_COUNTS, add_receipt
from routstr.proxy.sse import StreamScanner

_COST: Final = "routstr.cost"
_SAID: Final = ("delta", "text")


def _nobody(_scanner: StreamScanner) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Finale(Counted):
    """How such an endpoint is streamed. ``last_events`` are the types of the event kept back.

    ``watch`` is told the scanner of a request: its bill needs more than a usage.
    """

    last_events: frozenset[str] = frozenset()
    watch: Callable[["FinaleScanner"], None] = _nobody

    def sign(self, fields: Fields, told: object, receipt: Receipt, service: Service) -> None:
        """See :class:`Dialect`. These answers name no model."""
        add_receipt(fields, told, receipt, service.provider, counts_as=TOKEN_COUNTS)

    def scanner(self, event_bytes_max: int) -> StreamScanner:
        """See :class:`Dialect`."""
        scanner = FinaleScanner(event_bytes_max, self.last_events)
        self.watch(scanner)
        return scanner

    def closing(self, scanner: StreamScanner, receipt: Receipt, service: Service) -> bytes:
        """The event that was kept back, with its cost; one of the node's own where none came."""
        fields = scanner.closing
        if fields is None:
            fields = {"type": Raw(encode(_COST))}
        told = scanner.told_usage
        add_receipt(
            fields, told, receipt, service.provider, counts_as=TOKEN_COUNTS, with_change=True
        )
        kind = text(fields, "type") or _COST
        return b"event: " + kind.encode() + b"\ndata: " + encode(fields) + b"\n\n"

    def ended(self, scanner: StreamScanner) -> bytes:
        """See :class:`Dialect`."""
        return b"data: [DONE]\n\n" if scanner.done else b""


class FinaleScanner(StreamScanner):
    """Keeps back the newest of the last events, and events of errors."""

    __slots__ = ("_last_events", "_marks", "characters", "pictures")

    def __init__(self, event_bytes_max: int, last_events: frozenset[str]) -> None:
        super().__init__(event_bytes_max)
        self._last_events: Final = last_events
        self._marks: Final = tuple(f'{name}"'.encode() for name in last_events)
        self.characters = 0
        """Of the text that came."""
        self.pictures = 0
        """How many last events came."""

    @property
    def said(self) -> int:
        """Pictures, or characters of text, that came."""
        return max(self.pictures, self.characters)

    def _passes(self, data: bytes) -> bool:
        # deltas are read for their text, pictures and sound go on unread
        unread = b'.delta"' not in data or b'"audio"' in data
        return unread and super()._passes(data) and not any(mark in data for mark in self._marks)

    def _passing(self, data: bytes) -> int:  # noqa: ARG002 - the scanner's
        return 0

    def _json(self, fields: Fields, body: bytes) -> bytes:
        kind = text(fields, "type")
        if kind in self._last_events:
            return self._keep_back(fields)
        error = value(fields, "error")
        if error is not None or kind == "error":
            self.error = error or {"message": value(fields, "message")}
            return b""
        self.characters += sum(len(text(fields, name) or "") for name in _SAID)
        self.last = body
        return body

    def _keep_back(self, fields: Fields) -> bytes:
        self.pictures += 1
        told = value(fields, "usage")
        usage = parse_usage(told)
        if usage is not None:
            self.usage = merge_usage(self.usage, usage)
        if isinstance(told, dict):
            self.told_usage = told
        before, self.closing = self.closing, fields
        passed = b""
        if before is not None:
            kind = text(before, "type") or ""
            passed = b"event: " + kind.encode() + b"\ndata: " + encode(before) + b"\n\n"
            self.last = passed
        self._last_at_usage = self.last
        return passed
