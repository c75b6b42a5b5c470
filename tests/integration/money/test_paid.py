"""A paid completion through the official SDK: what it says it cost is what the balance lost."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from openai import APIStatusError, AsyncOpenAI
from openai.types.chat import ChatCompletionUserMessageParam

from devkit.prices import CACHE_READ_MSAT, COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import Reply, Shape, chat
from routstr.errors import InsufficientBalance
from tests.integration.money.conftest import Purse
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, QUESTION, Client, House

_QUESTION = ChatCompletionUserMessageParam(role="user", content="Say something.")
USUAL_MSAT = 1 + 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT


@pytest_asyncio.fixture(loop_scope="session")
async def text(purse: Purse) -> str:
    return await purse.token(100)


@pytest_asyncio.fixture(loop_scope="session")
async def sdk(house: House, text: str) -> AsyncIterator[AsyncOpenAI]:
    """The official SDK as anybody would set it up, with a token as its key."""
    house.client.secrets.add(text)
    async with AsyncOpenAI(base_url=house.node.base_url, api_key=text, max_retries=0) as client:
        yield client


def ask(sdk: AsyncOpenAI, **more: Any) -> Any:
    return sdk.chat.completions.create(model="good", messages=[_QUESTION], **more)


def told(usage: Any) -> int:
    return int(usage.cost["total_msats"])


async def test_a_plain_completion_costs_what_it_says(
    sdk: AsyncOpenAI, client: Client, text: str
) -> None:
    answer = await ask(sdk)
    assert answer.choices[0].message.content == "This is a played answer."
    assert (answer.usage.prompt_tokens, answer.usage.completion_tokens) == (12, 6)
    assert told(answer.usage) == USUAL_MSAT
    assert answer.usage.remaining_balance_msats == 100_000 - USUAL_MSAT
    assert await client.balance(text) == (100_000 - USUAL_MSAT, 0)


async def test_a_streamed_completion_costs_what_it_says(
    sdk: AsyncOpenAI, client: Client, text: str
) -> None:
    said, usage = "", None
    async for chunk in await ask(sdk, stream=True):
        said += "".join(choice.delta.content or "" for choice in chunk.choices)
        usage = chunk.usage or usage
    balance = await client.balance(text)  # right after the last byte
    assert said == "This is a played answer."
    assert told(usage) == USUAL_MSAT
    assert balance == (100_000 - USUAL_MSAT, 0)


async def test_every_request_is_charged_and_told_its_part(
    sdk: AsyncOpenAI, client: Client, text: str
) -> None:
    await client.info(text)
    costs = [told((await ask(sdk)).usage) for _ in range(2)]
    answers = await asyncio.gather(*(ask(sdk) for _ in range(10)))
    costs += [told(answer.usage) for answer in answers]
    info = (await client.info(text)).json
    assert info["balance"] == 100_000 - sum(costs)
    assert (info["total_spent"], info["total_requests"], info["reserved"]) == (sum(costs), 12, 0)


async def test_many_first_requests_redeem_the_token_once(
    sdk: AsyncOpenAI, client: Client, text: str
) -> None:
    answers = await asyncio.gather(*(ask(sdk) for _ in range(10)))
    spent = sum(told(answer.usage) for answer in answers)
    assert await client.balance(text) == (100_000 - spent, 0)


async def test_cached_tokens_cost_their_own_price(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(100))
    usage = {
        "prompt_tokens": 12,
        "completion_tokens": 6,
        "total_tokens": 18,
        "prompt_tokens_details": {"cached_tokens": 8},
    }
    house.upstream.next(chat(Reply(usage=usage)))
    paid = await client.chat(key)
    exact = 1 + 4 * PROMPT_MSAT + 8 * CACHE_READ_MSAT + 6 * COMPLETION_MSAT
    assert paid.cost == exact
    assert await client.balance(key) == (100_000 - exact, 0)


@pytest.mark.parametrize("stream", [False, True])
async def test_the_balance_after_the_last_byte_includes_the_charge(
    client: Client, purse: Purse, stream: bool
) -> None:
    key = await client.new_key(await purse.token(10))
    for count in range(1, 6):
        reply = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT, stream=stream)
        assert reply.status == 200
        assert await client.balance(key) == (10_000 - count * EXACT_MSAT, 0)


async def test_headers_and_body_tell_the_same_cost(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(10))
    paid = await client.chat(key)
    parts = paid.json["usage"]["cost"]
    assert paid.headers["x-routstr-cost-msats"] == str(paid.cost)
    assert parts["input_msats"] == 12 * PROMPT_MSAT
    assert parts["output_msats"] == 6 * COMPLETION_MSAT
    assert sum(parts[name] for name in ("base_msats", "input_msats", "output_msats")) == paid.cost
    assert paid.json["metadata"]["routstr"]["cost"]["total_msats"] == paid.cost


async def test_the_providers_key_and_the_clients_never_meet(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(10))
    await client.chat(key)
    seen = house.upstream.requests[-1]
    assert seen.header("authorization") == "Bearer sk-of-the-provider"
    assert key.encode() not in seen.body
    assert key not in str(seen.headers)


async def test_hop_by_hop_headers_end_here(house: House, client: Client, purse: Purse) -> None:
    """S7: also those that Connection names; cookies and addresses go no further either."""
    key = await client.new_key(await purse.token(10))
    headers = {
        "Connection": "keep-alive, X-Hop",
        "X-Hop": "1",
        "TE": "trailers",
        "Keep-Alive": "timeout=5",
        "Proxy-Authorization": "Basic c2VjcmV0",
        "Cookie": "session=1",
        "X-Forwarded-For": "192.0.2.7",
        "X-Title": "a title",
    }
    body = {"model": "good", "messages": QUESTION}
    reply = await client.call("POST", "/v1/chat/completions", key=key, headers=headers, json=body)
    assert reply.status == 200
    passed = {name.lower() for name, _ in house.upstream.requests[-1].headers}
    assert "x-title" in passed
    assert not passed & {name.lower() for name in headers if name not in {"X-Title", "Connection"}}
    assert (house.upstream.requests[-1].header("connection") or "keep-alive") == "keep-alive"


async def test_a_key_without_money_is_told_how_much_is_missing(
    house: House, sdk: AsyncOpenAI, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(1))
    asked = len(house.upstream.requests)
    reply = await client.chat(key, max_tokens=1_000)
    details = reply.json["error"]["details"]
    assert reply.error == (402, "insufficient_quota", "insufficient_balance")
    assert details["available"] == 1_000
    assert details["required"] - details["available"] == details["shortfall"] > 0
    assert reply.headers["Cache-Control"] == "no-store"
    with pytest.raises(APIStatusError) as raised:
        await ask(sdk.with_options(api_key=key), max_tokens=1_000)
    assert (raised.value.status_code, raised.value.code) == (402, InsufficientBalance.code)
    assert len(house.upstream.requests) == asked
    assert await client.balance(key) == (1_000, 0)

    await client.topup(key, await purse.token(-(-details["shortfall"] // 1_000)))
    assert (await client.chat(key, max_tokens=1_000)).status == 200, "the shortfall is enough"


async def test_an_answer_that_is_late_is_held_and_then_charged(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(100))
    gate = asyncio.Event()
    house.upstream.next(chat(shape=Shape(gate=gate)))
    running = asyncio.create_task(client.chat(key))
    await client.wait_for_hold(key, held=True)
    available, reserved = await client.balance(key)
    assert available + reserved == 100_000
    assert reserved >= USUAL_MSAT
    gate.set()
    assert (await running).cost == USUAL_MSAT
    assert await client.balance(key) == (100_000 - USUAL_MSAT, 0)
