"""One relay: an event is given to it, or events are asked of it (NIP-01).

Every exchange has a connection of its own, made through a session that connects to public addresses
only, checks certificates and follows no redirect. What a relay says is bounded in size, number
and time, and believed as far as its signatures go.
"""

import asyncio
import secrets
from collections.abc import Sequence
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
import msgspec
from aiohttp import ClientError, ClientSession, WSMsgType
from msgspec import Struct

from routstr.core.addresses import relay_url as relay_url  # noqa: PLC0414 - offered here, too
from routstr.core.redaction import clean
from routstr.discovery.events import Event, Filter, genuine

MESSAGE_BYTES_MAX: Final = 512 * 1024
ANSWER_BYTES_MAX: Final = 4 * 1024 * 1024
EVENTS_MAX: Final = 5_000
REASON_CHARS_MAX: Final = 200
_HAS_IT: Final = ("duplicate:", "replaced:")


class RelayFailed(Exception):
    """The relay did not do what it was asked; the message says why, in its words or ours."""


class Answer(Struct, frozen=True):
    """What a relay said to an event: taken, or why not."""

    taken: bool
    reason: str = ""


class Relay:
    """Speaks to one relay through a checked session."""

    def __init__(self, url: str, session: ClientSession) -> None:
        """``url`` is one of :func:`relay_url`."""
        self.url: Final = url
        self._session: Final = session

    @property
    def host(self) -> str:
        """Its host, for people."""
        return urlsplit(self.url).netloc

    @property
    def is_onion(self) -> bool:
        """Whether it is reached through Tor only."""
        return (urlsplit(self.url).hostname or "").endswith(".onion")

    async def publish(self, event: Event, limit_s: float) -> Answer:
        """Give it an event and wait for its OK. Raises :class:`RelayFailed`."""
        said = msgspec.json.encode(["EVENT", event]).decode()
        try:
            async with asyncio.timeout(limit_s), self._connected() as socket:
                await socket.send_str(said)
                while True:
                    match await _message(socket):
                        case ["OK", event.id, bool() as taken, *rest]:
                            reason = _reason(rest)
                            return Answer(taken or reason.startswith(_HAS_IT), reason)
                        case _:
                            continue
        except (ClientError, TimeoutError, OSError, ValueError) as error:
            raise _failed(error) from error

    async def query(self, filters: Sequence[Filter], limit_s: float) -> list[Event]:
        """What it holds of what is asked, signatures checked; no more than the filters' limits.

        When the time is over before the relay has told all, what came until then is enough.
        Raises :class:`RelayFailed` when nothing came.
        """
        name = secrets.token_hex(8)
        asked = msgspec.json.encode(["REQ", name, *(one.wire() for one in filters)]).decode()
        found: list[Event] = []
        try:
            async with asyncio.timeout(limit_s), self._connected() as socket:
                await socket.send_str(asked)
                await _collect(socket, name, filters, found)
        except (ClientError, TimeoutError, OSError, ValueError, RelayFailed) as error:
            if not found:
                raise _failed(error) from error
        return await asyncio.to_thread(genuine, found)

    def _connected(self) -> Any:  # noqa: ANN401 - aiohttp's context manager has a private name
        timeout = aiohttp.ClientWSTimeout(ws_close=1.0)
        return self._session.ws_connect(
            self.url.replace("ws", "http", 1),
            max_msg_size=MESSAGE_BYTES_MAX,
            timeout=timeout,
            autoping=True,
        )


async def _collect(
    socket: aiohttp.ClientWebSocketResponse,
    name: str,
    filters: Sequence[Filter],
    found: list[Event],
) -> None:
    size, most = 0, _most(filters)
    while len(found) < most:
        text = await _text(socket)
        size += len(text)
        if size > ANSWER_BYTES_MAX:
            raise RelayFailed("it says too much")
        match _decoded(text):
            case ["EVENT", str() as which, dict() as raw] if which == name:
                event = _event(raw)
                if event is not None and any(one.admits(event) for one in filters):
                    found.append(event)
            case ["EOSE", str() as which] if which == name:
                return
            case ["CLOSED", str() as which, *rest] if which == name:
                raise RelayFailed(_reason(rest) or "it does not answer this")
            case _:
                continue


def _most(filters: Sequence[Filter]) -> int:
    """How many events can be meant: each costs a check of its signature."""
    limits = [EVENTS_MAX if one.limit is None else one.limit for one in filters]
    return min(EVENTS_MAX, sum(limits))


def _event(raw: dict[str, Any]) -> Event | None:
    try:
        return msgspec.convert(raw, Event)
    except msgspec.ValidationError:
        return None


async def _message(socket: aiohttp.ClientWebSocketResponse) -> object:
    return _decoded(await _text(socket))


async def _text(socket: aiohttp.ClientWebSocketResponse) -> str:
    message = await socket.receive()
    if message.type is WSMsgType.TEXT:
        return str(message.data)
    if message.type is WSMsgType.BINARY:
        return ""
    raise RelayFailed("it closed the connection")


def _decoded(text: str) -> object:
    """A message; None for what is none: one that is garbled does not spoil the others."""
    try:
        return msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeError, RecursionError):
        return None


def _reason(rest: Sequence[object]) -> str:
    return clean(str(rest[0]))[:REASON_CHARS_MAX] if rest else ""


def _failed(error: Exception) -> RelayFailed:
    match error:
        case RelayFailed():
            return error
        case TimeoutError():
            return RelayFailed("no answer in time")
        case aiohttp.ClientConnectorCertificateError() | aiohttp.ClientConnectorSSLError():
            return RelayFailed("its certificate is not valid")
        case aiohttp.WSServerHandshakeError():
            return RelayFailed(f"it answered with status {error.status}")
        case ClientError() | OSError():
            return RelayFailed("it cannot be reached")
        case _:
            return RelayFailed(type(error).__name__)
