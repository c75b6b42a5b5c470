import signal
from collections.abc import AsyncIterator

import aiohttp
import pytest

from devkit.node import Node, StartNode
from devkit.payer import Payer
from devkit.prices import COMPLETION_MSAT, PROMPT_MSAT
from devkit.upstream import Upstream

pytestmark = pytest.mark.mint
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)

BODY = {"model": "good", "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 6}
COST = 12 * PROMPT_MSAT + 6 * COMPLETION_MSAT + 1  # 1 msat is the least price of a request


@pytest.fixture
async def client(payer: Payer) -> AsyncIterator[aiohttp.ClientSession]:
    """A client whose key is fresh ecash of 64 sat."""
    headers = {"Authorization": f"Bearer {await payer.token(64)}"}
    async with aiohttp.ClientSession(headers=headers) as session:
        yield session


@pytest.fixture
def real_on_sqlite(database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """On SQLite the very commands are run that people run; on PostgreSQL they are forked."""
    if database_url.startswith("sqlite"):
        monkeypatch.delenv("DEVKIT_NURSERIES", raising=False)


async def balance(client: aiohttp.ClientSession, node: Node) -> int:
    async with client.get(f"{node.base_url}/balance/info") as response:
        return int((await response.json())["balance"])


@pytest.mark.usefixtures("real_on_sqlite")
async def test_a_node_sells_the_played_upstream_and_survives_a_crash(
    start_node: StartNode, upstream: Upstream, client: aiohttp.ClientSession
) -> None:
    node = await start_node()
    async with client.post(f"{node.base_url}/chat/completions", json=BODY) as response:
        answer = await response.json()
    assert answer["usage"]["cost"]["total_msats"] == COST
    assert upstream.requests[0].header("authorization") == "Bearer sk-of-the-provider"
    assert await balance(client, node) == 64_000 - COST
    assert node.kill() == -signal.SIGKILL
    await node.restart()
    assert await balance(client, node) == 64_000 - COST
    assert (await node.command("verify")).status == 0
    assert await node.stop() == 0


@on_sqlite
async def test_two_nodes_share_one_database(
    start_node: StartNode, client: aiohttp.ClientSession
) -> None:
    first, second = await start_node(), await start_node()
    assert await balance(client, first) == 64_000
    assert await balance(client, second) == 64_000


@on_sqlite
async def test_a_node_without_its_provider_runs_but_is_not_healthy(
    start_node: StartNode, upstream: Upstream, client: aiohttp.ClientSession
) -> None:
    await upstream.close()
    node = await start_node(healthy=False)
    async with client.get(f"{node.url}/health") as response:
        assert response.status == 503
    await upstream.start()
    await node.wait_healthy()
