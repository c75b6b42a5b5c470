"""The client's side of a WebSocket, as ASGI has it."""

import asyncio
from collections.abc import Awaitable
from typing import Final
from uuid import uuid4

from starlette.types import Message, Send

from routstr.errors import InvalidEvent, RoutstrError
from routstr.proxy.exchange import Exchange
from routstr.proxy.fields import encode

REASON_CHARS_MAX: Final = 100
_RESPONSE: Final = "http.response."


class ClientLeft(Exception):
    """The client has closed the connection, or lost it, or reads no more."""


class ClientSocket:
    """A connection: texts both ways. ``stall_s``: how long the client may read nothing."""

    __slots__ = ("_exchange", "_stall_s", "_told")

    def __init__(self, exchange: Exchange, stall_s: float) -> None:
        self._exchange: Final = exchange
        self._stall_s: Final = stall_s
        self._told: RoutstrError | None = None

    async def accept(self, subprotocol: str | None) -> None:
        """Upgrade the connection. Raises :class:`ClientLeft`."""
        await self._in_time(self._exchange.upgrade(subprotocol))

    async def receive(self) -> str:
        """The next message. Raises :class:`ClientLeft`, :class:`InvalidEvent` for no text."""
        message = await self._exchange.receive()
        if message["type"] != "websocket.receive":
            raise ClientLeft
        text = message.get("text")
        if not isinstance(text, str):
            raise InvalidEvent("Events are sent as text.")
        return text

    async def send(self, text: str) -> None:
        """Send a message, and wait while the client does not read. Raises :class:`ClientLeft`."""
        await self._in_time(self._exchange.pass_on({"type": "websocket.send", "text": text}))

    async def tell(self, error: RoutstrError) -> None:
        """Send an error as an event of the API, once. Raises :class:`ClientLeft`."""
        if error is self._told:
            return
        self._told = error
        details = dict(error.details)
        shown = {
            "type": error.type,
            "code": error.code,
            "message": error.message,
            "param": details.pop("param", None),
            "event_id": details.pop("event_id", None),
            **({"details": details} if details else {}),
        }
        event = {"type": "error", "event_id": f"event_{uuid4().hex}", "error": shown}
        await self.send(encode(event).decode())

    async def close(self, code: int, reason: str) -> None:
        """Say goodbye. Raises :class:`ClientLeft`."""
        goodbye = {"type": "websocket.close", "code": code, "reason": reason[:REASON_CHARS_MAX]}
        await self._in_time(self._exchange.pass_on(goodbye))

    async def _in_time(self, sending: Awaitable[None]) -> None:
        try:
            async with asyncio.timeout(self._stall_s):
                await sending
        except (OSError, TimeoutError) as error:  # servers raise the first once the client left
            raise ClientLeft from error


def refusing(send: Send) -> Send:
    """Send an HTTP response instead of the upgrade."""

    async def refuse(message: Message) -> None:
        kind = message["type"]
        if kind.startswith(_RESPONSE):
            message = {**message, "type": f"websocket.{kind}"}
        await send(message)

    return refuse
