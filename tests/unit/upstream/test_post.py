import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from devkit.upstream import Upstream
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from routstr.upstream.post import BODY_BYTES_MAX
from tests.unit.upstream.waiting import until

Speak = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as shared:
        yield shared


@asynccontextmanager
async def server(speak: Speak) -> AsyncIterator[str]:
    """Speaks by itself after the head of each connection's first request."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await speak(reader, writer)
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as listening:
        yield f"http://127.0.0.1:{listening.sockets[0].getsockname()[1]}"


async def post(session: aiohttp.ClientSession, url: str, **headers: str) -> Answer:
    return await UpstreamClient(session, UpstreamLimits()).send(
        URL(url), CIMultiDict(headers), b"{}"
    )


def idle(session: aiohttp.ClientSession) -> int:
    """Connections that wait for the next request."""
    assert session.connector is not None
    return sum(map(len, session.connector._conns.values()))


async def test_the_head_names_host_length_and_nothing_that_was_not_asked_for(
    session: aiohttp.ClientSession,
) -> None:
    seen: list[bytes] = []

    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n") + await reader.readexactly(2))
        writer.write(OK)

    async with server(speak) as url:
        (await post(session, f"{url}/v1/chat?a=b%20c", One="ä")).close()
        host = url.removeprefix("http://")
    told = (
        f"POST /v1/chat?a=b%20c HTTP/1.1\r\nHost: {host}\r\nOne: ä\r\nContent-Length: 2\r\n\r\n{{}}"
    )
    assert seen == [told.encode()]


async def test_what_comes_before_the_answer_is_passed_over(session: aiohttp.ClientSession) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n" + OK)

    async with server(speak) as url:
        got = await post(session, url)
        assert (got.status, await got.chunk()) == (200, b"ok")


async def test_a_body_without_a_length_ends_with_the_connection(
    session: aiohttp.ClientSession,
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.0 200 OK\r\n\r\nas long as it lasts")

    async with server(speak) as url:
        got = await post(session, url)
        read = b""
        while piece := await got.chunk():
            read += piece
        got.close()
    assert (read, idle(session)) == (b"as long as it lasts", 0)


async def test_a_connection_whose_end_was_announced_is_not_used_again(
    session: aiohttp.ClientSession,
) -> None:
    async def speak(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(OK.replace(b"OK\r\n", b"OK\r\nConnection: close\r\n"))

    async with server(speak) as url:
        got = await post(session, url)
        assert await got.chunk() == b"ok"
        got.close()
        assert idle(session) == 0


async def test_who_gives_up_waiting_hangs_up(session: aiohttp.ClientSession) -> None:
    left = asyncio.Event()

    async def speak(reader: asyncio.StreamReader, _writer: asyncio.StreamWriter) -> None:
        await reader.read()
        left.set()

    async with server(speak) as url:
        waiting = asyncio.create_task(post(session, url))
        await until(lambda: session.connector is not None and bool(session.connector._acquired))
        waiting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await waiting
        await asyncio.wait_for(left.wait(), 5)
    assert session.connector is not None
    assert not session.connector._acquired


@pytest.mark.parametrize("value", ["a\r\nX: b", "a\nb", "a\rb", "a\0b"])
async def test_no_header_can_hold_another(session: aiohttp.ClientSession, value: str) -> None:
    async with Upstream() as upstream:
        with pytest.raises(ValueError, match="line end"):
            await post(session, upstream.base_url, One=value)
        assert upstream.requests == []
    assert idle(session) == 0


@pytest.mark.parametrize("size", [BODY_BYTES_MAX, BODY_BYTES_MAX + 1])
async def test_bodies_arrive_whole_whoever_writes_them(
    session: aiohttp.ClientSession, size: int
) -> None:
    body = b'{"x":"' + b"x" * (size - 8) + b'"}'
    async with Upstream() as upstream:
        client = UpstreamClient(session, UpstreamLimits())
        url = URL(upstream.base_url) / "chat/completions"
        got = await client.send(url, CIMultiDict(), body)
        got.close()
    assert [request.body for request in upstream.requests] == [body]
