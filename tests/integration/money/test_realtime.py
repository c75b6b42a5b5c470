"""Conversations at a real node, by OpenAI's own client: every end of one is paid to the msat."""

import asyncio
from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import AsyncOpenAI
from websockets.asyncio.client import connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from devkit.prices import (
    AUDIO_INPUT_MSAT,
    AUDIO_OUTPUT_MSAT,
    COMPLETION_MSAT,
)
from devkit.upstream.realtime import PAUSE, Script, realtime
from tests.integration.money.conftest import Purse
from tests.integration.money.house import BODY_BYTES_MAX, TALK_MSAT, TALKS, Client, House

WORST_MSAT = 4_096 * AUDIO_INPUT_MSAT + 1_024 * AUDIO_OUTPUT_MSAT + 1
DEPOSIT_MSAT = 1_000_000
MANUAL: Any = {"type": "realtime", "audio": {"input": {"turn_detection": None}}}
SOUND = b64encode(b"\x00" * 4_800).decode()
SPEECH = b64encode(b"\x00" * 4_795 + PAUSE).decode()


@pytest_asyncio.fixture(loop_scope="session")
async def key(purse: Purse, client: Client) -> str:
    return await client.new_key(await purse.token(DEPOSIT_MSAT // 1_000))


@pytest_asyncio.fixture(loop_scope="session")
async def openai(house: House, key: str) -> AsyncIterator[AsyncOpenAI]:
    async with AsyncOpenAI(base_url=house.node.base_url, api_key=key, max_retries=0) as sdk:
        yield sdk


async def _gather(talk: Any, events: list[Any]) -> None:
    while True:
        events.append(await talk.recv())


async def spent(client: Client, key: str, number: int) -> None:
    """So many responses were paid for, and nothing is held any more."""
    await client.wait_for_hold(key, held=False)
    assert await client.balance(key) == (DEPOSIT_MSAT - number * TALK_MSAT, 0)
    charges = [row for row in await client.history(key) if row["amount"] < 0]
    assert [row["amount"] for row in charges] == [-TALK_MSAT] * number


async def test_openai_realtime(openai: AsyncOpenAI, client: Client, key: str) -> None:
    said, usage = "", None
    async with openai.realtime.connect(model=TALKS) as talk:
        await talk.session.update(session=MANUAL)
        await talk.conversation.item.create(
            item={
                "type": "message",
                "role": "user",
                "content": [{"type": "input_text", "text": "Say something."}],
            }
        )
        await talk.response.create()
        async for event in talk:
            if event.type == "response.output_audio_transcript.delta":
                said += event.delta
            if event.type == "response.done":
                usage = event.response.usage
                break
        assert said == "This is a played answer."
        told: Any = usage
        assert told.cost["total_msats"] == TALK_MSAT
        assert told.remaining_balance_msats == DEPOSIT_MSAT - TALK_MSAT
        # somebody speaks, and the response begins by itself
        await talk.session.update(
            session={
                "type": "realtime",
                "audio": {"input": {"turn_detection": {"type": "server_vad"}}},
            }
        )
        await talk.input_audio_buffer.append(audio=SOUND)
        assert (await client.balance(key))[1] in {0, WORST_MSAT}
        await talk.input_audio_buffer.append(audio=SPEECH)
        async for event in talk:
            if event.type == "response.done":
                break
        assert (await client.balance(key))[1] >= WORST_MSAT, "the next one is held for"
    await spent(client, key, 2)


async def test_a_client_that_vanishes_pays_for_its_response(
    house: House, client: Client, key: str
) -> None:
    house.upstream.next(realtime(script := Script(stops="wait")))
    url = f"{house.node.base_url.replace('http', 'ws', 1)}/realtime?model={TALKS}"
    async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as talk:
        await talk.send('{"type":"response.create"}')
        async for event in talk:
            if '"response.output_audio.delta"' in str(event):
                break
        talk.transport.abort()
    await spent(client, key, 1)
    assert script.heard[-1]["type"] == "response.cancel"


async def test_a_provider_that_vanishes_is_paid_for_what_was_seen(
    house: House, openai: AsyncOpenAI, client: Client, key: str
) -> None:
    house.upstream.next(realtime(Script(stops="cut")))
    events: list[Any] = []
    async with openai.realtime.connect(model=TALKS) as talk:
        await talk.response.create()
        with pytest.raises(ConnectionClosed) as closed:
            await _gather(talk, events)
    assert closed.value.rcvd is not None
    told = closed.value.rcvd.code, closed.value.rcvd.reason
    assert told == (4502, "upstream_unreachable")
    assert events[-1].error.code == "upstream_unreachable"
    await client.wait_for_hold(key, held=False)
    seen = 1 + 6 * COMPLETION_MSAT + 2 * AUDIO_OUTPUT_MSAT
    assert await client.balance(key) == (DEPOSIT_MSAT - seen, 0)


async def test_a_token_for_one_request_opens_no_conversation(house: House, purse: Purse) -> None:
    url = f"{house.node.base_url.replace('http', 'ws', 1)}/realtime?model={TALKS}"
    token = await purse.token(100)
    house.client.secrets.add(token)
    with pytest.raises(InvalidStatus) as refused:
        await connect(url, additional_headers={"X-Cashu": token})
    assert refused.value.response.status_code == 400
    assert b"a conversation is many" in refused.value.response.body


async def test_s22_an_event_that_is_too_large_ends_it(
    house: House, client: Client, key: str
) -> None:
    url = f"{house.node.base_url.replace('http', 'ws', 1)}/realtime?model={TALKS}"
    async with connect(url, additional_headers={"Authorization": f"Bearer {key}"}) as talk:
        await talk.send(f'{{"type":"{"x" * BODY_BYTES_MAX}"}}')
        with pytest.raises(ConnectionClosed) as closed:
            await _gather(talk, [])
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1009
    await spent(client, key, 0)


async def test_a_browser_brings_its_key_as_a_subprotocol(
    house: House, client: Client, key: str
) -> None:
    url = f"{house.node.base_url.replace('http', 'ws', 1)}/realtime?model={TALKS}"
    protocols: Any = ["realtime", f"openai-insecure-api-key.{key}"]
    async with connect(url, subprotocols=protocols) as talk:
        assert talk.subprotocol == "realtime"
        await talk.send('{"type":"response.create"}')
        async with asyncio.timeout(10):
            while '"response.done"' not in str(await talk.recv()):
                pass
    await spent(client, key, 1)
