"""Reads a stream of chat completion chunks as it passes, and touches almost none of it.

A piece of the stream that ends with an event and holds nothing of interest goes on as the very same
bytes: a handful of substring searches are all it costs. Of a piece that holds many events, all that
come before the first one of interest go on at once. Of interest are

====================================  ============================================================
event                                 what becomes of it
====================================  ============================================================
``usage`` with a value, no choices    kept back; its fields become the node's cost chunk
``usage`` with a value and choices    passed on without ``usage``
``error`` with a value                kept back; the relay tells it in the node's own words
``[DONE]``                            kept back; nothing after it is read
comment                               dropped (it still shows that the provider is alive)
anything else, JSON or not            passed on untouched
====================================  ============================================================

What comes out does not depend on how the stream was cut into pieces. Usage that is told more than
once is merged as running totals.
"""

import re
from collections.abc import Iterator
from typing import Final

from routstr.errors import UpstreamError
from routstr.payment.usage import Usage, merge_usage
from routstr.payment.usage_reading import parse_usage
from routstr.proxy.fields import Fields, encode, read_fields, value
from routstr.proxy.plain_events import CR, EVENT_ENDS, MANY_BYTES, is_plain, plain_bytes

SAMPLE_BYTES: Final = 64 * 1024
"""How much of a stream is remembered, in case its output must be estimated."""

_BOUNDARY: Final = re.compile(rb"\r\n(?:\r\n|\n|\r)|\n(?:\r\n|\n|\r)|\r(?:\r\n|\r)")
_COMMENT: Final = re.compile(rb"(?:^|(?<=[\r\n])):[^\r\n]*(?:\r\n|\n|\r|$)")
_LINES: Final = re.compile(rb"\r\n|\n|\r")
_EDGE: Final = 3  # a boundary is at most four bytes long
_BOM: Final = b"\xef\xbb\xbf"


class StreamScanner:
    """Feed it what the provider sends; send on what it returns."""

    __slots__ = (
        "_edge",
        "_event_bytes_max",
        "_last_at_usage",
        "_sample",
        "_tail",
        "_tail_size",
        "closing",
        "done",
        "error",
        "last",
        "seen_bytes",
        "told_usage",
        "usage",
    )

    def __init__(self, event_bytes_max: int) -> None:
        self._event_bytes_max: Final = event_bytes_max
        self._tail: list[bytes] = []  # pieces of an event that is not complete
        self._tail_size = 0
        self._edge = b""
        self._sample = bytearray()  # one piece of memory, not one for each event
        self.seen_bytes = 0
        self.last = b""
        """The last piece that was passed on, or none yet."""
        self._last_at_usage = b""
        self.closing: Fields | None = None
        """The fields of the event that carried nothing but the usage."""
        self.usage: Usage | None = None
        self.told_usage: object = None
        """The last usage in the provider's own words."""
        self.error: object = None
        """The value of ``error`` in an event, as plain data."""
        self.done = False

    @property
    def outdated(self) -> bool:
        """Whether output came after the usage was told."""
        return self.last is not self._last_at_usage

    @property
    def sample(self) -> bytes:
        """The beginning of the stream as it came, about :data:`SAMPLE_BYTES` of it."""
        return bytes(self._sample)

    @property
    def scale(self) -> tuple[int, int]:
        """The whole stream to its sample, as a ratio of bytes."""
        return (self.seen_bytes, len(self._sample)) if self._sample else (1, 1)

    def feed(self, piece: bytes) -> bytes:
        """Take the next bytes; return those to pass on, perhaps none.

        Raises :class:`UpstreamError` for an event that is longer than allowed.
        """
        if self.done or not piece:
            return b""
        size = len(piece)
        self.seen_bytes += size
        if len(self._sample) < SAMPLE_BYTES:
            self._sample += piece
        if not self._tail:
            plain = self._passing(piece) if size >= MANY_BYTES else 0
            if plain == size or (not plain and piece.endswith(EVENT_ENDS) and self._passes(piece)):
                self.last = piece
                return piece
            return self._events(piece, plain)
        window = self._edge + piece
        if not any(_ends(window)):
            self._keep(piece, window)
            return b""
        piece = b"".join((*self._tail, piece))
        self._tail.clear()
        self._tail_size = 0
        return self._events(piece, self._passing(piece))

    def end(self) -> bytes:
        """The stream is over; return what was still waiting for the end of its event."""
        rest = b"".join(self._tail)
        self._tail.clear()
        return self._event(rest) if rest and not self.done else b""

    def _passes(self, data: bytes) -> bool:
        """Whether these bytes may go on without a closer look."""
        return is_plain(data)

    def _passing(self, data: bytes) -> int:
        """How many bytes from the beginning may go on so: whole events, or none of them."""
        return plain_bytes(data)

    def _events(self, data: bytes, start: int) -> bytes:
        """What becomes of these bytes, of which ``start`` at the beginning go on as they are."""
        passed: list[bytes] = []
        if start:
            self.last = data[:start]
            passed.append(self.last)
        for end in _ends(data, start):
            if end == len(data) and data[-1] == CR:
                break  # a \n that belongs to it may follow
            passed.append(self._event(data[start:end]))
            start = end
            if self.done:
                return b"".join(passed)
        if start < len(data):
            rest = data[start:]
            self._keep(rest, rest)
        return b"".join(passed)

    def _keep(self, piece: bytes, window: bytes) -> None:
        self._tail.append(piece)
        self._tail_size += len(piece)
        self._edge = window[-_EDGE:]
        if self._tail_size > self._event_bytes_max:
            raise UpstreamError("The provider sent an event that is too large.")

    def _event(self, raw: bytes) -> bytes:
        if self._passes(raw):
            self.last = raw
            return raw
        body = raw.lstrip(b"\r\n")
        lead = raw[: len(raw) - len(body)]  # blank lines belong to what came before
        body = _COMMENT.sub(b"", body)
        if not body.strip(b"\r\n"):
            return lead
        data = data_of(body)
        if data.strip() == b"[DONE]":
            self.done = True
            return lead
        fields = read_fields(data)
        if fields is None:
            self.last = body
            return lead + body
        return lead + self._json(fields, body)

    def _json(self, fields: Fields, body: bytes) -> bytes:
        told = self._take_usage(fields)
        error = value(fields, "error")
        if error is not None:
            self.error = error
            return b""
        if not told:
            self.last = body
            return body
        if not value(fields, "choices"):
            self.closing = fields
            return b""
        self.last = self._last_at_usage = b"data: " + encode(fields) + b"\n\n"
        return self.last

    def _take_usage(self, fields: Fields) -> bool:
        """Remove a usage with a value from ``fields`` and keep it; false when there is none."""
        told = value(fields, "usage")
        if told is None:
            return False
        del fields["usage"]
        usage = parse_usage(told)
        if usage is not None:
            self.usage = merge_usage(self.usage, usage)
            self.told_usage = told
            self._last_at_usage = self.last
        return True


def _ends(data: bytes, start: int = 0) -> Iterator[int]:
    """Where events end: after a blank line, whichever of the three line ends it has."""
    if CR in data:
        yield from (boundary.end() for boundary in _BOUNDARY.finditer(data, start))
        return
    at = data.find(b"\n\n", start)
    while at >= 0:
        yield at + 2
        at = data.find(b"\n\n", at + 2)


def data_of(event: bytes) -> bytes:
    """The data of an event: its ``data:`` lines without their prefix, joined by line ends."""
    values = [
        line[5:].removeprefix(b" ")
        for line in _LINES.split(event.removeprefix(_BOM))
        if line.startswith(b"data:")
    ]
    return values[0] if len(values) == 1 else b"\n".join(values)


def events(stream: bytes) -> list[bytes]:
    """A stream cut into its events; the last one may be incomplete."""
    return _BOUNDARY.split(stream)
