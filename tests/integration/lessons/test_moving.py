"""Lessons about ecash between mints."""

import asyncio
import json

from devkit.faults import lost
from tests.integration.lessons.conftest import Scene

MELT, STATE = "/v1/melt/bolt11", "/v1/melt/quote/bolt11/"
_ALL_QUIET = (
    "SELECT (SELECT count(*) FROM sagas WHERE state = 0)"
    " + (SELECT count(*) FROM mint_swaps w JOIN mint_quotes q ON q.id = w.quote WHERE q.state <> 2)"
)


async def test_commit_d552868_an_interrupted_move_between_mints_strands_nothing(
    scene: Scene,
) -> None:
    gift = await scene.other.payer.token(600)
    given = await scene.client.call("POST", "/v1/balance/donate", json={"token": gift})
    assert given.status == 200, given.body
    before = [await scene.liquid(shop) for shop in (scene.other, scene.mint)]
    scene.other.proxy.plan(MELT, lost(handled=True), lasting=True)
    scene.other.proxy.plan(STATE, lost(handled=False), lasting=True)
    command = ("swap", "--from", scene.other.url, "--to", scene.mint.url, "--amount", "100")
    done = await scene.house.node.command("wallet", *command, "--json")
    assert (done.status, json.loads(done.output)["stage"]) == (1, "leaving")
    scene.other.proxy.reset()

    async with asyncio.timeout(60):
        while await scene.number(_ALL_QUIET):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.2)
    after = [await scene.liquid(shop) for shop in (scene.other, scene.mint)]
    assert after[1] == before[1] + 100
    assert 100 <= before[0] - after[0] <= 110, "the amount and what the payment cost"
    between = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 11"
    assert await scene.number(between) == 0
