"""Answers as they come over a line: in pieces, too long, too early, too late."""

import asyncio
import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from routstr.core.http import HEAD_BYTES_MAX
from routstr.errors import UpstreamError, UpstreamUnavailable
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from routstr.upstream.reader import PAUSE_BYTES
from tests.unit.upstream.waiting import until

uvloop = pytest.importorskip("uvloop")
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
Speak = Callable[[asyncio.StreamWriter], Awaitable[None]]
CERTIFICATE = """\
-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgkwdsIXpepsTkWFzw
Re4FJOU7aQVEbJepi9aS/O6XAUehRANCAAT9PRxXHvQuHUZpjRGxp2bwLIaifvdz
567fS7m3JJG5ZeHOjNZCe/ASifh/ZbxXXbF7NGXT6IGEowfjOUQEv0SL
-----END PRIVATE KEY-----
-----BEGIN CERTIFICATE-----
MIIBfzCCASWgAwIBAgIUdc/dSQ9YLF6F4ns5vLKlPbuQcUQwCgYIKoZIzj0EAwIw
FDESMBAGA1UEAwwJbG9jYWxob3N0MCAXDTI2MTEyMzExMTQzMFoYDzIxMjYxMDMw
MTExNDMwWjAUMRIwEAYDVQQDDAlsb2NhbGhvc3QwWTATBgcqhkjOPQIBBggqhkjO
PQMBBwNCAAT9PRxXHvQuHUZpjRGxp2bwLIaifvdz567fS7m3JJG5ZeHOjNZCe/AS
ifh/ZbxXXbF7NGXT6IGEowfjOUQEv0SLo1MwUTAdBgNVHQ4EFgQUdQdTDtO3AXdy
DZMcaoswOPasn44wHwYDVR0jBBgwFoAUdQdTDtO3AXdyDZMcaoswOPasn44wDwYD
VR0TAQH/BAUwAwEB/zAKBggqhkjOPQQDAgNIADBFAiEAzD53TY2+BL8/4KjKGm1U
RpyxDWG/Mtk+ygh6nUV7sg8CIFe6pNvlkutI8lRog5z2qbj6GK5fhwsKdmwREvKk
ZSKC
-----END CERTIFICATE-----
"""  # of a test, for a hundred years


class Provider:
    """Answers each request with what it was told; ``connections`` are those that were made."""

    def __init__(self, speak: Speak) -> None:
        self._speak = speak
        self.connections = self.ended = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                await self._speak(writer)
        writer.close()
        with suppress(ConnectionError):
            await writer.wait_closed()
        self.ended += 1


def saying(*parts: bytes, close: bool = False) -> Speak:
    """Each part by itself."""

    async def speak(writer: asyncio.StreamWriter) -> None:
        for part in parts:
            writer.write(part)
            await asyncio.sleep(0.005)
        if close:
            writer.close()

    return speak


class Client:
    """Asks one address over one session."""

    def __init__(self, session: aiohttp.ClientSession, url: str, provider: Provider) -> None:
        self._client = UpstreamClient(session, UpstreamLimits())
        self._url = URL(url)
        self.provider = provider

    async def ask(self) -> Answer:
        return await self._client.send(self._url, CIMultiDict(), b"{}")

    async def whole(self) -> bytes:
        got = await self.ask()
        try:
            pieces = []
            while piece := await got.chunk():
                pieces.append(piece)
            return b"".join(pieces)
        finally:
            got.close()


@asynccontextmanager
async def asking(speak: Speak, tls: ssl.SSLContext | None = None) -> AsyncIterator[Client]:
    provider = Provider(speak)
    connector = aiohttp.TCPConnector(ssl=False)
    async with (
        await asyncio.start_server(provider.serve, "127.0.0.1", 0, ssl=tls) as server,
        aiohttp.ClientSession(connector=connector, auto_decompress=False) as session,
    ):
        port = server.sockets[0].getsockname()[1]
        yield Client(session, f"http{'s' if tls else ''}://127.0.0.1:{port}/v1/x", provider)
        await session.close()
        await until(lambda: provider.ended == provider.connections)


@pytest.mark.parametrize(
    ("parts", "body"),
    [
        ((OK,), b"ok"),
        ((OK[:9], OK[9:30], OK[30:-1], OK[-1:]), b"ok"),
        ((b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",), b""),
        ((CHUNKED, b"2\r\nab\r\n", b"1\r\nc\r\n0\r\n\r\n"), b"abc"),
        ((CHUNKED + b"2\r\nab\r\n0\r\nX-Late: 1\r\n\r\n",), b"ab"),
        ((b"HTTP/1.1 100 Continue\r\n\r\n" + OK,), b"ok"),
        ((b"HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\n", OK), b"ok"),
    ],
)
async def test_what_comes_is_read_and_the_line_serves_again(
    parts: tuple[bytes, ...], body: bytes
) -> None:
    async with asking(saying(*parts)) as client:
        assert [await client.whole() for _ in range(3)] == [body] * 3
        assert client.provider.connections == 1


async def test_fields_behind_a_body_are_not_heard_of() -> None:
    async with asking(saying(CHUNKED + b"2\r\nab\r\n0\r\nX-Late: 1\r\n\r\n")) as client:
        got = await client.ask()
        assert await got.chunk() == b"ab"
        assert "X-Late" not in got.headers
        got.close()


@pytest.mark.parametrize(
    ("parts", "close"),
    [
        ((OK + b"x",), False),  # longer than announced: who knows which is right
        ((OK + OK,), False),
        ((CHUNKED, b"2\r\nab\r\nzz\r\n"), False),
        ((CHUNKED, b"2\r\nab\r\n"), True),
        ((OK[:-1],), True),
    ],
)
async def test_an_answer_that_is_not_whole_is_none(parts: tuple[bytes, ...], close: bool) -> None:
    async with asking(saying(*parts, close=close)) as client:
        for number in (1, 2):
            with pytest.raises(UpstreamError, match="broke"):
                await client.whole()
            assert client.provider.connections == number


@pytest.mark.parametrize("more", [b"0\r\nX: " + b"x" * 100, b"2;" + b"x" * 100])
async def test_what_is_no_body_ends_some_time(more: bytes) -> None:
    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(CHUNKED + b"2\r\nab\r\n" + more)
        for _ in range(1_000):
            writer.write(b"x" * 1_000)
            await writer.drain()

    async with asking(speak) as client:
        with pytest.raises(UpstreamError, match="broke"):
            await client.whole()


@pytest.mark.parametrize(
    "part",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nX: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok",
        b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\nok",
    ],
)
async def test_what_no_two_readers_read_alike_is_not_read(part: bytes) -> None:
    async with asking(saying(part)) as client:
        with pytest.raises(UpstreamError, match="HTTP"):
            await client.ask()


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200 OK\r\nContent"])
async def test_a_line_that_ends_before_the_head_is_unavailable(part: bytes) -> None:
    async with asking(saying(part, close=True)) as client:
        with pytest.raises(UpstreamUnavailable):
            await client.ask()


async def test_another_protocol_is_an_answer_and_the_end_of_the_line() -> None:
    head = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"
    async with asking(saying(head)) as client:
        for number in (1, 2):
            got = await client.ask()
            got.close()
            assert (got.status, client.provider.connections) == (101, number)


async def test_a_provider_waits_for_a_reader_that_is_slow() -> None:
    size = 64 * PAUSE_BYTES
    sent = asyncio.Event()

    async def speak(writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % size)
        for _ in range(64):
            writer.write(b"x" * PAUSE_BYTES)
            await writer.drain()
        sent.set()

    async with asking(speak) as client:
        got = await client.ask()
        await asyncio.sleep(0.1)
        assert not sent.is_set()
        read = 0
        while piece := await got.chunk():
            read += len(piece)
        got.close()
        assert (read, sent.is_set()) == (size, True)
        assert len(await client.whole()) == size


async def test_who_has_read_all_that_came_waits_for_more() -> None:
    async with asking(saying(CHUNKED, b"1\r\na\r\n", b"1\r\nb\r\n", b"0\r\n\r\n")) as client:
        got = await client.ask()
        assert [await got.chunk() for _ in range(3)] == [b"a", b"b", b""]
        got.close()


async def test_who_hangs_up_ends_the_line() -> None:
    async with asking(saying(CHUNKED + b"1\r\na\r\n")) as client:
        got = await client.ask()
        assert await got.chunk() == b"a"
        got.close()
        await until(lambda: client.provider.ended == 1)
        with pytest.raises(UpstreamError):
            await got.chunk()


@pytest.mark.parametrize("make", [asyncio.new_event_loop, uvloop.new_event_loop])
def test_lines_are_read_through_tls_on_either_event_loop(
    make: Callable[[], asyncio.AbstractEventLoop], tmp_path: Path
) -> None:
    (tmp_path / "both.pem").write_text(CERTIFICATE)
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(tmp_path / "both.pem")

    async def run() -> None:
        async with asking(saying(CHUNKED, b"2\r\nab\r\n", b"0\r\n\r\n"), tls) as client:
            assert [await client.whole() for _ in range(3)] == [b"ab"] * 3
            assert client.provider.connections == 1
        async with asking(saying(OK[:-1], close=True), tls) as client:
            with pytest.raises(UpstreamError, match="broke"):
                await client.whole()

    with asyncio.Runner(loop_factory=make) as runner:
        runner.run(run())
