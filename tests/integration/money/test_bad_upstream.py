"""Providers that refuse, fall silent, die or lie: bounded by the hold, and told as it was."""

import json
from collections.abc import Iterator

import pytest
import pytest_asyncio

from devkit.payer import Payer
from devkit.upstream import PLAYS
from tests.integration.money.conftest import on_sqlite
from tests.integration.money.house import Client, House, Reply

pytestmark = on_sqlite

LIMIT = 20
SLOW = {"slow"}  # a second of nothing that is not known already


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def key(sqlite_house: House, payers: dict[str, Payer]) -> str:
    """One key for all: each test looks at what it lost."""
    return await sqlite_house.client.new_key(await payers["mint"].token(5_000))


def events(reply: Reply) -> Iterator[dict[str, object]]:
    for line in reply.body.decode().splitlines():
        if line.startswith("data: {"):
            yield json.loads(line.removeprefix("data: "))


def told_cost(reply: Reply) -> int | None:
    """What the answer says that it cost, wherever that stands."""
    if reply.headers["Content-Type"].startswith("text/event-stream"):
        told = [event["cost"] for event in events(reply) if "cost" in event]
        assert len(told) <= 1
        return int(told[0]["total_msats"]) if told else None  # type: ignore[index]
    cost = reply.headers.get("x-routstr-cost-msats")
    return None if cost is None else int(cost)


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("play", sorted(set(PLAYS) - SLOW))
async def test_whatever_a_provider_does_the_client_loses_what_it_is_told(
    client: Client, key: str, play: str, stream: bool
) -> None:
    before, _ = await client.balance(key)
    reply = await client.chat(key, play, stream=stream, max_tokens=LIMIT)
    after, reserved = await client.balance(key)

    assert reserved == 0
    lost = before - after
    if reply.status != 200:
        assert lost == 0
        assert reply.json["error"]["type"] == "upstream_error"
    else:
        assert told_cost(reply) == lost
        assert 0 < lost <= 1 + 2 * 200 + 8 * LIMIT


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        ("refuse-400", 400, "upstream_rejected"),
        ("refuse-401", 502, "upstream_request_failed"),
        ("refuse-403", 403, "upstream_rejected"),
        ("refuse-404", 404, "upstream_rejected"),
        ("refuse-429", 429, "UPSTREAM_RATE_LIMIT"),
        ("refuse-500", 500, "upstream_rejected"),
        ("refuse-503", 503, "upstream_rejected"),
        ("html-error", 502, "upstream_rejected"),
        ("silent", 504, "upstream_timeout"),
        ("hang-up", 502, "upstream_unreachable"),
        ("reset", 502, "upstream_unreachable"),
        ("error-200", 502, "upstream_rejected"),
    ],
)
async def test_a_provider_that_does_not_answer_is_told_and_costs_nothing(
    client: Client, key: str, play: str, status: int, code: str
) -> None:
    before = await client.balance(key)
    reply = await client.chat(key, play)
    assert reply.error == (status, "upstream_error", code)
    assert "Nothing was charged" in reply.message
    assert await client.balance(key) == before
    assert "sk-played" not in reply.body.decode(), "a provider's words may hold its key"


async def test_a_provider_that_is_away_is_told_and_costs_nothing(
    house: House, client: Client, key: str
) -> None:
    before = await client.balance(key)
    await house.upstream.close()
    try:
        reply = await client.chat(key)
    finally:
        await house.upstream.start()
    assert reply.error == (502, "upstream_error", "upstream_unreachable")
    assert await client.balance(key) == before
    assert (await client.chat(key)).status == 200


@pytest.mark.parametrize("lie", ["negative", "huge", "nan", "text", "list"])
async def test_a_provider_that_lies_about_usage_is_not_believed(
    client: Client, key: str, lie: str
) -> None:
    reply = await client.chat(key, f"usage-{lie}", max_tokens=LIMIT)
    usage = reply.json["usage"]
    assert 0 < usage["prompt_tokens"] < 200
    assert 0 < usage["completion_tokens"] <= LIMIT
    assert reply.json["metadata"]["routstr"]["estimated"] is True
