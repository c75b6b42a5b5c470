"""A token for one request while mints and nodes fail: answered all the same, and never lost."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.fault_proxy import FaultProxy
from devkit.faults import broken, killing, lost
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import Shape, chat
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, Reply, open_house
from tests.integration.money.test_restart import crash, killed, until_recovered
from tests.integration.money.test_restart import two_nodes as two_nodes_on

on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SWAP, STATES, RESTORE = "/v1/swap", "/v1/checkstate", "/v1/restore"


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(mint: Mint) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(mint.url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def payer(proxy: FaultProxy) -> AsyncIterator[Payer]:
    async with Payer(proxy.url) as payer:
        yield payer


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, proxy: FaultProxy) -> AsyncIterator[House]:
    """A node of the test's own, whose mint is behind the proxy."""
    async with open_house(tmp_path, database_url, [proxy.url]) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
        assert house.leaks() == []


async def new_token(payer: Payer, proxy: FaultProxy) -> str:
    """24 sat, of which change cannot be made without the mint."""
    text = await payer.token(24)
    proxy.reset()
    return text


async def pay(house: House, text: str, *, stream: bool = False) -> Reply:
    return await house.client.pay(text, EXACT, max_tokens=EXACT_LIMIT, stream=stream)


async def claimed(house: House, text: str) -> Reply:
    """Ask until it is no longer pending, as a client would: there is nothing else to wait for."""
    async with asyncio.timeout(30):
        while (reply := await house.client.claim(text)).status in {425, 503}:  # noqa: ASYNC110 - see above
            await asyncio.sleep(0.2)
    assert reply.status == 200, reply.body
    return reply


async def test_the_mint_is_asked_for_the_deposit_and_for_the_change_and_no_more(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    await pay(house, await new_token(payer, proxy))  # learns the keysets
    text = await new_token(payer, proxy)
    reply = await pay(house, text)
    assert [call.path for call in proxy.calls] == [STATES, SWAP, SWAP]
    assert await payer.redeem(reply.headers["X-Cashu"]) == 23


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_a_mint_that_is_away_at_the_change_spoils_no_answer(
    house: House, proxy: FaultProxy, payer: Payer, stream: bool
) -> None:
    text = await new_token(payer, proxy)
    for path, number in ((SWAP, 2), (STATES, 2), (RESTORE, 1)):
        proxy.plan(path, broken(handled=False, status=503), number=number, lasting=True)
    reply = await pay(house, text, stream=stream)
    assert reply.status == 200
    assert b'"change_pending":true' in reply.body
    assert b'"unrefunded_msats":%d' % (24_000 - EXACT_MSAT) in reply.body
    assert ("X-Routstr-Change" in reply.headers) is not stream
    assert "X-Cashu" not in reply.headers

    assert (await house.client.claim(text)).status in {425, 503}
    proxy.reset()
    claim = await claimed(house, text)
    assert (claim.json["sats"], claim.json["balance"]) == ("23", 1_000 - EXACT_MSAT)
    assert await payer.redeem(claim.json["token"]) == 23


async def test_an_answer_of_the_mint_that_is_lost_at_the_change_loses_nothing(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    proxy.plan(SWAP, lost(handled=True), number=2)
    proxy.plan(RESTORE, lost(handled=False), lasting=True)
    reply = await pay(house, text)
    assert reply.headers["X-Routstr-Change"] == "pending"
    waiting = await house.client.claim(text)
    assert (waiting.status, waiting.headers["Retry-After"]) == (425, "2")
    proxy.reset()
    claim = await claimed(house, text)
    assert SWAP not in {call.path for call in proxy.calls}, "what was signed is restored"
    assert await payer.redeem(claim.json["token"]) == 23


@on_sqlite
async def test_what_a_failed_request_paid_comes_back_without_the_mint(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    proxy.plan(SWAP, broken(handled=False, status=503), number=2, lasting=True)
    reply = await house.client.pay(text, "refuse-500")
    assert reply.status == 500
    assert [call.path for call in proxy.calls][-2:] == [STATES, SWAP], "coins that fit are there"
    proxy.reset()
    assert await payer.redeem(reply.headers["X-Cashu"]) == 24


async def test_a_mint_that_is_away_leaves_the_token_to_its_owner(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    proxy.plan("", lost(handled=False), lasting=True)
    reply = await pay(house, text)
    assert reply.error == (503, "mint_unreachable", "cashu_mint_unreachable")
    assert reply.headers["X-Cashu"] == text
    proxy.reset()
    assert set(await payer.states(text)) == {ProofState.UNSPENT}
    assert (await house.client.claim(text)).status == 404
    async with asyncio.timeout(30):
        while (again := await pay(house, text)).status == 503:  # noqa: ASYNC110 - its cool-down
            await asyncio.sleep(0.5)
    assert await payer.redeem(again.headers["X-Cashu"]) == 23


async def test_a_redemption_whose_answer_is_lost_pays_when_it_is_sent_again(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    proxy.plan(SWAP, lost(handled=True))
    proxy.plan(RESTORE, lost(handled=False), lasting=True)
    reply = await pay(house, text)
    assert reply.error == (503, "mint_unreachable", "cashu_redemption_pending")
    assert "X-Cashu" not in reply.headers
    assert (await house.client.claim(text)).status == 425
    proxy.reset()
    async with asyncio.timeout(30):
        while (again := await pay(house, text)).status == 503:  # noqa: ASYNC110 - its cool-down
            await asyncio.sleep(0.5)
    assert again.status == 200
    assert await payer.redeem(again.headers["X-Cashu"]) == 23
    assert (await pay(house, text)).error[2] == "cashu_token_already_spent"


async def test_a_node_killed_in_mid_request_gives_everything_to_who_claims(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    house.upstream.next(chat(shape=Shape(gate_after=2, gate=asyncio.Event())))
    running = asyncio.create_task(pay(house, text, stream=True))
    async with asyncio.timeout(10):
        while not house.upstream.requests:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
    house.node.kill()
    await killed(house, running)
    await house.node.restart()
    claim = await claimed(house, text)
    assert (claim.json["sats"], claim.json["balance"]) == ("24", 0)
    assert await payer.redeem(claim.json["token"]) == 24


@on_sqlite
async def test_a_node_killed_while_the_change_is_made_gives_it_to_who_claims(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text = await new_token(payer, proxy)
    proxy.plan(SWAP, killing(lambda: crash(house), handled=True), number=2)
    await killed(house, asyncio.create_task(pay(house, text)))
    proxy.reset()
    await house.node.restart()
    await until_recovered(house)
    claim = await claimed(house, text)
    assert (claim.json["sats"], claim.json["balance"]) == ("23", 1_000 - EXACT_MSAT)
    assert await payer.redeem(claim.json["token"]) == 23


async def test_a_node_that_is_told_to_stop_serves_what_was_paid(
    house: House, proxy: FaultProxy, payer: Payer
) -> None:
    text, late = await payer.token(24), await payer.token(24)
    proxy.reset()
    gate = asyncio.Event()
    house.upstream.next(chat(shape=Shape(gate_after=2, gate=gate)))
    running = asyncio.create_task(house.client.pay(text, stream=True))
    async with asyncio.timeout(10):
        while not house.upstream.requests:  # noqa: ASYNC110 - of another process
            await asyncio.sleep(0.02)
    stopping = asyncio.create_task(house.node.stop())
    await asyncio.sleep(0.5)
    gate.set()
    reply = await running
    assert await stopping == 0
    assert b'"change":"cashuB' in reply.body
    assert set(await payer.states(late)) == {ProofState.UNSPENT}
    await house.node.restart()
    claim = await claimed(house, text)
    assert claim.json["token"].encode() in reply.body


async def test_two_nodes_serve_a_token_once(tmp_path: Path, database_url: str, mint: Mint) -> None:
    async with (
        two_nodes_on(tmp_path, database_url, mint) as (house, other),
        Payer(mint.url) as payer,
    ):
        clients = (house.client, other)
        text = await payer.token(10 * EXACT_MSAT, Unit.MSAT)
        replies = await asyncio.gather(
            *(clients[n % 2].pay(text, EXACT, max_tokens=EXACT_LIMIT) for n in range(30))
        )
        assert Counter(reply.status for reply in replies) == {200: 1, 400: 29}
        (served,) = [reply for reply in replies if reply.status == 200]
        change = served.headers["X-Cashu"]
        assert token.decode(change).amount == 9 * EXACT_MSAT
        claims = await asyncio.gather(*(clients[n % 2].claim(text) for n in range(6)))
        assert {claim.json["token"] for claim in claims} == {change}
        outcome = await house.audit()
        assert outcome.holds, outcome.checks
