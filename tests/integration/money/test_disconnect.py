"""Clients that hang up in mid-stream pay for what was served, and nothing stays held."""

import asyncio

import aiohttp
import pytest

from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import Reply, Shape, chat
from tests.integration.money.conftest import Purse
from tests.integration.money.house import QUESTION, Client, House

WORDS = tuple(f" word{n}" for n in range(40))


async def cut_after_the_first_chunk(house: House, key: str) -> bytes:
    """Read one piece of a stream and hang up; returns the piece."""
    async with aiohttp.ClientSession(trust_env=False) as session:
        response = await session.post(
            f"{house.node.base_url}/chat/completions",
            headers={"Authorization": f"Bearer {key}"},
            json={"model": "good", "messages": QUESTION, "stream": True, "max_tokens": 40},
        )
        assert response.status == 200
        first: bytes = await response.content.readany()
        response.close()
    return first


async def test_a_cut_stream_is_charged_as_reported_when_the_provider_finishes(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(100))
    gate = asyncio.Event()
    house.upstream.next(chat(Reply(words=WORDS), Shape(gate_after=3, gate=gate)))
    first = await cut_after_the_first_chunk(house, key)
    assert b"data: " in first
    gate.set()
    await client.wait_for_hold(key, held=False)
    left, _ = await client.balance(key)
    assert left == 100_000 - (1 + 12 * PROMPT_MSAT + 40 * COMPLETION_MSAT)


async def test_a_cut_stream_is_charged_by_estimate_when_the_provider_does_not(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(100))
    gate = asyncio.Event()  # never opened: the node gives up after DISCONNECT_DRAIN_SECONDS
    house.upstream.next(chat(Reply(words=WORDS), Shape(gate_after=10, gate=gate)))
    await cut_after_the_first_chunk(house, key)
    await client.wait_for_hold(key, held=False)
    (charge,) = [one for one in await client.history(key) if one["kind"] == "charge"]
    served = -charge["amount"]
    full = 1 + 12 * PROMPT_MSAT + 40 * COMPLETION_MSAT
    assert COMPLETION_MSAT * 5 <= served < full, "for about nine words, not for forty"
    assert await client.balance(key) == (100_000 - served, 0)


@pytest.mark.parametrize("moment", ["before the answer", "at once"])
async def test_who_leaves_before_the_first_byte_leaves_no_hold(
    house: House, client: Client, purse: Purse, moment: str
) -> None:
    key = await client.new_key(await purse.token(100))
    gate = asyncio.Event()
    house.upstream.next(chat(shape=Shape(gate=gate)))
    asking = asyncio.create_task(client.chat(key, stream=True))
    if moment == "before the answer":
        await client.wait_for_hold(key, held=True)
    else:
        await asyncio.sleep(0)
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    await asyncio.sleep(0.1)
    gate.set()
    await client.wait_for_hold(key, held=False)
    left, reserved = await client.balance(key)
    assert reserved == 0
    assert 100_000 - left <= 1 + 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT


async def test_many_cut_streams_leave_the_books_in_order(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(1_000))
    gate = asyncio.Event()
    house.upstream.next(
        *(chat(Reply(words=WORDS), Shape(gate_after=3, gate=gate)) for _ in "12345678")
    )
    await asyncio.gather(*(cut_after_the_first_chunk(house, key) for _ in range(8)))
    gate.set()
    await client.wait_for_hold(key, held=False)
    info = (await client.info(key)).json
    exact = 8 * (1 + 12 * PROMPT_MSAT + 40 * COMPLETION_MSAT)
    assert (info["total_spent"], info["total_requests"]) == (exact, 8)
    assert info["balance"] == 1_000_000 - exact
