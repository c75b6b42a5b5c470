import asyncio
from collections.abc import AsyncIterator

import aiohttp
import pytest

from devkit.upstream import (
    Exchange,
    Play,
    Shape,
    Upstream,
    answer,
    chat,
    endless,
    gzip_bomb,
    late,
    refuse,
    silent,
)
from routstr.core.secret import Secret
from routstr.errors import UpstreamError, UpstreamRejected
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint, Success
from routstr.upstream.provider import Provider
from tests.unit.upstream.waiting import until

LIMITS = UpstreamLimits(idle_s=0.2, answer_bytes=4_096)
JSON = b'{"model":"good"}'
STREAM = b'{"model":"good","stream":true}'


@pytest.fixture
async def upstream() -> AsyncIterator[Upstream]:
    async with Upstream() as played:
        yield played


@pytest.fixture
async def endpoint(upstream: Upstream) -> AsyncIterator[Endpoint]:
    async with aiohttp.ClientSession(auto_decompress=False) as session:
        provider = Provider.create("p", upstream.base_url, Secret("sk-1"))
        yield Endpoint(UpstreamClient(session, LIMITS), provider, "chat/completions", LIMITS)


async def ask(endpoint: Endpoint, body: bytes = JSON, *, first_byte_s: float = 2) -> Success:
    with Deadlines(sweep_s=0.01).within(first_byte_s) as deadline:
        return await endpoint.ask([(b"x-title", b"t")], body, deadline, model="m")


async def test_a_json_answer_comes_whole(endpoint: Endpoint, upstream: Upstream) -> None:
    success = await ask(endpoint)
    assert success.body is not None
    assert b'"choices"' in success.body
    assert upstream.requests[0].header("x-title") == "t"
    assert upstream.requests[0].header("authorization") == "Bearer sk-1"


async def test_a_stream_is_left_to_be_read(endpoint: Endpoint) -> None:
    success = await ask(endpoint, STREAM)
    assert success.body is None
    assert (await success.answer.chunk()).startswith(b"data: ")
    success.answer.close()


async def test_the_form_is_the_providers_choice(endpoint: Endpoint, upstream: Upstream) -> None:
    upstream.next(answer(200, {"choices": []}))
    assert (await ask(endpoint, STREAM)).body == b'{"choices": []}'


async def test_a_refusal_is_raised_with_its_body(endpoint: Endpoint, upstream: Upstream) -> None:
    upstream.next(refuse(404, message="No such model."))
    with pytest.raises(UpstreamRejected, match="No such model") as caught:
        await ask(endpoint)
    assert caught.value.http_status == 404


async def test_a_refusal_whose_body_breaks_off_is_still_one(
    endpoint: Endpoint, upstream: Upstream
) -> None:
    async def half(exchange: Exchange) -> None:
        exchange.hang_up()
        await exchange.answer(422, b'{"error":', {"Content-Length": "9999"})

    upstream.next(half)
    with pytest.raises(UpstreamRejected, match="422"):
        await ask(endpoint)


async def test_a_refusal_with_an_endless_body_is_still_one(
    endpoint: Endpoint, upstream: Upstream
) -> None:
    upstream.next(answer(500, b"x" * 1_000_000))
    with pytest.raises(UpstreamRejected, match="500"):
        await ask(endpoint)


@pytest.mark.parametrize("play", [endless(), answer(200, b"x" * 5_000)])
async def test_an_answer_over_the_limit_is_refused(
    endpoint: Endpoint, upstream: Upstream, play: Play
) -> None:
    upstream.next(play)
    with pytest.raises(UpstreamError, match="too large"):
        await ask(endpoint)


async def test_a_packed_answer_is_never_unpacked(endpoint: Endpoint, upstream: Upstream) -> None:
    upstream.next(gzip_bomb(64), answer(500, b"\x1f\x8b", {"Content-Encoding": "gzip"}))
    with pytest.raises(UpstreamError, match="encoded"):
        await ask(endpoint)
    with pytest.raises(UpstreamRejected, match="500"):
        await ask(endpoint)


async def test_the_wait_for_the_first_byte_is_the_callers(
    endpoint: Endpoint, upstream: Upstream
) -> None:
    upstream.next(silent())
    with pytest.raises(TimeoutError):
        await ask(endpoint, first_byte_s=0.05)
    upstream.next(late(0.4))
    assert (await ask(endpoint, first_byte_s=2)).body


async def test_silence_inside_an_answer_is_limited(endpoint: Endpoint, upstream: Upstream) -> None:
    async def stall(exchange: Exchange) -> None:
        await exchange.head(200, {"Content-Length": "10"})
        await exchange.send(b"x")
        await asyncio.sleep(5)

    upstream.next(stall)
    began = asyncio.get_running_loop().time()
    with pytest.raises(TimeoutError):
        await ask(endpoint, first_byte_s=5)
    assert asyncio.get_running_loop().time() - began < 1


async def test_a_failed_question_leaves_no_connection_open(
    endpoint: Endpoint, upstream: Upstream
) -> None:
    gate = asyncio.Event()
    upstream.next(chat(shape=Shape(gate=gate)))
    with pytest.raises(TimeoutError):
        await ask(endpoint, STREAM.replace(b"true", b"false"), first_byte_s=0.05)
    await until(lambda: upstream.exchanges[0].client_left)
