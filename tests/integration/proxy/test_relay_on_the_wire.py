"""The hot routes behind the real server, on real sockets: what a client can do to a connection."""

import asyncio
import contextlib
import json
import logging
import socket
import struct
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

import aiohttp
import pytest
import uvicorn

from devkit.upstream import Reply, Shape, chat, silent
from routstr.core.http_guard import GuardedProtocol
from tests.unit.proxy.harness import HELLO, KEY, LIMITS, Node, running
from tests.unit.upstream.waiting import until

GOOD = 1 + 12 + 6 * 3  # msat: the request, 12 input tokens, 6 output tokens
LINGER_OFF = struct.pack("ii", 1, 0)


@dataclass
class Wire:
    node: Node
    port: int

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/chat/completions"

    async def connect(self) -> "Client":
        return Client(*await asyncio.open_connection("127.0.0.1", self.port))


class Client:
    """A client that writes HTTP by hand."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    async def send(self, **body: object) -> None:
        await self.raw(request(json.dumps({"model": "good", "messages": HELLO, **body}).encode()))

    async def raw(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def until(self, text: bytes) -> bytes:
        async with asyncio.timeout(5):
            return await self.reader.readuntil(text)

    async def rest(self) -> bytes:
        async with asyncio.timeout(5):
            answer = await self.reader.read()
        self.writer.close()
        return answer

    def leave(self, *, reset: bool = False) -> None:
        if reset and not self.writer.is_closing():
            raw: socket.socket = self.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_OFF)
        self.writer.close()


def request(body: bytes, *headers: str, length: int | None = None) -> bytes:
    lines = [
        "POST /v1/chat/completions HTTP/1.1",
        "Host: node",
        f"Authorization: Bearer {KEY}",
        f"Content-Length: {len(body) if length is None else length}",
        *headers,
    ]
    return "\r\n".join(lines).encode() + b"\r\n\r\n" + body


@asynccontextmanager
async def wired(drain_s: float = 2, stall_s: float = 0.3) -> AsyncIterator[Wire]:
    limits = replace(LIMITS, drain_s=drain_s, stall_s=stall_s, idle_s=3, first_byte_s=3)
    async with running(limits=limits) as node:
        config = uvicorn.Config(
            node.app, port=0, lifespan="off", log_config=None, http=GuardedProtocol,
            h11_max_incomplete_event_size=64 * 1024,
        )  # fmt: skip
        server = uvicorn.Server(config)
        serving = asyncio.create_task(server.serve())
        await until(lambda: server.started)
        try:
            yield Wire(node, server.servers[0].sockets[0].getsockname()[1])
        finally:
            server.should_exit = True
            await serving


async def test_requests_share_a_connection() -> None:
    async with (
        wired() as wire,
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {KEY}"}) as s,
    ):
        for stream in (False, True, False):
            async with s.post(
                wire.url, json={"model": "good", "messages": HELLO, "stream": stream}
            ) as answer:
                assert answer.status == 200
                text = await answer.text()
                assert '"total_msats":31' in text
        assert s.connector is not None
        assert sum(map(len, s.connector._conns.values())) == 1
        assert wire.node.books.posted == 1_000_000 - 3 * GOOD


async def test_each_event_arrives_on_its_own() -> None:
    async with wired() as wire:
        gate = asyncio.Event()
        wire.node.upstream.next(chat(shape=Shape(gate_after=1, gate=gate)))
        client = await wire.connect()
        await client.send(stream=True)
        head = await client.until(b"\n\n")
        assert b"text/event-stream" in head
        assert b'"role"' in head
        gate.set()
        await client.until(b"[DONE]\n\n")
        client.leave()


@pytest.mark.parametrize("reset", [False, True])
@pytest.mark.parametrize("seen", [1, 3, 6])
async def test_a_stream_cut_by_the_client_is_charged_as_reported(seen: int, *, reset: bool) -> None:
    async with wired() as wire:
        gate = asyncio.Event()
        wire.node.upstream.next(chat(shape=Shape(gate_after=seen, gate=gate)))
        client = await wire.connect()
        await client.send(stream=True)
        for _ in range(seen):
            await client.until(b"\n\n")
        client.leave(reset=reset)
        await asyncio.sleep(0.05)
        gate.set()
        await until(lambda: wire.node.books.ends)
        assert wire.node.books.charged == {1: GOOD}


@pytest.mark.parametrize("reset", [False, True])
async def test_a_stream_cut_by_the_client_is_estimated_when_the_provider_is_slow(
    *, reset: bool
) -> None:
    async with wired(drain_s=0.1) as wire:
        wire.node.upstream.next(chat(shape=Shape(gate_after=3, gate=asyncio.Event())))
        client = await wire.connect()
        await client.send(stream=True)
        for _ in range(3):
            await client.until(b"\n\n")
        client.leave(reset=reset)
        await until(lambda: wire.node.books.ends)
        end = wire.node.books.settled
        assert (end.estimated, end.completion_tokens) == (True, 2)
        await until(lambda: wire.node.upstream.exchanges[0].client_left)
        await until(lambda: wire.node.app.active == 0)


@pytest.mark.parametrize("stream", [True, False])
async def test_a_client_that_never_saw_a_byte_pays_for_its_prompt(*, stream: bool) -> None:
    async with wired(drain_s=0.1) as wire:
        wire.node.upstream.next(silent())
        client = await wire.connect()
        await client.send(stream=stream)
        await until(lambda: wire.node.upstream.exchanges)
        client.leave()
        await until(lambda: wire.node.books.ends)
        assert wire.node.books.settled.completion_tokens == 0
        assert wire.node.books.charged[1] > 0


async def test_a_client_that_reads_nothing_does_not_hold_the_node_up() -> None:
    async with wired(stall_s=0.2) as wire:
        words = (" " + "long" * 250,) * 8_000
        wire.node.upstream.next(chat(Reply(words=words, obey_limit=False)))
        client = await wire.connect()
        raw: socket.socket = client.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        client.writer.transport.pause_reading()  # type: ignore[attr-defined]
        await client.send(stream=True)
        await until(lambda: wire.node.books.ends, seconds=5)
        assert wire.node.books.charged[1] > 0
        await until(lambda: wire.node.app.active == 0)
        client.leave(reset=True)


async def test_a_client_that_leaves_inside_its_body_costs_nothing() -> None:
    async with wired() as wire:
        client = await wire.connect()
        await client.raw(request(b'{"model":', length=500))
        await asyncio.sleep(0.02)
        client.leave()
        await until(lambda: wire.node.lines.records)
        assert wire.node.line.status == 499
        assert wire.node.books.holds == {}


async def test_a_body_that_is_too_large_is_not_even_invited() -> None:
    async with wired() as wire:
        client = await wire.connect()
        await client.raw(request(b"", "Expect: 100-continue", length=10**9))
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b"connection: close" in answer
        assert b"100 Continue" not in answer


async def test_an_endless_body_is_cut_off() -> None:
    async with wired() as wire:
        client = await wire.connect()
        head = request(b"", "Transfer-Encoding: chunked").replace(b"Content-Length: 0\r\n", b"")
        await client.raw(head)
        with contextlib.suppress(ConnectionError):
            for _ in range(100):
                await client.raw(b"1000\r\n" + b"x" * 4_096 + b"\r\n")
                await asyncio.sleep(0)
        await until(lambda: wire.node.lines.records)
        assert wire.node.line.status == 413
        assert wire.node.books.holds == {}
        client.leave(reset=True)


async def test_large_headers_close_the_connection() -> None:
    async with wired() as wire:
        client = await wire.connect()
        await client.raw(request(b"{}", "X-Large: " + "x" * 20_000))
        answer = await client.rest()
        assert answer.startswith(b"HTTP/1.1 431 ")


async def test_a_second_request_behind_a_refused_one_is_not_read() -> None:
    async with wired() as wire:
        client = await wire.connect()
        smuggled = request(b'{"model":"good","messages":[]}')
        await client.raw(request(smuggled, "Content-Encoding: gzip"))
        answer = await client.rest()
        assert answer.count(b"HTTP/1.1 ") == 1
        assert wire.node.upstream.requests == []


async def test_many_streams_cut_at_random_leave_no_hold() -> None:
    async with wired(drain_s=0.2) as wire:
        wire.node.upstream.default = chat(shape=Shape(interval_s=0.004))

        async def cut(number: int) -> None:
            client = await wire.connect()
            await client.send(stream=True)
            await asyncio.sleep(number * 0.002)
            client.leave(reset=bool(number % 2))

        await asyncio.gather(*(cut(number) for number in range(30)))
        await until(lambda: wire.node.app.active == 0)
        books = wire.node.books
        assert len(books.ends) == len(books.holds)
        assert books.held == 0
        assert all(books.charged[hold] > 0 for hold, end in books.ends.items() if end)


async def test_nothing_of_this_is_an_error_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.ERROR):
        async with wired(drain_s=0.1) as wire:
            wire.node.upstream.next(chat(shape=Shape(gate_after=2, gate=asyncio.Event())))
            client = await wire.connect()
            await client.send(stream=True)
            await client.until(b"\n\n")
            client.leave(reset=True)
            await until(lambda: wire.node.books.ends)
    assert caplog.records == []
