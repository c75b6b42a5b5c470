import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, suppress

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from devkit.upstream import Upstream
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from routstr.upstream.post import BODY_BYTES_MAX, Address
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
    """Connections that are open: in use, or waiting for the next request."""
    assert session.connector is not None
    return sum(map(len, session.connector._conns.values())) + len(session.connector._acquired)


class Counted:
    """A server that answers each request with ``answer`` and counts its connections."""

    def __init__(self, answer: bytes = OK, later: bytes = b"") -> None:
        self.answer = answer
        self.later = later
        self.connections: list[asyncio.StreamWriter] = []
        self.ended = 0

    async def speak(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections.append(writer)
        with suppress(asyncio.IncompleteReadError, ConnectionError):
            while True:
                await reader.readuntil(b"\r\n\r\n{}")
                writer.write(self.answer)
                if self.later:
                    await asyncio.sleep(0.005)
                    writer.write(self.later)
        self.ended += 1


async def address(session: aiohttp.ClientSession, url: str, kept_s: float) -> Address:
    assert session.connector is not None
    return Address(session.connector, URL(url), aiohttp.ClientTimeout(), session, kept_s=kept_s)


async def whole(at: Address) -> bytes:
    """One request and its answer."""
    *_, content = await at.post(CIMultiDict(), b"{}")
    pieces = []
    while piece := await content.readany():
        pieces.append(piece)
    content.hang_up()
    return b"".join(pieces)


async def test_one_connection_serves_one_request_after_the_other(
    session: aiohttp.ClientSession,
) -> None:
    told = Counted()
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        assert [await whole(at) for _ in range(3)] == [b"ok"] * 3
        assert (len(told.connections), idle(session)) == (1, 1)


async def test_requests_at_once_have_connections_of_their_own(
    session: aiohttp.ClientSession,
) -> None:
    told = Counted()
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        for _ in range(2):
            assert await asyncio.gather(*(whole(at) for _ in range(3))) == [b"ok"] * 3
        assert len(told.connections) == 3


async def test_a_connection_that_ended_while_it_waited_is_not_used(
    session: aiohttp.ClientSession,
) -> None:
    told = Counted()
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        await whole(at)
        told.connections[0].close()
        await until(lambda: told.ended == 1)
        await asyncio.sleep(0.01)
        assert await whole(at) == b"ok"
        assert (len(told.connections), idle(session)) == (2, 1)


@pytest.mark.parametrize("more", [b"x", OK])
async def test_a_connection_on_which_more_came_than_was_asked_for_is_not_used(
    session: aiohttp.ClientSession, more: bytes
) -> None:
    told = Counted(later=more)
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        for number in (1, 2):
            assert await whole(at) == b"ok"
            await asyncio.sleep(0.03)
            assert len(told.connections) == number


async def test_an_answer_that_is_left_unread_ends_its_connection_alone(
    session: aiohttp.ClientSession,
) -> None:
    told = Counted(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok")
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        *_, unread = await at.post(CIMultiDict(), b"{}")
        unread.hang_up()
        await until(lambda: told.ended == 1)
        told.answer = OK
        *_, content = await at.post(CIMultiDict(), b"{}")
        assert await content.readany() == b"ok"
        assert await content.readany() == b""
        assert await whole(at) == b"ok"
        content.hang_up()  # the connection is somebody else's by now
        assert await whole(at) == b"ok"
        assert (len(told.connections), idle(session)) == (2, 1)


async def test_a_connection_that_nobody_uses_is_closed(session: aiohttp.ClientSession) -> None:
    told = Counted()
    async with server(told.speak) as url:
        at = await address(session, url, 0.03)
        await whole(at)
        await until(lambda: told.ended == 1)
        assert idle(session) == 0
        assert await whole(at) == b"ok"


async def test_of_two_that_wait_the_one_that_is_used_stays(session: aiohttp.ClientSession) -> None:
    told = Counted()
    async with server(told.speak) as url:
        at = await address(session, url, 0.1)
        await asyncio.gather(whole(at), whole(at))
        for _ in range(8):
            await asyncio.sleep(0.03)
            await whole(at)
        assert (len(told.connections), told.ended) == (2, 1)


async def test_what_waits_ends_with_the_session() -> None:
    told = Counted()
    async with server(told.speak) as url:
        async with aiohttp.ClientSession() as shared:
            await whole(await address(shared, url, 5))
        await until(lambda: told.ended == 1)


@pytest.mark.parametrize("status", [b"204 No Content", b"304 Not Modified"])
async def test_an_answer_without_a_body_leaves_its_connection(
    session: aiohttp.ClientSession, status: bytes
) -> None:
    told = Counted(b"HTTP/1.1 %b\r\n\r\n" % status)
    async with server(told.speak) as url:
        at = await address(session, url, 5)
        assert [await whole(at) for _ in range(2)] == [b"", b""]
        assert len(told.connections) <= 2


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
