"""One attempt at one provider, with a limit on everything, over the shared session.

Never follows a redirect, never retries. Failures come out as the ``UpstreamError`` branch of the
error tree; what is waited for is bounded by the caller's :class:`~routstr.upstream.deadlines`.
"""

import io
from collections.abc import AsyncIterable
from dataclasses import dataclass
from typing import Final

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy
from yarl import URL

from routstr.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable

_BLOCKING_BODY_BYTES: Final = 512 * 1024  # larger bodies are written in pieces


@dataclass(frozen=True, slots=True)
class UpstreamLimits:
    """How long and how much: seconds and bytes, none of them endless."""

    connect_s: float = 10
    first_byte_s: float = 120
    idle_s: float = 60
    total_s: float = 1_800
    drain_s: float = 5
    """How long to read on, for the usage alone, after the client has gone or an error was told."""
    stall_s: float = 60
    """How long a client may read nothing before it counts as gone."""
    answer_bytes: int = 64 * 1024**2
    event_bytes: int = 8 * 1024**2


class Answer:
    """What a provider answered; the body is still to be read. Close it in the end."""

    __slots__ = ("_content", "_response", "content_type", "encoded", "headers", "status")

    def __init__(self, response: aiohttp.ClientResponse) -> None:
        self._response: Final = response
        self._content: Final = response.content
        self.status: Final = response.status
        self.headers: Final[CIMultiDictProxy[str]] = response.headers
        kind = self.headers.get("Content-Type", "").partition(";")[0]
        self.content_type: Final = kind.strip().lower()
        encoding = self.headers.get("Content-Encoding", "identity")
        self.encoded: Final = encoding.strip().lower() != "identity"

    async def chunk(self) -> bytes:
        """The next piece as it came; empty at the end. Raises :class:`UpstreamError`."""
        if self._content.at_eof():
            return b""
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else hang up."""
        if not self._response.closed:
            self._response.close()


class UpstreamClient:
    """Sends requests through one aiohttp session, which it does not own."""

    __slots__ = ("_session", "_timeout", "limits")

    def __init__(self, session: aiohttp.ClientSession, limits: UpstreamLimits) -> None:
        self._session: Final = session
        self.limits: Final = limits
        self._timeout: Final = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s)

    @property
    def connector(self) -> aiohttp.BaseConnector | None:
        """What makes its connections, for who speaks something else over them."""
        return self._session.connector

    async def send(
        self,
        url: URL,
        headers: CIMultiDict[str],
        body: bytes | AsyncIterable[bytes],
        *,
        method: str = "POST",
    ) -> Answer:
        """Send a body and wait for the answer's head. Raises :class:`UpstreamError`.

        A body in pieces is sent with the ``Content-Length`` of the headers, else chunked.
        """
        data: object = body or None
        if body and isinstance(body, bytes):
            data = body if len(body) < _BLOCKING_BODY_BYTES else io.BytesIO(body)
        try:
            response = await self._session.request(
                method,
                url,
                data=data,
                headers=headers,
                allow_redirects=False,
                timeout=self._timeout,
            )
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
        return Answer(response)


def translated(error: Exception) -> UpstreamError:
    """Our error for one of aiohttp's, whose text stays inside: it may quote addresses."""
    if isinstance(error, aiohttp.ServerTimeoutError):
        return UpstreamTimeout()
    if isinstance(error, aiohttp.ClientPayloadError):
        return UpstreamError("The provider broke its answer off. Nothing was charged.")
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return UpstreamUnavailable()
    return UpstreamError("The provider does not speak HTTP properly. Nothing was charged.")
