"""Answers of a provider, read from a connection that aiohttp has made: no object that nobody uses.

httptools' parser (the one that the node's own server has) says where heads, pieces and messages
end; it is strict. What belongs to no request ends the connection's use, not the answer before it.
Errors are aiohttp's, so that whoever asked need not know who has read.
"""

import asyncio
from itertools import chain
from typing import Final, Protocol

import aiohttp
import httptools
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict, CIMultiDictProxy

from routstr.core.http import HEAD_BYTES_MAX

PAUSE_BYTES: Final = 128 * 1024
"""So much of a body may wait for whoever reads it; then the provider waits, too."""
_TOO_LONG: Final = "a head is too long"
_SWITCHING: Final = 101
_INTERIM: Final = frozenset(range(100, 200)) - {_SWITCHING}

Answered = tuple[int, CIMultiDictProxy[str], "Body"]
"""Status, headers and body of an answer whose head is there."""


class Body:
    """What comes behind a head, in the pieces in which it comes."""

    __slots__ = ("_ended", "_error", "_line", "_loop", "_pieces", "_size", "_waiter")

    def __init__(self, line: "Line") -> None:
        self._loop: Final = line.loop
        self._line: Line | None = line
        """Whom it comes from, as long as there is more to come."""
        self._pieces: list[bytes] = []
        self._size = 0
        self._ended = False
        self._error: Exception | None = None
        self._waiter: asyncio.Future[None] | None = None

    def at_eof(self) -> bool:
        """Whether all of it was read."""
        return self._ended and not self._pieces

    async def readany(self) -> bytes:
        """All that is there, or the next piece; empty at the end. Raises aiohttp's errors."""
        while not self._pieces:
            if self._error is not None:
                raise self._error
            if self._ended:
                return b""
            self._waiter = self._loop.create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
        pieces, self._pieces = self._pieces, []
        if self._size > PAUSE_BYTES and self._line is not None:
            self._line.go_on()
        self._size = 0
        return pieces[0] if len(pieces) == 1 else b"".join(pieces)

    def hang_up(self) -> None:
        """End the connection, unless all has come and it may serve somebody else by now."""
        line, self._line = self._line, None
        if line is not None:
            line.owner.drop(line)

    def take(self, piece: bytes) -> None:
        """A piece has come."""
        self._pieces.append(piece)
        self._size += len(piece)
        if self._size > PAUSE_BYTES and self._line is not None:
            self._line.wait()
        if self._waiter is not None:
            _wake(self._waiter)

    def end(self, error: Exception | None = None) -> None:
        """Nothing more will come, because all is there or because of an error."""
        self._line = None
        self._ended = error is None
        self._error = error
        if self._waiter is not None:
            _wake(self._waiter)


def _wake(waiter: "asyncio.Future[None]") -> None:
    if not waiter.done():
        waiter.set_result(None)


class Owner(Protocol):
    """Who keeps connections that wait for a request, and lets go of others."""

    def keep(self, line: "Line", /) -> None: ...
    def drop(self, line: "Line", /) -> None: ...


class Line(asyncio.Protocol):
    """One connection, which serves one request after the other."""

    def __init__(self, owner: Owner, transport: asyncio.Transport, made: ResponseHandler) -> None:
        """``made`` is what aiohttp knows the connection by."""
        self.loop: Final = asyncio.get_running_loop()
        self.owner: Final = owner
        self.made: Final = made
        self._transport: Final = transport
        self._parser: httptools.HttpResponseParser | None = httptools.HttpResponseParser(self)
        self._asked: asyncio.Future[Answered] | None = None
        self._headers: list[tuple[str, str]] = []
        self._quiet_bytes = 0  # of heads, of fields behind a body, between its pieces
        self._status = 0  # of the head that is there, 0 before
        self._body: Body | None = None
        self._read: Body | None = None  # what has ended within the bytes that are looked at
        self._framed = True  # the end of the body is told; else it is the connection's
        self._lasts = True
        self._paused = False
        transport.set_protocol(self)

    @property
    def usable(self) -> bool:
        """Whether both sides are where a request may follow."""
        return self._lasts and not self._paused and not self._transport.is_closing()

    def ask(self, request: bytes) -> "asyncio.Future[Answered]":
        """Send a request; raises through the future what aiohttp would raise."""
        asked: asyncio.Future[Answered] = self.loop.create_future()
        self._asked = asked
        self._quiet_bytes = 0
        self._transport.write(request)
        return asked

    def wait(self) -> None:
        """Read no more for now."""
        if not self._paused and not self._transport.is_closing():
            self._paused = True
            self._transport.pause_reading()

    def go_on(self) -> None:
        """Read on."""
        if self._paused:
            self._paused = False
            self._transport.resume_reading()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        parser = self._parser
        if parser is None or (self._asked is None and self._body is None):
            self._lasts = False  # nobody has asked for it
            return
        self._quiet_bytes += len(data)
        try:
            parser.feed_data(data)
        except httptools.HttpParserUpgrade:
            self._lasts = False
        except httptools.HttpParserError as error:
            self._fail(aiohttp.ClientError(str(error)))
        if self._quiet_bytes > HEAD_BYTES_MAX:
            self._fail(aiohttp.ClientError(_TOO_LONG))
        self._read = None

    def connection_lost(self, exc: Exception | None) -> None:
        """The provider has gone."""
        self._lasts = False
        self._parser = None  # which holds this connection
        self.owner.drop(self)
        self.made.connection_lost(exc)  # whoever closes all connections waits for it
        body, self._body = self._body, None
        asked, self._asked = self._asked, None
        if body is not None:
            whole = exc is None and not self._framed
            body.end(None if whole else aiohttp.ClientPayloadError("the answer was broken off"))
        elif asked is not None and not asked.done():
            lost: Exception = aiohttp.ServerDisconnectedError()
            if isinstance(exc, OSError):
                lost = aiohttp.ClientOSError(*exc.args)
            asked.set_exception(lost)

    def on_message_begin(self) -> None:
        """A head begins."""
        self._headers = []
        self._status = 0
        if self._asked is None:
            self._fail(aiohttp.ClientError("more has come than was asked for"))

    def on_header(self, name: bytes, value: bytes) -> None:
        """A field; of those behind a body nobody hears."""
        if not self._status:
            self._headers.append(
                (name.decode("utf-8", "surrogateescape"), value.decode("utf-8", "surrogateescape"))
            )

    def on_headers_complete(self) -> None:
        """A head is there."""
        parser, asked = self._parser, self._asked
        if parser is None or asked is None:
            return
        self._status = status = parser.get_status_code()
        if status in _INTERIM:
            return
        if self._quiet_bytes > HEAD_BYTES_MAX < sum(map(len, chain.from_iterable(self._headers))):
            self._fail(aiohttp.ClientError(_TOO_LONG))
            return
        self._asked, self._quiet_bytes = None, 0
        headers = CIMultiDict(self._headers)
        if not parser.should_keep_alive() or status == _SWITCHING:
            self._lasts = False
            self._framed = "Content-Length" in headers or "Transfer-Encoding" in headers
        self._body = body = Body(self)
        if not asked.done():  # whoever asked may have gone
            asked.set_result((status, CIMultiDictProxy(headers), body))

    def on_body(self, body: bytes) -> None:
        """A piece of a body."""
        self._quiet_bytes = 0
        if self._body is not None:
            self._body.take(body)

    def on_message_complete(self) -> None:
        """An answer has ended, or one that goes before it."""
        body = self._body
        if body is None:
            return
        self._body, self._read, self._quiet_bytes = None, body, 0
        body.end()
        if self._lasts:
            self.owner.keep(self)
        else:
            self.owner.drop(self)

    def _fail(self, error: Exception) -> None:
        """What comes is not HTTP, or more of it than was announced: so the answer is in doubt."""
        self._lasts = False
        body, self._body = self._body or self._read, None
        asked, self._asked = self._asked, None
        if body is not None:
            body.end(aiohttp.ClientPayloadError(str(error)))
        elif asked is not None and not asked.done():
            asked.set_exception(error)
        self.owner.drop(self)
