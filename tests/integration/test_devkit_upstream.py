import asyncio
import gzip
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest

from devkit.upstream import Reply, Shape, Upstream, chat, gzip_bomb, late, refuse
from devkit.upstream.plays import MIB

BODY = {"model": "m", "messages": [{"role": "user", "content": "Hi"}]}
STREAM = {**BODY, "stream": True, "stream_options": {"include_usage": True}}


@pytest.fixture
async def client() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(5)) as session:
        yield session


async def ask(
    client: aiohttp.ClientSession, upstream: Upstream, body: dict[str, Any]
) -> tuple[int, bytes]:
    headers = {"Authorization": "Bearer sk-of-the-provider"}
    url = f"{upstream.base_url}/chat/completions"
    async with client.post(url, json=body, headers=headers) as response:
        return response.status, await response.read()


async def test_a_request_is_answered_and_recorded(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    status, body = await ask(client, upstream, BODY)
    assert status == 200
    assert json.loads(body)["usage"]["total_tokens"] == 18
    (seen,) = upstream.requests
    assert seen.path == "/v1/chat/completions"
    assert seen.json == BODY
    assert seen.header("authorization") == "Bearer sk-of-the-provider"


async def test_the_queue_comes_first_then_the_models_name_then_the_default(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(refuse(500))
    named = {**BODY, "model": "vendor/refuse-429"}
    statuses = [(await ask(client, upstream, body))[0] for body in (named, named, BODY)]
    assert statuses == [500, 429, 200]


async def test_the_nodes_own_questions_are_kept_apart(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(refuse(500))
    async with client.get(f"{upstream.base_url}/models") as response:
        assert "good" in {model["id"] for model in (await response.json())["data"]}
    assert upstream.requests == []
    assert [seen.path for seen in upstream.questions] == ["/v1/models"]


async def test_a_stream_arrives_whole(client: aiohttp.ClientSession, upstream: Upstream) -> None:
    _, body = await ask(client, upstream, STREAM)
    assert body.endswith(b"data: [DONE]\n\n")
    assert b'"total_tokens": 18' in body


@pytest.mark.parametrize("body", [BODY, STREAM])
@pytest.mark.parametrize("play", ["dies-mid-stream", "closes-mid-stream", "hang-up", "reset"])
async def test_a_broken_answer_is_broken_for_the_client(
    client: aiohttp.ClientSession, upstream: Upstream, body: dict[str, Any], play: str
) -> None:
    with pytest.raises(aiohttp.ClientError):
        await ask(client, upstream, {**body, "model": play})


async def test_a_short_body_does_not_satisfy_its_length(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    with pytest.raises(aiohttp.ClientPayloadError):
        await ask(client, upstream, {**BODY, "model": "too-short"})


async def test_a_closed_upstream_refuses_connections_until_it_starts_again(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    address = upstream.base_url
    await upstream.close()
    with pytest.raises(aiohttp.ClientConnectorError):
        await ask(client, upstream, BODY)
    await upstream.start()
    assert upstream.base_url == address
    assert (await ask(client, upstream, BODY))[0] == 200


async def test_a_stream_can_be_held_in_hand(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    gate = asyncio.Event()
    upstream.next(chat(Reply(("one", "two")), Shape(gate=gate, gate_after=2)))
    url = f"{upstream.base_url}/chat/completions"
    async with client.post(url, json=STREAM) as response:
        first = await response.content.readuntil(b"one")
        assert first.endswith(b"one")
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0.1):
                await response.content.readuntil(b"two")
        gate.set()
        assert b"two" in await response.content.read()


async def test_a_client_that_leaves_is_noticed_even_while_nothing_is_said(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    upstream.next(late(60))
    asking = asyncio.create_task(ask(client, upstream, BODY))
    await asyncio.sleep(0.1)
    assert not upstream.exchanges[0].client_left
    asking.cancel()
    await asyncio.sleep(0.2)
    assert upstream.exchanges[0].client_left


async def test_an_endless_stream_ends_when_the_client_leaves(
    client: aiohttp.ClientSession, upstream: Upstream
) -> None:
    url = f"{upstream.base_url}/chat/completions"
    async with client.post(url, json={**STREAM, "model": "endless"}) as response:
        assert len(await response.content.readexactly(MIB)) == MIB
        response.close()
    await asyncio.sleep(0.2)
    assert upstream.exchanges[0].client_left


async def test_a_gzip_bomb_is_small_on_the_wire_and_valid(upstream: Upstream) -> None:
    upstream.next(gzip_bomb(mebibytes=8))
    async with (
        aiohttp.ClientSession(auto_decompress=False) as client,
        client.post(f"{upstream.base_url}/chat/completions", json=BODY) as response,
    ):
        packed = await response.read()
    unpacked = gzip.decompress(packed)
    assert len(packed) < MIB / 50
    assert len(unpacked) > 8 * MIB
    assert json.loads(unpacked)["usage"]["total_tokens"] == 18
