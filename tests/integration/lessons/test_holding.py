"""Lessons about money that is set aside for a request."""

import asyncio

from devkit.upstream import Reply, Shape, chat, silent
from routstr.errors import InsufficientBalance
from routstr.money import Unit
from tests.integration.lessons.conftest import Scene
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client

FAILING = ("refuse-500", "refuse-429", "html-error", "hang-up", "reset", "error-200")


async def test_issue_112_a_failed_request_gives_everything_back(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(1_000)
    for play in FAILING:
        for stream in (False, True):
            reply = await client.chat(key, play, stream=stream)
            assert reply.status >= 400, play
            assert await client.balance(key) == (1_000_000, 0), play
    assert [one["kind"] for one in await client.history(key)] == ["deposit"]


async def test_issue_314_a_provider_that_never_answers_costs_nothing(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(1_000)
    scene.house.upstream.next(silent())
    reply = await client.chat(key)
    assert reply.status == 504
    assert reply.json["error"]["type"] == "upstream_error"
    assert await client.balance(key) == (1_000_000, 0)


async def test_pr_597_a_hold_is_the_whole_price_and_bounds_the_charge(
    scene: Scene, client: Client
) -> None:
    """Nothing is set aside at a discount, and a provider that goes on costs the client no more."""
    key = await scene.key(EXACT_MSAT, Unit.MSAT)
    gate, babble = asyncio.Event(), Reply(words=(" more",) * 60, obey_limit=False)
    scene.house.upstream.next(chat(babble, Shape(gate=gate)))
    running = asyncio.create_task(client.chat(key, EXACT, max_tokens=EXACT_LIMIT))
    await client.wait_for_hold(key, held=True)
    held = await client.balance(key)
    second = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    gate.set()

    assert held == (0, EXACT_MSAT)
    assert second.error[2] == InsufficientBalance.code
    assert (await running).cost == EXACT_MSAT
    assert await client.balance(key) == (0, 0)
