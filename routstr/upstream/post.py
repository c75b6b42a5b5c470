"""A POST over the pooled connections of an aiohttp session, without what surrounds them.

Most of the time that aiohttp takes for a request goes into objects that nobody here looks at: a
request, a response, a timer, cookies, redirects. Connecting (names, TLS, Tor, the pool, which
addresses may be contacted) and reading HTTP (its parser in C) stay aiohttp's own; between them this
writes one head and one body, and waits for a head. See docs/decisions/0030.
"""

import asyncio
from collections.abc import Callable
from time import monotonic
from typing import Final

import aiohttp
from aiohttp import ClientRequest
from aiohttp.client_proto import ResponseHandler
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from routstr.core.http import HEAD_BYTES_MAX

BODY_BYTES_MAX: Final = 60_000
"""Larger bodies are aiohttp's: a transport takes so much at once, then it wants to be waited for.
"""
KEPT_SECONDS: Final = 15.0
"""How long a connection waits for its next request."""
_SWITCHING: Final = 101
_INTERIM: Final = frozenset(range(100, 200))  # a range takes longer to tell


Posted = tuple[int, CIMultiDictProxy[str], aiohttp.StreamReader, Callable[[], None]]
"""Status, headers and body of an answer whose head is there, and how to hang up, which does
nothing once the body was read to its end."""


class Address:
    """Where posts go: built once, used by any number of them at the same time.

    Connections that have served are kept here: the session's pool would look each one up, take it
    out, put it back and build a parser again, for every request.
    """

    __slots__ = (
        "_connector",
        "_head",
        "_idle",
        "_kept_s",
        "_last",
        "_request",
        "_swept",
        "_timeout",
    )

    def __init__(
        self,
        connector: aiohttp.BaseConnector,
        url: URL,
        timeout: aiohttp.ClientTimeout,
        session: aiohttp.ClientSession,
        *,
        kept_s: float = KEPT_SECONDS,
    ) -> None:
        """``session`` is the connector's; call it inside the running loop."""
        self._connector: Final = connector
        self._timeout: Final = timeout
        self._kept_s: Final = kept_s
        # never sent: it says whom to connect to, and what is the name of the host in a head
        self._request: Final = ClientRequest("POST", url, session=session)
        self._head: Final = (
            f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {self._request.headers['Host']}\r\n"
        )
        self._last: tuple[CIMultiDict[str] | None, bytes] = None, b""
        """Headers as they were given last, and as they are written."""
        self._idle: Final[list[tuple[ResponseHandler, float]]] = []
        """What waits for a request, and since when; the newest last."""
        self._swept = False  # the timer itself would be held by what it holds

    async def post(self, headers: CIMultiDict[str], body: bytes) -> Posted:
        """Send, and wait for the answer's head. Raises aiohttp's errors, and OSError.

        ``headers`` are not changed any more once they were given.
        """
        head = self._written(headers, len(body))
        protocol = self._waiting()
        if protocol is None:
            protocol = await self._connect()
        transport = protocol.transport
        if transport is None:  # made, and closed by the other side at once
            self._drop(protocol)
            raise aiohttp.ServerDisconnectedError
        try:
            transport.write(head + body)
            while True:
                message, content = await protocol.read()
                if message.code not in _INTERIM or message.code == _SWITCHING:
                    break
        except HttpProcessingError as error:
            self._drop(protocol)
            raise aiohttp.ClientError(error.message) from error
        except BaseException:
            self._drop(protocol)
            raise
        turn = _Turn(self, protocol)
        content.on_eof(turn.end)
        return message.code, message.headers, content, turn.hang_up

    async def _connect(self) -> ResponseHandler:
        """A new connection, which is not the connector's to give to others any more."""
        connection = await self._connector.connect(self._request, [], self._timeout)
        protocol = connection.protocol
        if protocol is None:
            raise aiohttp.ServerDisconnectedError
        connection._protocol = None  # noqa: SLF001 - else it says that it was forgotten
        protocol.set_response_params(
            read_until_eof=True,
            auto_decompress=False,
            max_line_size=HEAD_BYTES_MAX,
            max_field_size=HEAD_BYTES_MAX,
        )
        return protocol

    def _waiting(self) -> ResponseHandler | None:
        """The connection that served last, if the other side has said nothing since."""
        while self._idle:
            protocol, since = self._idle.pop()
            if _usable(protocol) and monotonic() - since < self._kept_s:
                return protocol
            self._drop(protocol)
        return None

    def keep(self, protocol: ResponseHandler) -> None:
        """Let a connection wait whose answer was read to its end."""
        if not _usable(protocol) or protocol._reading_paused:  # noqa: SLF001 - somebody is slow
            self._drop(protocol)
            return
        self._idle.append((protocol, monotonic()))
        if not self._swept:
            self._look_later()

    def _drop(self, protocol: ResponseHandler) -> None:
        key = self._request.connection_key
        self._connector._release(key, protocol, should_close=True)  # noqa: SLF001

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._swept = True
        loop.call_later(self._kept_s, self._drop_the_old)

    def _drop_the_old(self) -> None:
        self._swept = False
        old = monotonic() - self._kept_s
        gone = [protocol for protocol, since in self._idle if since <= old]
        del self._idle[: len(gone)]  # they wait in the order in which they came
        for protocol in gone:
            self._drop(protocol)
        if self._idle:
            self._look_later()

    def _written(self, headers: CIMultiDict[str], length: int) -> bytes:
        last, written = self._last
        if headers is not last:
            fields = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
            count = len(headers)
            if fields.count("\n") != count or fields.count("\r") != count or "\0" in fields:
                raise ValueError("a header holds a line end")
            written = f"{self._head}{fields}Content-Length: ".encode()
            self._last = headers, written
        return b"%b%d\r\n\r\n" % (written, length)


class _Turn:
    """One answer on a connection."""

    __slots__ = ("_address", "_protocol")

    def __init__(self, address: Address, protocol: ResponseHandler) -> None:
        self._address: Final = address
        self._protocol: ResponseHandler | None = protocol

    def end(self) -> None:
        """The answer was read to its end."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            self._address.keep(protocol)

    def hang_up(self) -> None:
        """End the connection, unless it serves somebody else already."""
        protocol, self._protocol = self._protocol, None
        if protocol is not None:
            self._address._drop(protocol)  # noqa: SLF001 - of its own kind


def _usable(protocol: ResponseHandler) -> bool:
    """Whether both sides are where a request may follow."""
    return protocol.is_connected() and not protocol.should_close
