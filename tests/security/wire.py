"""A node's paid routes behind the real server, and a client that writes bytes by hand."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import uvicorn

from devkit.ports import LOOPBACK
from routstr.core.http_guard import GuardedProtocol
from routstr.upstream.client import UpstreamLimits
from tests.unit.proxy.harness import HELLO, KEY, LIMITS, Node, running
from tests.unit.upstream.waiting import until

PATH = "/v1/chat/completions"
BODY = json.dumps({"model": "good", "messages": HELLO}).encode()


def head(*fields: str, line: str = f"POST {PATH} HTTP/1.1", host: str = "Host: node") -> bytes:
    """The head of a paid request."""
    lines = [line, *([host] if host else ()), f"Authorization: Bearer {KEY}", *fields]
    return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n"


def whole(body: bytes = BODY, *fields: str) -> bytes:
    """A paid request."""
    return head(f"Content-Length: {len(body)}", *fields) + body


def chunked(*pieces: bytes) -> bytes:
    """A body in chunks."""
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in (*pieces, b""))


@dataclass
class Served:
    """A node and where it listens."""

    node: Node
    port: int
    server: uvicorn.Server

    @property
    def paid(self) -> int:
        """How many requests a provider was asked."""
        return len(self.node.upstream.requests)

    @property
    def connected(self) -> int:
        return len(self.server.server_state.connections)

    async def connect(self, port: int | None = None) -> "Wire":
        return Wire(*await asyncio.open_connection(LOOPBACK, port or self.port))

    async def tell(self, data: bytes | Iterable[bytes], port: int | None = None) -> bytes:
        """All that the node says to these bytes until it hangs up."""
        wire = await self.connect(port)
        try:
            for piece in [data] if isinstance(data, bytes) else data:
                wire.writer.write(piece)
            return await wire.rest()
        finally:
            wire.writer.close()


@dataclass
class Wire:
    """A client's connection."""

    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def rest(self, seconds: float = 10) -> bytes:
        """What comes until the end."""
        said = b""
        async with asyncio.timeout(seconds):
            try:
                while piece := await self.reader.read(65_536):
                    said += piece
            except ConnectionError:
                pass
        return said

    async def answer(self) -> bytes:
        """The next answer, which must tell its length."""
        async with asyncio.timeout(10):
            said = await self.reader.readuntil(b"\r\n\r\n")
            (length,) = [
                int(line.partition(b":")[2])
                for line in said.lower().split(b"\r\n")
                if line.startswith(b"content-length:")
            ]
            return said + await self.reader.readexactly(length)


@asynccontextmanager
async def serving(
    look_s: float = 30.0,
    connections_max: int = 1_000,
    header_bytes: int = 64 * 1024,
    limits: UpstreamLimits = LIMITS,
) -> AsyncIterator[Served]:
    """A node that sells ``good``, with bounds of its own."""

    class Protocol(GuardedProtocol):
        pass

    Protocol.look_s, Protocol.connections_max = look_s, connections_max
    async with running(limits=limits) as node:
        config = uvicorn.Config(
            node.app,
            port=0,
            lifespan="off",
            log_config=None,
            http=Protocol,
            ws="websockets-sansio",
            h11_max_incomplete_event_size=header_bytes,
            timeout_keep_alive=60,
        )
        server = uvicorn.Server(config)
        task = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield Served(node, server.servers[0].sockets[0].getsockname()[1], server)
        finally:
            server.should_exit = server.force_exit = True
            await task
