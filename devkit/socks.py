"""A SOCKS5 server on loopback (RFC 1928) that plays Tor: names lead to servers of the test.

``async with SocksServer({"abc.onion": port}) as tor``: ``tor.url`` is for ``TOR_PROXY_URL``,
``tor.asked`` what it was asked for, ``tor.play`` what goes wrong.
"""

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Final, Literal, Self

from devkit.ports import LOOPBACK

Play = Literal["honest", "refuses", "wants a password", "hangs", "hangs up", "garbage", "cut off"]
CONNECT: Final = 1
NAME: Final = 3
_ADDRESS_BYTES: Final = {1: 4, 4: 16}
_UNREACHABLE: Final = 4
_CHUNK: Final = 65_536


class SocksServer:
    """``places``: the port on loopback of each name. ``asked``: names and ports, as they came."""

    def __init__(self, places: Mapping[str, int]) -> None:
        self.places: Final = dict(places)
        self.play: Play = "honest"
        self.asked: Final[list[tuple[str, int]]] = []
        self.addresses: Final[list[bytes]] = []
        """Addresses that were asked for instead of names: somebody has looked them up."""
        self._tasks: Final[set[asyncio.Task[None]]] = set()

    @property
    def url(self) -> str:
        return f"socks5://{LOOPBACK}:{self.port}"

    async def __aenter__(self) -> Self:
        self._server = await asyncio.start_server(self._accept, LOOPBACK, 0)
        self.port = int(self._server.sockets[0].getsockname()[1])
        return self

    async def __aexit__(self, *_: object) -> None:
        self._server.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._server.wait_closed()

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(self._serve(reader, writer))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            place = await self._negotiate(reader, writer)
            if place is not None:
                await self._relay(reader, writer, place)
        except (OSError, EOFError):
            pass  # the caller has left
        finally:
            writer.close()

    async def _negotiate(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> int | None:
        """Greeting and request; the port on loopback to go on with."""
        _, methods = await reader.readexactly(2)
        await reader.readexactly(methods)
        match self.play:
            case "garbage":
                writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
                return None
            case "wants a password":
                writer.write(b"\x05\xff")
                return None
            case "hangs up":
                return None
        writer.write(b"\x05\x00")
        _, command, _, kind = await reader.readexactly(4)
        assert command == CONNECT
        host = await self._host(reader, kind)
        port = int.from_bytes(await reader.readexactly(2))
        self.asked.append((host, port))
        if self.play == "hangs":
            await asyncio.Event().wait()
        place = self.places.get(host)
        if self.play == "refuses" or place is None:
            writer.write(bytes((5, _UNREACHABLE, 0, 1)) + bytes(6))
            return None
        writer.write(bytes((5, 0, 0, 1)) + bytes(6))
        return None if self.play == "cut off" else place

    async def _host(self, reader: asyncio.StreamReader, kind: int) -> str:
        if kind == NAME:
            (length,) = await reader.readexactly(1)
            return (await reader.readexactly(length)).decode()
        address = await reader.readexactly(_ADDRESS_BYTES[kind])
        self.addresses.append(address)
        return ".".join(map(str, address))

    async def _relay(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, place: int
    ) -> None:
        far_reader, far_writer = await asyncio.open_connection(LOOPBACK, place)
        ways = [
            asyncio.ensure_future(_copy(reader, far_writer)),
            asyncio.ensure_future(_copy(far_reader, writer)),
        ]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            far_writer.close()


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(_CHUNK):
            writer.write(data)
            await writer.drain()
