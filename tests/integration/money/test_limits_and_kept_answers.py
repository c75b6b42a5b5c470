"""A node with limits and kept answers in a real Redis server, as the official SDK sees it."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, Literal

import pytest
import pytest_asyncio
from openai import AsyncOpenAI, RateLimitError

from devkit.mint import Mint
from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.redis import RedisServer
from devkit.upstream import silent
from tests.integration.money.conftest import Purse
from tests.integration.money.house import QUESTION, House, open_house

COST = 1 + 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT
PERCENT = 25
SHARE = -(-COST * PERCENT // 100)
DEPOSIT_MSAT = 100_000
REQUESTS = 6


@pytest_asyncio.fixture(loop_scope="session")
async def redis(tmp_path: Path) -> AsyncIterator[RedisServer]:
    server = await RedisServer.start(tmp_path / "redis")
    yield server
    server.kill()


@pytest_asyncio.fixture(loop_scope="session")
async def house(mint: Mint, redis: RedisServer, tmp_path: Path) -> AsyncIterator[House]:
    own = {
        "REDIS_URL": redis.url,
        "KEY_REQUESTS_PER_MINUTE": str(REQUESTS),
        "KEY_CONCURRENCY_MAX": "1",
        "ADDRESS_REQUESTS_PER_MINUTE": "100",
        "RESPONSE_CACHE_SECONDS": "600",
        "RESPONSE_CACHE_PERCENT": str(PERCENT),
    }
    database = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, database, [mint.url], more=own) as house:
        yield house
        assert house.leaks() == []


async def say(sdk: AsyncOpenAI, *, temperature: Literal[0, 1] = 0) -> Any:
    """The answer and its headers."""
    raw = await sdk.chat.completions.with_raw_response.create(
        model="good",
        messages=QUESTION,  # type: ignore[arg-type]
        temperature=temperature,
    )
    return raw.parse(), raw.headers


async def test_limits_and_kept_answers(house: House, purse: Purse, redis: RedisServer) -> None:
    key, other = [
        await house.client.new_key(await purse.token(DEPOSIT_MSAT // 1_000)) for _ in range(2)
    ]
    async with AsyncOpenAI(base_url=house.node.base_url, api_key=key, max_retries=0) as sdk:
        await the_same_answer_for_a_share(house, sdk, key)
        # somebody else's answer is somebody else's
        assert (await house.client.chat(other, temperature=0)).cost == COST
        assert len(house.upstream.requests) == 2
        await one_at_once(house, sdk, key)
        await so_many_in_a_minute(house, sdk, key)
        # without the server nobody is limited, and nothing is kept
        redis.kill()
        left, _ = await house.client.balance(key)
        _, told = await say(sdk)
        assert "x-routstr-cache" not in told
        assert await house.client.balance(key) == (left - COST, 0)
    assert "rate_limits_away" in house.logged()
    outcome = await house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]
    assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]


async def the_same_answer_for_a_share(house: House, sdk: AsyncOpenAI, key: str) -> None:
    first, told = await say(sdk)
    assert told["x-ratelimit-limit-requests"] == str(REQUESTS)
    assert told["x-ratelimit-remaining-requests"] == str(REQUESTS - 1)
    again, told = await say(sdk)
    assert told["x-routstr-cache"] == "hit"
    assert again.choices == first.choices
    assert again.usage.cost["total_msats"] == SHARE
    assert await house.client.balance(key) == (DEPOSIT_MSAT - COST - SHARE, 0)


async def one_at_once(house: House, sdk: AsyncOpenAI, key: str) -> None:
    house.upstream.next(silent())
    slow = asyncio.create_task(say(sdk, temperature=1))
    await house.client.wait_for_hold(key, held=True)
    with pytest.raises(RateLimitError) as refused:
        await say(sdk)
    assert refused.value.code == "concurrency_limit_exceeded"
    slow.cancel()
    await asyncio.gather(slow, return_exceptions=True)
    await house.client.wait_for_hold(key, held=False)


async def so_many_in_a_minute(house: House, sdk: AsyncOpenAI, key: str) -> None:
    left, _ = await house.client.balance(key)
    refused: RateLimitError | None = None
    for _ in range(REQUESTS):
        try:
            await say(sdk)
        except RateLimitError as error:
            refused = error
            break
        left -= SHARE
    assert refused is not None
    assert (refused.type, refused.code) == ("rate_limit_error", "rate_limit_exceeded")
    wait = int(refused.response.headers["retry-after"])
    assert 0 < wait <= 60
    assert refused.response.headers["x-ratelimit-reset-requests"] == f"{wait}s"
    assert await house.client.balance(key) == (left, 0)
