"""Several workers at one address: one is killed under load, all are told to stop."""

import asyncio
import json
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from tests.integration.money.house import QUESTION, House, open_house

pytestmark = pytest.mark.slow
WORKERS = 2
AT_ONCE = 16
STALE_S = 12
"""More than two heartbeats."""
FUNDS_MSAT = 50_000 * 1_000


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, mint: Mint) -> AsyncIterator[House]:
    more = {"INSTANCE_STALE_SECONDS": str(STALE_S)}
    async with open_house(tmp_path, database_url, [mint.url], more=more, workers=WORKERS) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
        assert house.leaks() == []


def workers(house: House) -> list[int]:
    boss = house.node.pid
    return [int(pid) for pid in Path(f"/proc/{boss}/task/{boss}/children").read_text().split()]


class Load:
    """Requests on connections of their own, so that the system deals them out."""

    def __init__(self, house: House, key: str) -> None:
        self._url = f"{house.node.url}/v1/chat/completions"
        self._headers = {"Authorization": f"Bearer {key}", "Connection": "close"}
        self.costs: list[int] = []
        self.seen: Counter[str] = Counter()

    async def ask(self, model: str) -> None:
        body = {"model": model, "messages": QUESTION, "max_tokens": 6}
        connector = aiohttp.TCPConnector(force_close=True)
        async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
            try:
                async with session.post(self._url, json=body, headers=self._headers) as answer:
                    told = await answer.json()
            except aiohttp.ClientError:
                self.seen["cut"] += 1
                return
        self.seen[str(answer.status)] += 1
        self.costs.append(told["usage"]["cost"]["total_msats"])

    async def together(self, model: str) -> None:
        await asyncio.gather(*(self.ask(model) for _ in range(AT_ONCE)))


def logged(house: House) -> list[dict[str, object]]:
    files = sorted((house.node.folder / "logs").glob("*"))
    return [json.loads(line) for file in files for line in file.read_text().splitlines()]


def serving(house: House) -> set[object]:
    return {line["worker"] for line in logged(house) if line["event"] == "api_request"}


async def eventually(house: House, event: str, times: int = 1) -> list[dict[str, object]]:
    async with asyncio.timeout(30):
        while True:
            found = [line for line in logged(house) if line["event"] == event]
            if len(found) >= times:
                return found
            await asyncio.sleep(0.1)


async def test_a_killed_worker_is_replaced_and_what_it_held_comes_back(
    house: House, mint: Mint
) -> None:
    await eventually(house, "started", WORKERS)
    async with Payer(mint.url) as payer:
        key = await house.client.new_key(await payer.token(50_000))
    load = Load(house, key)
    await load.together("good")
    await asyncio.sleep(0.3)  # log lines are written ten times a second
    assert load.seen == {"200": AT_ONCE}
    assert serving(house) == {1, 2}

    victim, survivor = workers(house)
    under_way = asyncio.create_task(load.together("slow"))
    await asyncio.sleep(0.5)
    os.kill(victim, signal.SIGKILL)
    await asyncio.gather(load.together("good"), under_way)  # whoever comes now is served
    assert 0 < load.seen["cut"] < AT_ONCE
    assert load.seen == {"200": 3 * AT_ONCE - load.seen["cut"], "cut": load.seen["cut"]}

    (death,) = await eventually(house, "worker_died")
    assert (death["status"], death["restarts"]) == (-signal.SIGKILL, 1)
    await eventually(house, "started", WORKERS + 1)
    assert survivor in workers(house)
    assert victim not in workers(house)
    await load.together("good")
    async with asyncio.timeout(3 * STALE_S):
        while (await house.client.balance(key))[1]:  # noqa: ASYNC110 - of other processes
            await asyncio.sleep(0.5)
    assert await house.client.balance(key) == (FUNDS_MSAT - sum(load.costs), 0)

    whole = asyncio.create_task(load.together("slow"))
    await asyncio.sleep(0.5)
    assert await house.node.stop() == 0
    await whole
    assert load.seen["200"] == 5 * AT_ONCE - load.seen["cut"]
    (end,) = await eventually(house, "workers_stopped")
    assert end["failed"] is False
