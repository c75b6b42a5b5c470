"""Nodes that crash, stop, start with the wrong key, or share a database."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from websockets.asyncio.client import ClientConnection, connect

from devkit.fault_proxy import FaultProxy
from devkit.faults import killing
from devkit.mint import Mint
from devkit.node import Node, settings
from devkit.payer import Payer
from devkit.prices import write_models
from devkit.processes import ServiceFailed
from devkit.upstream import Reply, Shape, chat
from devkit.upstream.realtime import Script, realtime
from routstr.money import Unit
from routstr.wallet.mint_types import ProofState
from tests.integration.money.house import (
    EXACT,
    EXACT_LIMIT,
    EXACT_MSAT,
    TALK_MSAT,
    TALKS,
    Client,
    House,
    open_house,
)

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SWAP = "/v1/swap"


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(mint: Mint) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(mint.url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, proxy: FaultProxy) -> AsyncIterator[House]:
    """A node of the test's own, whose mint is behind the proxy."""
    async with open_house(tmp_path, database_url, [proxy.url]) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
        assert house.leaks() == []


def crash(house: House) -> None:
    house.node.kill()


async def killed(house: House, call: asyncio.Task[object]) -> None:
    """Wait until the node is gone and the call with it."""
    async with asyncio.timeout(10):
        with pytest.raises(aiohttp.ClientError):
            await call
    assert not house.node.running


async def states(house: House) -> list[int]:
    return [row[0] for row in await house.rows("SELECT state FROM sagas ORDER BY id")]


async def until_recovered(house: House) -> None:
    """Recovery begins with the start; nobody asks for anything."""
    async with asyncio.timeout(10):
        while 0 in await states(house):  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.05)


async def test_a_node_killed_after_the_mint_has_swapped_recovers_the_deposit(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(21)
        proxy.reset()
        proxy.plan(SWAP, killing(lambda: crash(house), handled=True))
        await killed(house, asyncio.create_task(house.client.create(text)))
        assert await states(house) == [0]
        assert set(await payer.states(text)) == {ProofState.SPENT}

        proxy.reset()
        await house.node.restart()
        await until_recovered(house)
        assert SWAP not in {call.path for call in proxy.calls}, "what was signed is restored"
        again = await house.client.create(text)
        assert (again.json["balance"], again.json["credited"]) == (21_000, None)
        assert (await house.node.command("verify")).status == 0


@on_sqlite
async def test_a_node_killed_before_the_mint_has_heard_finishes_the_deposit(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(21)
        proxy.reset()
        proxy.plan(SWAP, killing(lambda: crash(house), handled=False))
        await killed(house, asyncio.create_task(house.client.chat(text)))
        assert set(await payer.states(text)) == {ProofState.UNSPENT}

        proxy.reset()
        await house.node.restart()
        await until_recovered(house)
        assert await house.client.balance(text) == (21_000, 0)
        assert set(await payer.states(text)) == {ProofState.SPENT}


@on_sqlite
async def test_a_node_killed_in_a_refund_gives_the_token_to_the_next_request(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        key = await house.client.new_key(await payer.token(24))
        await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
        proxy.reset()
        proxy.plan(SWAP, killing(lambda: crash(house), handled=True))
        await killed(house, asyncio.create_task(house.client.refund(key)))

        proxy.reset()
        await house.node.restart()
        refund = (await house.client.refund(key)).json
        assert (refund["sats"], refund["balance"]) == ("23", 1_000 - EXACT_MSAT)
        assert await payer.redeem(refund["token"]) == 23


@on_sqlite
async def test_a_node_killed_in_mid_stream_gives_what_was_held_back(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        key = await house.client.new_key(await payer.token(21))
    house.upstream.next(chat(shape=Shape(gate_after=2, gate=asyncio.Event())))
    running = asyncio.create_task(house.client.chat(key, stream=True))
    await house.client.wait_for_hold(key, held=True)
    house.node.kill()
    await killed(house, running)
    await house.node.restart()
    await house.client.wait_for_hold(key, held=False)
    assert await house.client.balance(key) == (21_000, 0)


async def conversation(house: House, key: str) -> ClientConnection:
    """A conversation inside a response that ends only when it is cancelled."""
    house.upstream.next(realtime(Script(stops="wait")))
    url = f"{house.node.base_url.replace('http', 'ws', 1)}/realtime?model={TALKS}"
    talk = await connect(url, additional_headers={"Authorization": f"Bearer {key}"})
    await talk.send('{"type":"response.create"}')
    while '"response.output_audio.delta"' not in str(await talk.recv()):
        pass
    return talk


async def test_a_node_told_to_stop_lets_a_stream_end_and_ends_a_conversation(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        key = await house.client.new_key(await payer.token(21))
        talking = await house.client.new_key(await payer.token(1_000))
    talk = await conversation(house, talking)
    gate = asyncio.Event()
    house.upstream.next(chat(Reply(words=(" word",) * 9), Shape(gate_after=3, gate=gate)))
    running = asyncio.create_task(house.client.chat(key, stream=True, max_tokens=9))
    await house.client.wait_for_hold(key, held=True)
    await asyncio.sleep(0.2)  # the first words are out
    stopping = asyncio.create_task(house.node.stop())
    await asyncio.sleep(0.5)
    assert not stopping.done()
    gate.set()
    reply = await running

    assert await stopping == 0, "exit status"
    await talk.wait_closed()
    assert talk.close_code == 1012
    assert reply.body.endswith(b"data: [DONE]\n\n")
    assert reply.body.count(b" word") == 9
    cost = next(
        json.loads(line[6:])["usage"]["cost"]["total_msats"]
        for line in reply.body.splitlines()
        if b'"cost"' in line
    )
    assert await house.rows("SELECT posted, held FROM accounts WHERE kind = 1 ORDER BY id") == [
        (21_000 - cost, 0),
        (1_000_000 - TALK_MSAT, 0),
    ], "the conversation's response was cancelled, heard out and charged"


@on_sqlite
async def test_the_wrong_or_a_lost_key_stops_the_start(house: House) -> None:
    await house.node.stop()
    file = Path(house.node.settings["ROUTSTR_SECRET_KEY_FILE"])
    right = change(file, "ab" * 32)
    for _ in range(2):
        with pytest.raises(ServiceFailed) as raised:
            await house.node.restart()
        last = str(raised.value)
        assert "does not belong to this database. Put back the key" in last
        assert "ab" * 32 not in last
        assert right.strip() not in last
        change(file, "")
    change(file, right)


def change(file: Path, text: str) -> str:
    """Write another key into the file, or remove it; returns what was there."""
    before = file.read_text() if file.exists() else ""
    file.unlink(missing_ok=True)
    if text:
        file.write_text(text)
        file.chmod(0o600)
    return before


@asynccontextmanager
async def two_nodes(folder: Path, url: str, mint: Mint) -> AsyncIterator[tuple[House, Client]]:
    """Two processes on one database, with a client of each."""
    async with open_house(folder, url, [mint.url]) as first:
        shared = {**first.node.settings, "LOG_DIR": str(folder / "second" / "logs")}
        second = await Node.start(folder / "second", shared, name="second node")
        try:
            yield first, Client(first.client._session, second.url)
        finally:
            await second.stop(grace_s=5)


async def test_two_nodes_share_one_database(tmp_path: Path, database_url: str, mint: Mint) -> None:
    async with two_nodes(tmp_path, database_url, mint) as (house, other), Payer(mint.url) as payer:
        one = house.client
        text = await payer.token(10 * EXACT_MSAT, Unit.MSAT)
        made = await asyncio.gather(
            *(client.create(text) for client in (one, other) for _ in range(4))
        )
        assert len({reply.json["api_key"] for reply in made}) == 1
        key = made[0].json["api_key"]
        assert await other.balance(key) == (10 * EXACT_MSAT, 0)

        replies = await asyncio.gather(
            *((one, other)[n % 2].chat(key, EXACT, max_tokens=EXACT_LIMIT) for n in range(30))
        )
        assert Counter(reply.status for reply in replies) == {200: 10, 402: 20}
        assert await one.balance(key) == await other.balance(key) == (0, 0)

        rich = await payer.token(50)
        assert (await other.topup(key, rich)).status == 200
        given = await asyncio.gather(*((one, other)[n % 2].refund(key) for n in range(6)))
        assert len({reply.json["token"] for reply in given}) == 1
        await payer.redeem(given[0].json["token"])
        outcome = await house.audit()
        assert outcome.holds, outcome.checks


async def test_nodes_can_be_born_together(tmp_path: Path, database_url: str, mint: Mint) -> None:
    """On an empty database each of them could be the one that makes the schema, key and seed."""
    models = write_models(tmp_path / "models.json", [EXACT])
    shared = {
        **settings(mints=[mint.url], upstream="http://127.0.0.1:9/v1", models=models),
        "DATABASE_URL": database_url,
        "ROUTSTR_SECRET_KEY_FILE": str(tmp_path / "routstr_secret.key"),
    }
    born = await asyncio.gather(
        *(Node.start(tmp_path / name, shared, healthy=False) for name in ("one", "two", "three")),
        return_exceptions=True,
    )
    ends = [await node.stop() for node in born if isinstance(node, Node)]
    assert ends == [0, 0, 0], born
