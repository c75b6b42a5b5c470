"""WebSocket frames (RFC 6455) by hand, so that a play may break them as it likes."""

import asyncio
import json
from base64 import b64encode
from hashlib import sha1
from typing import Any, Final

from devkit.upstream.http import Exchange

_MAGIC: Final = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
TEXT: Final = 1
BINARY: Final = 2
CLOSE: Final = 8
PING: Final = 9
PONG: Final = 10


class Talk:
    """The provider's side of an upgraded connection."""

    def __init__(self, exchange: Exchange) -> None:
        self._exchange = exchange
        self._reader = exchange.reader

    async def accept(self) -> None:
        """Upgrade the connection."""
        key = (self._exchange.request.header("sec-websocket-key") or "").encode()
        self._exchange.hang_up()  # no other request comes on it
        await self._exchange.head(
            101,
            {
                "Upgrade": "websocket",
                "Connection": "Upgrade",
                "Sec-WebSocket-Accept": b64encode(sha1(key + _MAGIC).digest()).decode(),
            },
        )

    async def send(self, event: object) -> None:
        """Send an event; bytes are a binary message, a text is sent as it is."""
        if isinstance(event, bytes):
            await self.frame(BINARY, event)
        else:
            text = event if isinstance(event, str) else json.dumps(event)
            await self.frame(TEXT, text.encode())

    async def frame(self, kind: int, data: bytes) -> None:
        """Send one frame."""
        size = len(data)
        if size < 126:
            head = bytes([0x80 | kind, size])
        elif size < 1 << 16:
            head = bytes([0x80 | kind, 126]) + size.to_bytes(2, "big")
        else:
            head = bytes([0x80 | kind, 127]) + size.to_bytes(8, "big")
        await self._exchange.send(head + data)

    async def close(self, code: int = 1000) -> None:
        """Say goodbye in good order."""
        await self.frame(CLOSE, code.to_bytes(2, "big"))

    async def receive(self) -> dict[str, Any] | None:
        """The client's next event; None when it has said goodbye."""
        text = b""
        while True:
            try:
                first, second = await self._reader.readexactly(2)
                size = second & 0x7F
                if size > 125:
                    more = await self._reader.readexactly(2 if size == 126 else 8)
                    size = int.from_bytes(more, "big")
                mask = await self._reader.readexactly(4)
                masked = await self._reader.readexactly(size)
            except (asyncio.IncompleteReadError, ConnectionError):
                return None
            data = _unmasked(masked, mask)
            kind = first & 0x0F
            if kind == CLOSE:
                await self.frame(CLOSE, data)
                return None
            if kind == PING:
                await self.frame(PONG, data)
            elif kind != PONG:
                text += data
                if first & 0x80:
                    event: dict[str, Any] = json.loads(text)
                    return event


def _unmasked(data: bytes, mask: bytes) -> bytes:
    """All bytes at once: events of megabytes are usual here."""
    pattern = (mask * (len(data) // 4 + 1))[: len(data)]
    return (int.from_bytes(data) ^ int.from_bytes(pattern)).to_bytes(len(data))
