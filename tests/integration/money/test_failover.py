"""Three providers under load: the first one dies, nobody loses anything, and it is taken back."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.prices import COMPLETION_MSAT, PRICING
from devkit.upstream import Shape, Upstream, chat, late
from tests.integration.money.house import Client, House, Reply, open_house

MODEL = "shared"
COST = 1 + 12 * 2 + 6 * COMPLETION_MSAT
PASSWORD = "correct horse"
STEADY = chat(shape=Shape(interval_s=0.01))


@dataclass
class Load:
    """Clients that ask again and again, one JSON answer and one stream in turn."""

    client: Client
    key: str
    going: bool = True
    replies: list[Reply] = field(default_factory=list)

    async def one(self) -> None:
        while self.going:
            for stream in (False, True):
                reply = await self.client.chat(self.key, MODEL, stream=stream, max_tokens=20)
                self.replies.append(reply)

    @property
    def costs(self) -> list[int]:
        return [cost for reply in self.replies for cost in told_costs(reply)]


def events(reply: Reply) -> list[dict[str, Any]]:
    lines = reply.body.decode().splitlines()
    return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]


def told_costs(reply: Reply) -> list[int]:
    """What an answer says that it cost: never nothing, never twice."""
    if reply.headers["Content-Type"].startswith("text/event-stream"):
        return [event["cost"]["total_msats"] for event in events(reply) if "cost" in event]
    return [int(reply.headers["x-routstr-cost-msats"])]


def models(folder: Path) -> Path:
    """The same model at three providers, the first one preferred by its place."""
    top = {"context_length": 8_192, "max_completion_tokens": 1_024}
    same = {"id": MODEL, "name": MODEL, "pricing": PRICING, "top_provider": top}
    data = [same, {**same, "provider": "second"}, {**same, "provider": "third"}]
    path = folder / "shared.json"
    path.write_text(json.dumps({"data": data}))
    return path


@asynccontextmanager
async def three(folder: Path, mint: Mint) -> AsyncIterator[tuple[House, dict[str, Upstream]]]:
    """A node with a provider of its settings, and two that the operator adds while it runs."""
    more = {
        "ADMIN_PASSWORD": PASSWORD,
        "MODELS_PATH": str(models(folder)),
        "UPSTREAM_NAME": "first",
        "UPSTREAM_REST_SECONDS": "0.5",
    }
    async with AsyncExitStack() as stack:
        url = f"sqlite:///{folder / 'routstr.db'}"
        house = await stack.enter_async_context(open_house(folder, url, [mint.url], more=more))
        played = {"first": house.upstream}
        for name in ("second", "third"):
            played[name] = await stack.enter_async_context(Upstream(STEADY))
            await add(house.client, name, played[name].base_url)
        house.upstream.default = STEADY
        yield house, played


async def add(client: Client, name: str, url: str) -> None:
    """Add a provider as the operator does over HTTP."""
    login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
    body = {"provider_type": "vllm", "slug": name, "base_url": url, "api_key": f"key-of-{name}"}
    token = login.json["token"]
    added = await client.call("POST", "/admin/api/upstream-providers", key=token, json=body)
    assert (added.status, added.json["api_key"]) == (200, "[REDACTED]"), added.body


async def until(load: Load, more: int) -> None:
    """Wait for so many further answers."""
    goal = len(load.replies) + more
    async with asyncio.timeout(60):
        while len(load.replies) < goal:  # noqa: ASYNC110 - of other tasks
            await asyncio.sleep(0.02)


async def test_the_first_of_three_dies_under_load_and_is_taken_back(
    tmp_path: Path, mints: dict[str, Mint], payers: dict[str, Payer]
) -> None:
    async with three(tmp_path, mints["mint"]) as (house, played):
        client = house.client
        await assert_paths(client)
        load = Load(client, await client.new_key(await payers["mint"].token(5_000)))
        before = sum(await client.balance(load.key))
        tasks = [asyncio.create_task(load.one()) for _ in range(4)]
        await until(load, 8)
        assert {len(played[name].requests) for name in ("second", "third")} == {0}

        played["first"].default = late(0.1, STEADY)  # so that some are under way when it dies
        await until(load, 4)
        await played["first"].close()
        died = len(load.replies)
        await until(load, 16)
        assert len(played["second"].requests) >= 10
        assert "provider_left_alone" in house.logged()

        asked = len(played["first"].requests)
        played["first"].default = STEADY
        await played["first"].start()
        async with asyncio.timeout(30):
            while len(played["first"].requests) < asked + 4:  # noqa: ASYNC110 - of a process
                await asyncio.sleep(0.02)
        load.going = False
        await asyncio.gather(*tasks)

        assert_nobody_noticed(load, died)
        await assert_books(house, load, before)
        assert house.leaks() == []
        assert "key-of-" not in house.logged()


async def assert_paths(client: Client) -> None:
    """Each provider can be asked for by its path, which shows no address of this machine."""
    (listed,) = (await client.call("GET", "/v1/models/paths")).json["data"]
    paths = {path["provider"]["slug"]: path["path"] for path in listed["paths"]}
    assert list(paths) == ["first", "second", "third"]
    assert all("127.0.0.1" not in path for path in paths.values())


def assert_nobody_noticed(load: Load, died: int) -> None:
    """All answers are good, but for streams that had begun when their provider died."""
    assert {reply.status for reply in load.replies} == {200}
    broken = [
        number
        for number, reply in enumerate(load.replies)
        if any("error" in event for event in events(reply))
    ]
    assert all(died - 1 <= number < died + 4 for number in broken), (broken, died)
    whole = [told_costs(reply) for at, reply in enumerate(load.replies) if at not in broken]
    assert whole == [[COST]] * len(whole)


async def assert_books(house: House, load: Load, before: int) -> None:
    """What was charged is what was told, once for each; nothing is held, and the books hold."""
    assert before - sum(await house.client.balance(load.key)) == sum(load.costs)
    assert len(load.costs) == len(load.replies)
    assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
    audit = await house.audit()
    assert audit.holds, [check for check in audit.checks if not check.holds]
