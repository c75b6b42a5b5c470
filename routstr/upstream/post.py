"""A POST over the pooled connections of an aiohttp session, without what surrounds them.

Most of the time that aiohttp takes for a request goes into objects that nobody here looks at: a
request, a response, a timer, cookies, redirects. Connecting (names, TLS, Tor, the pool, which
addresses may be contacted) stays aiohttp's own; this writes one head and one body, and
:mod:`routstr.upstream.reader` reads what comes. See docs/decisions/0030.
"""

import asyncio
from time import monotonic
from typing import Final

import aiohttp
from aiohttp import ClientRequest
from aiohttp.client_proto import ResponseHandler
from multidict import CIMultiDict
from yarl import URL

from routstr.upstream.reader import Answered, Line

BODY_BYTES_MAX: Final = 60_000
"""Larger bodies are aiohttp's: a transport takes so much at once, then it wants to be waited for.
"""
KEPT_SECONDS: Final = 15.0
"""How long a connection waits for its next request."""


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
        self._idle: Final[dict[Line, float]] = {}
        """What waits for a request, and since when; the newest last."""
        self._swept = False  # the timer itself would be held by what it holds

    async def post(self, headers: CIMultiDict[str], body: bytes) -> Answered:
        """Send, and wait for the answer's head. Raises aiohttp's errors, and OSError.

        ``headers`` are not changed any more once they were given.
        """
        head = self._written(headers, len(body))
        line = self._waiting()
        if line is None:
            line = await self._connect()
        try:
            return await line.ask(head + body)
        except BaseException:
            self.drop(line)
            raise

    async def _connect(self) -> Line:
        """A new connection, which is not the connector's to give to others any more."""
        connection = await self._connector.connect(self._request, [], self._timeout)
        protocol = connection.protocol
        if protocol is None:
            raise aiohttp.ServerDisconnectedError
        connection._protocol = None  # noqa: SLF001 - else it says that it was forgotten
        transport = protocol.transport
        if transport is None:  # made, and closed by the other side at once
            self._release(protocol)
            raise aiohttp.ServerDisconnectedError
        return Line(self, transport, protocol)

    def _waiting(self) -> Line | None:
        """The connection that served last, if the other side has said nothing since."""
        while self._idle:
            line, since = self._idle.popitem()
            if line.usable and monotonic() - since < self._kept_s:
                return line
            self.drop(line)
        return None

    def keep(self, line: Line) -> None:
        """Let a connection wait whose answer has come to its end."""
        if not line.usable:  # or somebody is slow
            self.drop(line)
            return
        self._idle[line] = monotonic()
        if not self._swept:
            self._look_later()

    def drop(self, line: Line) -> None:
        """Close a connection, or forget one that is closed; once more does no harm."""
        self._idle.pop(line, None)
        self._release(line.made)

    def _release(self, protocol: ResponseHandler) -> None:
        key = self._request.connection_key
        self._connector._release(key, protocol, should_close=True)  # noqa: SLF001

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._swept = True
        loop.call_later(self._kept_s, self._drop_the_old)

    def _drop_the_old(self) -> None:
        self._swept = False
        old = monotonic() - self._kept_s
        for line in [line for line, since in self._idle.items() if since <= old]:
            self.drop(line)
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
