"""A WebSocket (RFC 6455) to a provider: texts both ways, pings answered and sent, nothing endless.

Redirects are refused, as everywhere: the connection goes where the operator said, or nowhere.
"""

from types import SimpleNamespace
from typing import Final, NoReturn

import aiohttp
from multidict import CIMultiDict
from yarl import URL

from routstr.errors import UpstreamError, UpstreamUnavailable
from routstr.upstream.client import translated
from routstr.upstream.faults import NOTHING_CHARGED, refusal
from routstr.upstream.headers import RawHeaders, RequestHeaders
from routstr.upstream.passage import Passage

PING_SECONDS: Final = 20.0
"""A provider that answers no ping for half as long has gone."""
CLOSE_SECONDS: Final = 2.0
_SWITCHING: Final = 101
_NOT_HERE: Final = ("Content-Type", "Accept", "Accept-Encoding")


class Socket:
    """An open connection. Close it in the end."""

    __slots__ = ("_ws",)

    def __init__(self, ws: aiohttp.ClientWebSocketResponse[bool]) -> None:
        self._ws: Final = ws

    async def send(self, text: str) -> None:
        """Send a message; waits while the provider does not read. Raises :class:`UpstreamError`."""
        try:
            await self._ws.send_str(text)
        except (aiohttp.ClientError, OSError) as error:
            raise _broken() from error

    async def receive(self) -> str | None:
        """The next message; None when the provider has closed in good order.

        Raises :class:`UpstreamError` for a lost connection and for what is no text, or too long.
        """
        try:
            message = await self._ws.receive()
        except (aiohttp.ClientError, OSError) as error:
            raise _broken() from error
        match message.type:
            case aiohttp.WSMsgType.TEXT:
                text = message.data
                assert isinstance(text, str), "texts are decoded"
                return text
            case aiohttp.WSMsgType.CLOSE:
                if self._ws.close_code in {aiohttp.WSCloseCode.OK, None}:
                    return None
                raise _broken()
            case aiohttp.WSMsgType.BINARY:
                raise UpstreamError("The provider sent what is no text.")
            case _:
                raise _broken()

    async def close(self) -> None:
        """Say goodbye, and hang up whatever the provider says."""
        try:
            await self._ws.close()
        except (aiohttp.ClientError, OSError):
            return  # it is gone, which is what was wanted


async def connect(
    passage: Passage, received: RawHeaders, url: URL, path: str, *, model: str, bytes_max: int
) -> Socket:
    """Open a connection by one of a provider's keys.

    ``received`` are the client's headers, of which the usual ones pass. Raises
    :class:`UpstreamError` for anything but a WebSocket.
    """
    headers = _headers(passage, received, path)
    # a session of its own, on the same connections: it is the one that can refuse redirects
    session = aiohttp.ClientSession(
        connector=passage.connector,
        connector_owner=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        timeout=aiohttp.ClientTimeout(total=None, sock_connect=passage.limits.connect_s),
        trace_configs=[_no_redirects()],
    )
    async with session:
        try:
            ws = await session.ws_connect(
                url,
                headers=headers,
                heartbeat=PING_SECONDS,
                max_msg_size=bytes_max,
                timeout=aiohttp.ClientWSTimeout(ws_close=CLOSE_SECONDS),
            )
        except aiohttp.WSServerHandshakeError as error:
            if error.status == _SWITCHING:
                raise UpstreamError(
                    f"The provider does not speak WebSocket properly. {NOTHING_CHARGED}"
                ) from error
            raise refusal(error.status, b"", error.headers or {}, model) from error
        except (aiohttp.ClientError, OSError) as error:
            raise translated(error) from error
    return Socket(ws)


def _headers(passage: Passage, received: RawHeaders, path: str) -> CIMultiDict[str]:
    own = passage.provider.headers_for(path)
    headers = RequestHeaders(own, passage.forwarded).build(received)
    for name in _NOT_HERE:
        headers.popall(name, None)
    return headers


def _no_redirects() -> aiohttp.TraceConfig:
    trace = aiohttp.TraceConfig()
    trace.on_request_redirect.append(_refuse)
    return trace


async def _refuse(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _redirect: aiohttp.TraceRequestRedirectParams,
) -> NoReturn:
    raise UpstreamError(f"The provider answered with a redirect. {NOTHING_CHARGED}")


def _broken() -> UpstreamUnavailable:
    return UpstreamUnavailable("The provider broke the connection.")
