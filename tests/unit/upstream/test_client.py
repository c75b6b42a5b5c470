import asyncio
import warnings
from collections.abc import AsyncIterator
from typing import NoReturn

import aiohttp
import pytest
from multidict import CIMultiDict
from yarl import URL

from devkit.upstream import Shape, Upstream, answer, chat, hang_up, wrong_length
from routstr.errors import UpstreamError, UpstreamTimeout, UpstreamUnavailable
from routstr.upstream.client import Answer, UpstreamClient, UpstreamLimits
from tests.unit.upstream.waiting import until

BODY = b'{"model":"good","stream":true}'


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as played:
        yield played


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(auto_decompress=False) as shared:
        yield shared


async def send(session: aiohttp.ClientSession, upstream: Upstream, body: bytes = BODY) -> Answer:
    client = UpstreamClient(session, UpstreamLimits(connect_s=0.2))
    url = URL(upstream.base_url) / "chat" / "completions"
    return await client.send(url, CIMultiDict({"X-One": "1"}), body)


async def rest(got: Answer) -> bytes:
    pieces = []
    while piece := await got.chunk():
        pieces.append(piece)
    return b"".join(pieces)


async def test_what_is_sent_arrives_and_the_answer_comes_back(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(answer(418, b"a pot", {"Content-Type": "Text/Plain; charset=x", "X-Two": "2"}))
    got = await send(session, upstream)
    assert (got.status, got.content_type, got.headers["x-two"]) == (418, "text/plain", "2")
    assert await rest(got) == b"a pot"
    assert await got.chunk() == b""
    (request,) = upstream.requests
    assert (request.path, request.body) == ("/v1/chat/completions", BODY)
    assert request.header("X-One") == "1"


async def test_an_answer_read_to_its_end_gives_the_connection_back(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    client = UpstreamClient(session, UpstreamLimits())
    for _ in range(3):
        got = await client.send(URL(f"{upstream.base_url}/chat/completions"), CIMultiDict(), BODY)
        await rest(got)
        got.close()
    assert session.connector is not None
    given_back = sum(map(len, session.connector._conns.values()))
    assert given_back + len(session.connector._acquired) == 1  # one served all three


async def test_closing_early_hangs_up(session: aiohttp.ClientSession, upstream: Upstream) -> None:
    gate = asyncio.Event()
    upstream.next(chat(shape=Shape(gate_after=1, gate=gate)))
    got = await send(session, upstream)
    assert await got.chunk()
    got.close()
    await until(lambda: upstream.exchanges[0].client_left)


async def test_a_redirect_is_an_answer_and_is_not_followed(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(answer(307, b"", {"Location": f"{upstream.base_url}/elsewhere"}))
    got = await send(session, upstream)
    got.close()
    assert got.status == 307
    assert len(upstream.requests) == 1


async def test_a_large_body_is_sent_whole_and_without_a_warning(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    body = b'{"stream":false,"x":"' + b"x" * 3_000_000 + b'"}'
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        got = await send(session, upstream, body)
    got.close()
    assert got.status == 200
    assert upstream.requests[0].body == body
    assert upstream.requests[0].header("transfer-encoding") is None


async def test_a_closed_port_is_unavailable(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    await upstream.close()
    with pytest.raises(UpstreamUnavailable):
        await send(session, upstream)


@pytest.mark.parametrize("reset", [False, True])
async def test_a_connection_that_ends_before_an_answer_is_unavailable(
    session: aiohttp.ClientSession, upstream: Upstream, *, reset: bool
) -> None:
    upstream.next(hang_up(reset=reset))
    with pytest.raises(UpstreamUnavailable):
        await send(session, upstream)


async def test_a_connection_that_is_not_made_in_time_is_a_timeout() -> None:
    class Stuck(aiohttp.TCPConnector):
        async def connect(self, *_: object, **__: object) -> NoReturn:
            raise aiohttp.ConnectionTimeoutError

    async with aiohttp.ClientSession(connector=Stuck()) as stuck:
        client = UpstreamClient(stuck, UpstreamLimits())
        with pytest.raises(UpstreamTimeout):
            await client.send(URL("http://127.0.0.1:1/v1"), CIMultiDict(), b"")


async def test_what_is_not_http_is_told_apart(session: aiohttp.ClientSession) -> None:
    async def babble(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"220 mail.example.com ESMTP\r\n\r\n")
        writer.close()

    async with await asyncio.start_server(babble, "127.0.0.1", 0) as server:
        port = server.sockets[0].getsockname()[1]
        client = UpstreamClient(session, UpstreamLimits())
        with pytest.raises(UpstreamError, match="HTTP"):
            await client.send(URL(f"http://127.0.0.1:{port}/"), CIMultiDict(), b"x")


async def test_an_answer_that_ends_too_early_is_an_error(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(wrong_length(+100))
    got = await send(session, upstream, b'{"stream":false}')
    with pytest.raises(UpstreamError, match="broke"):
        await rest(got)
    got.close()


async def test_errors_do_not_quote_the_providers_address(
    session: aiohttp.ClientSession, upstream: Upstream
) -> None:
    await upstream.close()
    with pytest.raises(UpstreamError) as caught:
        await send(session, upstream)
    assert "127.0.0.1" not in caught.value.message


@pytest.mark.parametrize(
    ("encoding", "encoded"), [(None, False), ("identity", False), ("gzip", True), ("x", True)]
)
async def test_an_encoding_is_seen(
    session: aiohttp.ClientSession, upstream: Upstream, encoding: str | None, *, encoded: bool
) -> None:
    upstream.next(answer(200, b"x", {"Content-Encoding": encoding} if encoding else {}))
    got = await send(session, upstream)
    got.close()
    assert got.encoded is encoded
