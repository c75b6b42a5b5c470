"""One attempt at one provider, with a limit on everything, over the shared session.

Never follows a redirect, never retries. Failures come out as the ``UpstreamError`` branch of the
error tree; what is waited for is bounded by the caller's :class:`~routstr.upstream.deadlines`.
"""

import io
from collections.abc import AsyncIterable, Callable
from dataclasses import dataclass
from typing import Final, Protocol

import aiohttp
from multidict import CIMultiDict, CIMultiDictProxy, istr
from yarl import URL

from routstr.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from routstr.upstream.post import BODY_BYTES_MAX, Address

_BLOCKING_BODY_BYTES: Final = 512 * 1024  # larger bodies are written in pieces
_ADDRESSES_MAX: Final = 1_000  # some providers have one for each model
_CONTENT_TYPE: Final = istr("Content-Type")
_CONTENT_ENCODING: Final = istr("Content-Encoding")


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


class Content(Protocol):
    """What comes behind a head."""

    async def readany(self) -> bytes: ...
    def at_eof(self) -> bool: ...


class Answer:
    """What a provider answered; the body is still to be read. Close it in the end."""

    __slots__ = ("_content", "_hang_up", "content_type", "encoded", "headers", "status")

    def __init__(
        self,
        status: int,
        headers: CIMultiDictProxy[str],
        content: Content,
        hang_up: Callable[[], None],
    ) -> None:
        """``hang_up`` ends the connection, unless the body was read to its end."""
        self._content: Final = content
        self._hang_up: Final = hang_up
        self.status: Final = status
        self.headers: Final = headers
        kind = headers.get(_CONTENT_TYPE, "").partition(";")[0]
        self.content_type: Final = kind.strip().lower()
        encoding = headers.get(_CONTENT_ENCODING)
        self.encoded: Final = encoding is not None and encoding.strip().lower() != "identity"

    async def chunk(self) -> bytes:
        """The next piece as it came; empty at the end. Raises :class:`UpstreamError`."""
        try:
            return await self._content.readany()
        except (aiohttp.ClientError, OSError) as error:
            if self._content.at_eof():  # what went wrong, went wrong afterwards
                return b""
            raise translated(error) from error

    def close(self) -> None:
        """Give the connection back if the body was read to its end, else hang up."""
        self._hang_up()


class UpstreamClient:
    """Sends requests through one aiohttp session, which it does not own."""

    __slots__ = ("_addresses", "_session", "_timeout", "limits")

    def __init__(self, session: aiohttp.ClientSession, limits: UpstreamLimits) -> None:
        self._session: Final = session
        self.limits: Final = limits
        self._timeout: Final = aiohttp.ClientTimeout(total=None, sock_connect=limits.connect_s)
        self._addresses: Final[dict[URL, Address]] = {}

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
        try:
            if method == "POST" and isinstance(body, bytes) and len(body) <= BODY_BYTES_MAX:
                address = self._addresses.get(url) or self._address(url)
                if address is not None:
                    status, received, content = await address.post(headers, body)
                    return Answer(status, received, content, content.hang_up)
            return await self._send(url, headers, body, method)
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error

    def _address(self, url: URL) -> Address | None:
        """Where small bodies are posted to; None where aiohttp is to do it all."""
        connector = self._session.connector
        if connector is None or url.raw_user is not None or url.raw_password is not None:
            return None
        if len(self._addresses) >= _ADDRESSES_MAX:
            self._addresses.clear()
        made = Address(connector, url, self._timeout, self._session)
        self._addresses[url] = made
        return made

    async def _send(
        self, url: URL, headers: CIMultiDict[str], body: bytes | AsyncIterable[bytes], method: str
    ) -> Answer:
        data: object = body or None
        if body and isinstance(body, bytes):
            data = body if len(body) < _BLOCKING_BODY_BYTES else io.BytesIO(body)
        response = await self._session.request(
            method,
            url,
            data=data,
            headers=headers,
            allow_redirects=False,
            timeout=self._timeout,
        )

        def hang_up() -> None:
            if not response.closed:
                response.close()

        return Answer(response.status, response.headers, response.content, hang_up)


def translated(error: Exception) -> UpstreamError:
    """Our error for one of aiohttp's, whose text stays inside: it may quote addresses."""
    if isinstance(error, TimeoutError):  # aiohttp's are
        return UpstreamTimeout()
    if isinstance(error, aiohttp.ClientPayloadError):
        return UpstreamError("The provider broke its answer off. Nothing was charged.")
    if isinstance(error, aiohttp.ClientConnectionError | OSError):
        return UpstreamUnavailable()
    return UpstreamError("The provider does not speak HTTP properly. Nothing was charged.")
