# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about money that leaves over Lightning. See docs/lessons.md for the marks."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace

import msgspec
import pytest_asyncio

from devkit.faults import Answer, Forward, late, lost, refusal
from devkit.lnurl import LnurlServer
from routstr.errors import LightningFailed
from routstr.wallet.mint_errors import MintCode
from tests.integration.lessons.conftest import Scene
from tests.integration.money.house import Client
from tests.integration.money.lightning import refund

MELT = "/v1/melt/bolt11"
BUSY = "SELECT count(*) FROM proofs WHERE status = 1"
OWN = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind >= 20"


@pytest_asyncio.fixture(loop_scope="session")
async def bob() -> AsyncIterator[LnurlServer]:
    """Somebody with a Lightning address."""
    async with LnurlServer() as server:
        yield server


async def earn(scene: Scene, sats: int) -> None:
    """Let somebody give the operator ecash of his own."""
    params = {"token": await scene.mint.payer.token(sats)}
    reply = await scene.client.call("POST", "/v1/balance/donate", params=params)
    assert b"Thanks!" in reply.body


async def without_parts(forward: Forward) -> Answer:
    """A fault: the mint does not list payments in parts (NUT-15)."""
    answer = await forward()
    info = msgspec.json.decode(answer.body)
    info["nuts"].pop("15", None)
    return replace(answer, body=msgspec.json.encode(info))


async def test_A7_payments_that_fail_leave_no_ecash_set_aside(
    scene: Scene, client: Client, bob: LnurlServer
) -> None:
    key = await scene.key(500)
    failing = refusal(MintCode.PAYMENT_FAILED, handled=False)
    for shop in scene.shops:
        shop.proxy.reset()
        shop.proxy.plan(MELT, failing, lasting=True)
    for _ in range(3):
        assert (await refund(client, key, bob.address)).error[2] == LightningFailed.code
        assert await scene.number(BUSY) == 0
    assert await client.balance(key) == (500_000, 0)


async def test_pr_609_a_payment_that_times_out_is_not_made_twice(
    scene: Scene, client: Client, bob: LnurlServer
) -> None:
    key = await scene.key(500)
    scene.mint.proxy.reset()
    scene.mint.proxy.plan(MELT, late(1, lost(handled=True)))
    asked = [asyncio.create_task(refund(client, key, bob.address)) for _ in range(5)]
    await asyncio.gather(*asked)
    told = await refund(client, key, bob.address)
    assert (told.status, told.json["repeated"]) == (200, True)
    paid = "SELECT count(*) FROM sagas WHERE kind = 4 AND state = 1 AND gross > 490"
    assert await scene.number(f"{paid} AND gross <= 500") == 1
    assert told.json["balance"] + int(told.json["msats"]) >= 498_000


async def test_issue_312_payments_in_parts_are_not_needed(
    scene: Scene, client: Client, bob: LnurlServer
) -> None:
    key = await scene.key(100)
    scene.mint.proxy.reset()
    scene.mint.proxy.plan("/v1/info", without_parts, lasting=True)
    assert (await refund(client, key, bob.address)).status == 200


async def test_issue_333_no_payout_is_larger_than_the_free_proofs(
    scene: Scene, bob: LnurlServer
) -> None:
    await earn(scene, 300)
    free, own = await scene.liquid(scene.mint), await scene.number(OWN)
    assert own >= 300_000
    too_much = str(max(free, own // 1_000) + 1)
    command = ("wallet", "payout", "--to", bob.address, "--mint", scene.mint.url)
    refused = await scene.house.node.command(*command, "--amount", too_much)
    assert (refused.status, "does not cover" in refused.output) == (1, True)
    done = await scene.house.node.command(*command)
    assert done.status == 0, done.output
    assert own - await scene.number(OWN) <= free * 1_000


async def test_pr_150_customers_money_is_never_paid_out(
    scene: Scene, client: Client, bob: LnurlServer
) -> None:
    keys = [await scene.key(200) for _ in range(3)]
    await earn(scene, 50)
    for _ in range(3):
        await scene.house.node.command("wallet", "payout", "--to", bob.address)
    own = await scene.number(OWN)
    assert 0 <= own < 50_000
    asked = str(own // 1_000 + 1)
    for command in (("payout", "--to", bob.address), ("withdraw",)):
        refused = await scene.house.node.command("wallet", *command, "--amount", asked)
        assert (refused.status, "does not cover" in refused.output) == (1, True)
    for key in keys:
        assert await client.balance(key) == (200_000, 0)
        assert (await client.refund(key)).status == 200, "the money is there"
