"""WebSockets to a provider that keeps to the rules, and to one that does not."""

import asyncio
import base64
import hashlib
from collections.abc import Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
from yarl import URL

from devkit.upstream import Exchange, Upstream, answer, refuse
from devkit.upstream.frames import BINARY, CLOSE, PING, TEXT, Talk
from routstr.core.secret import Secret
from routstr.errors import UpstreamError, UpstreamRejected, UpstreamUnavailable
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.passage import Passage
from routstr.upstream.provider import Provider
from routstr.upstream.socket import Socket, connect
from tests.unit.proxy.harness import plain_session

KEY = "sk-of-the-provider"


@asynccontextmanager
async def connected(play: Any, received: Any = (), bytes_max: int = 10_000) -> Any:
    async with Upstream() as upstream, plain_session() as session:
        upstream.next(play)
        provider = Provider.create("played", upstream.base_url, Secret(KEY))
        passage = Passage(UpstreamClient(session, UpstreamLimits()), provider, UpstreamLimits())
        url = URL(f"{upstream.base_url}/realtime?model=m")
        socket = await connect(passage, received, url, "realtime", model="m", bytes_max=bytes_max)
        try:
            yield socket, upstream
        finally:
            await socket.close()


def talking(speak: Callable[[Talk], Awaitable[object]]) -> Any:
    async def play(exchange: Exchange) -> None:
        talk = Talk(exchange)
        await talk.accept()
        await speak(talk)
        await asyncio.sleep(0.05)

    return play


async def test_texts_go_both_ways_and_pings_are_answered() -> None:
    async def echo(talk: Talk) -> None:
        await talk.frame(PING, b"x")
        await talk.send(await talk.receive())
        await talk.close()

    received = [(b"authorization", b"Bearer planted"), (b"openai-beta", b"realtime=v1")]
    async with connected(talking(echo), received) as (socket, upstream):
        await socket.send('{"type":"a"}')
        assert await socket.receive() == '{"type": "a"}'
        assert await socket.receive() is None
        (request,) = upstream.requests
        assert request.header("authorization") == f"Bearer {KEY}"
        assert request.header("openai-beta") == "realtime=v1"
        names = [name.lower() for name, _ in request.headers]
        assert not {"content-type", "accept", "cookie"} & set(names)


@pytest.mark.parametrize(
    "speak",
    [
        lambda talk: talk.frame(BINARY, b"\x00"),
        lambda talk: talk.frame(TEXT, b"\xff\xfe"),
        lambda talk: talk.frame(TEXT, b"x" * 20_000),
        lambda talk: talk.frame(CLOSE, (1011).to_bytes(2, "big")),
        lambda talk: talk.frame(7, b"x"),
    ],
    ids=["binary", "no UTF-8", "too long", "an error", "no frame"],
)
async def test_what_is_no_text_is_the_provider_s_failure(speak: Any) -> None:
    async with connected(talking(speak)) as (socket, _):
        with pytest.raises(UpstreamError):
            await socket.receive()


async def send_much(socket: Socket) -> None:
    for _ in range(50):
        await socket.send("{}")


async def test_a_connection_that_is_lost_is_told() -> None:
    async def cut(exchange: Exchange) -> None:
        await Talk(exchange).accept()
        exchange.reset()

    async with connected(cut) as (socket, _):
        with pytest.raises(UpstreamUnavailable):
            await socket.receive()
        with pytest.raises(UpstreamError):
            await send_much(socket)


async def refused(play: Any) -> UpstreamError:
    with pytest.raises(UpstreamError) as raised:
        async with connected(play):
            raise AssertionError("it was accepted")
    return raised.value


async def test_a_refusal_is_the_provider_s_own() -> None:
    error = await refused(refuse(403))
    assert isinstance(error, UpstreamRejected)
    assert error.upstream_status == 403


async def test_a_redirect_is_refused() -> None:
    error = await refused(answer(302, b"", {"Location": "http://127.0.0.1:9/"}))
    assert "redirect" in error.message


async def test_what_only_looks_like_a_web_socket_is_none() -> None:
    async def wrong(exchange: Exchange) -> None:
        accept = base64.b64encode(hashlib.sha1(b"planted").digest()).decode()
        head = {"Upgrade": "websocket", "Connection": "Upgrade", "Sec-WebSocket-Accept": accept}
        await exchange.head(101, head)

    error = await refused(wrong)
    assert "WebSocket" in error.message


async def test_a_provider_that_is_not_there() -> None:
    async with plain_session() as session:
        provider = Provider.create("gone", "http://127.0.0.1:9/v1", Secret(KEY))
        passage = Passage(UpstreamClient(session, UpstreamLimits()), provider, UpstreamLimits())
        url = URL("http://127.0.0.1:9/v1/realtime")
        with pytest.raises(UpstreamUnavailable):
            await connect(passage, (), url, "realtime", model="m", bytes_max=1)
