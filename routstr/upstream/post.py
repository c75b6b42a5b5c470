"""A POST over the pooled connections of an aiohttp session, without what surrounds them.

Most of the time that aiohttp takes for a request goes into objects that nobody here looks at: a
request, a response, a timer, cookies, redirects. Connecting (names, TLS, Tor, the pool, which
addresses may be contacted) and reading HTTP (its parser in C) stay aiohttp's own; between them this
writes one head and one body, and waits for a head. See docs/decisions/0030.
"""

from collections.abc import Callable
from typing import Final

import aiohttp
from aiohttp import ClientRequest
from aiohttp.http import HttpProcessingError
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from routstr.core.http import HEAD_BYTES_MAX

BODY_BYTES_MAX: Final = 60_000
"""Larger bodies are aiohttp's: a transport takes so much at once, then it wants to be waited for.
"""
_SWITCHING: Final = 101
_INTERIM: Final = range(100, 200)


Posted = tuple[int, CIMultiDictProxy[str], aiohttp.StreamReader, Callable[[], None]]
"""Status, headers and body of an answer whose head is there, and how to hang up, which does
nothing once the body was read to its end."""


class Address:
    """Where posts go: built once, used by any number of them at the same time."""

    __slots__ = ("_connector", "_head", "_last", "_request", "_timeout")

    def __init__(
        self,
        connector: aiohttp.BaseConnector,
        url: URL,
        timeout: aiohttp.ClientTimeout,
        session: aiohttp.ClientSession,
    ) -> None:
        """``session`` is the connector's; call it inside the running loop."""
        self._connector: Final = connector
        self._timeout: Final = timeout
        # never sent: it says whom to connect to, and what is the name of the host in a head
        self._request: Final = ClientRequest("POST", url, session=session)
        self._head: Final = (
            f"POST {url.raw_path_qs} HTTP/1.1\r\nHost: {self._request.headers['Host']}\r\n"
        )
        self._last: tuple[CIMultiDict[str] | None, bytes] = None, b""
        """Headers as they were given last, and as they are written."""

    async def post(self, headers: CIMultiDict[str], body: bytes) -> Posted:
        """Send, and wait for the answer's head. Raises aiohttp's errors, and OSError.

        ``headers`` are not changed any more once they were given.
        """
        head = self._written(headers, len(body))
        connection = await self._connector.connect(self._request, [], self._timeout)
        protocol, transport = connection.protocol, connection.transport
        if protocol is None or transport is None:  # made, and closed by the other side at once
            connection.close()
            raise aiohttp.ServerDisconnectedError
        try:
            protocol.set_response_params(
                read_until_eof=True,
                auto_decompress=False,
                max_line_size=HEAD_BYTES_MAX,
                max_field_size=HEAD_BYTES_MAX,
            )
            transport.write(head + body)
            while True:
                message, content = await protocol.read()
                if message.code not in _INTERIM or message.code == _SWITCHING:
                    break
        except HttpProcessingError as error:
            connection.close()
            raise aiohttp.ClientError(error.message) from error
        except BaseException:
            connection.close()
            raise
        content.on_eof(connection.release)
        return message.code, message.headers, content, connection.close

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
