"""The operator's commands on a real node's database, at a real mint that was away for a while."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from devkit.fault_proxy import FaultProxy
from devkit.faults import killing, lost
from devkit.mint import Mint
from devkit.node import Finished
from devkit.payer import Payer
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, open_house

pytestmark = pytest.mark.mint
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
SWAP = "/v1/swap"
EVERYTHING = ""


@pytest.fixture
async def proxy(mint: Mint) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(mint.url) as proxy:
        yield proxy


@pytest.fixture
async def house(tmp_path: Path, database_url: str, proxy: FaultProxy) -> AsyncIterator[House]:
    """A node whose mint is behind the proxy; in the end its books hold and nothing leaked."""
    async with open_house(tmp_path, database_url, [proxy.url]) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []


async def wallet(house: House, *arguments: str, **environment: str) -> Finished:
    """Run ``routstr wallet``; nothing of what was paid with may stand in what it prints."""
    done = await house.node.command("wallet", *arguments, environment=environment)
    for text in house.client.secrets:
        assert text not in done.output
        if text.startswith("cashu"):
            assert not [p for p in token.decode(text).proofs if p.secret in done.output]
    return done


async def crash_in(house: House, proxy: FaultProxy, call: object, *, handled: bool) -> None:
    """Kill the node in the swap of this call; its mint is away from then on."""
    assert asyncio.iscoroutine(call)
    proxy.reset()
    proxy.plan(SWAP, killing(lambda: void(house.node.kill()), handled=handled))
    with pytest.raises(aiohttp.ClientError):
        await call
    away(proxy)


def void(_: object) -> None:
    """A fault kills and returns nothing."""


def away(proxy: FaultProxy) -> None:
    proxy.reset()
    proxy.plan(EVERYTHING, lost(handled=False), lasting=True)


@on_sqlite
async def test_nothing_open_is_nothing_to_do(house: House) -> None:
    assert await wallet(house, "resolve") == (0, "No saga is open: nothing to do.\n")


async def test_a_deposit_left_open_by_a_crash_shows_up_and_is_resolved(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(21)
        await crash_in(house, proxy, house.client.create(text), handled=True)

        (saga,) = json.loads((await wallet(house, "sagas", "--json")).output)["sagas"]
        assert (saga["kind"], saga["purpose"], saga["state"]) == ("receive", "create", "open")
        assert (saga["gross"], saga["unit"], saga["mint"]) == (21, "sat", proxy.url)
        assert saga["owner_alive"] is False
        balance = json.loads((await wallet(house, "--json")).output)
        assert [(p["liquid"], p["coming_in"]) for p in balance["positions"]] == [(0, 21)]
        assert (balance["held_msat"], balance["owed_msat"]) == (0, 0)

        done = await wallet(house, "resolve")
        assert done.status == 1
        assert done.output.startswith("saga 1, create: still open; no complete answer")

        proxy.reset()
        told = "saga 1, create: done, 21 sat credited.\n"
        assert await wallet(house, "resolve") == (0, told)
        assert SWAP not in {call.path for call in proxy.calls}, "what was signed is restored"
        assert (await house.node.command("verify")).status == 0
        balance = json.loads((await wallet(house, "--json")).output)
        assert [(p["liquid"], p["coming_in"]) for p in balance["positions"]] == [(21, 0)]
        assert (balance["held_msat"], balance["owed_msat"]) == (21_000, 21_000)

        await house.node.restart()
        assert (await house.client.create(text)).json["balance"] == 21_000


async def test_a_refund_left_open_by_a_crash_is_finished_and_told_by_the_node(
    house: House, proxy: FaultProxy
) -> None:
    async with Payer(proxy.url) as payer:
        key = await house.client.new_key(await payer.token(24))
        await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
        await crash_in(house, proxy, house.client.refund(key), handled=False)
        (place,) = json.loads((await wallet(house, "--json")).output)["positions"]
        assert (place["going_out"], place["given_out"]) == (23, 0)
        assert place["reserved"] >= 23

        proxy.reset()
        done = await wallet(house, "resolve", "2", "--json")
        assert done.status == 0
        outcome = json.loads(done.output)
        assert outcome["open"] == 0
        assert [(saga["id"], saga["state"]) for saga in outcome["sagas"]] == [(2, "done")]
        (place,) = json.loads((await wallet(house, "--json")).output)["positions"]
        assert (place["going_out"], place["given_out"], place["reserved"]) == (0, 23, 0)

        await house.node.restart()
        refund = (await house.client.refund(key)).json
        assert (refund["sats"], refund["balance"]) == ("23", 1_000 - EXACT_MSAT)
        assert await payer.redeem(refund["token"]) == 23


@on_sqlite
async def test_a_deposit_whose_token_went_elsewhere_is_undone(
    house: House, proxy: FaultProxy, mint: Mint
) -> None:
    async with Payer(proxy.url) as payer, Payer(mint.url) as other:
        text = await payer.token(21)
        await crash_in(house, proxy, house.client.create(text), handled=False)
        proxy.reset()
        await other.redeem(text)
        done = await wallet(house, "resolve")
        assert done.status == 0
        assert done.output.startswith("saga 1, create: undone, nothing credited; ")
        (saga,) = json.loads((await wallet(house, "sagas", "--all", "--json")).output)["sagas"]
        assert saga["state"] == "failed"


@on_sqlite
async def test_a_living_node_keeps_its_sagas(house: House, proxy: FaultProxy) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(21)
        proxy.reset()
        proxy.plan(SWAP, lost(handled=True), lasting=True)
        proxy.plan("/v1/restore", lost(handled=False), lasting=True)
        assert (await house.client.create(text)).status == 503
        done = await wallet(house, "resolve", "1")
        assert done.status == 1
        assert "still open; instance 1, which was seen in the last 60 s, works on it" in done.output
        assert await house.rows("SELECT lease_owner, lease_epoch FROM sagas") == [(1, 1)]

        proxy.reset()
        async with asyncio.timeout(60):  # the node's own recovery
            while await house.rows("SELECT state FROM sagas") != [(1,)]:  # noqa: ASYNC110 - of another process
                await asyncio.sleep(0.5)
        assert (await house.client.create(text)).json["balance"] == 21_000
        assert set(await payer.states(text)) == {ProofState.SPENT}


@on_sqlite
async def test_a_saga_at_a_mint_off_the_list_waits_for_the_operator(
    house: House, proxy: FaultProxy, second_mint: Mint
) -> None:
    async with Payer(proxy.url) as payer:
        text = await payer.token(21)
        await crash_in(house, proxy, house.client.create(text), handled=True)
        proxy.reset()
        await house.node.restart({"CASHU_MINTS": second_mint.url})
        await asyncio.sleep(1)  # its recovery begins with the start
        assert proxy.calls == [], "a node speaks to no mint that is not listed"

        done = await wallet(house, "resolve")
        assert done == (0, "saga 1, create: done, 21 sat credited.\n")
        assert "not in CASHU_MINTS" in (await wallet(house)).output
        again = await house.client.create(text)
        assert (again.status, again.json.get("balance")) == (200, 21_000)
