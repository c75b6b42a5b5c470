# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about money that comes in over Lightning."""

import asyncio
from typing import Any

from devkit.faults import quoted
from routstr.core.clock import SystemClock
from tests.integration.lessons.conftest import Scene
from tests.integration.money.house import Client

QUOTES = "/v1/mint/quote/bolt11/"


async def ask(scene: Scene, sats: int, *, key: str | None = None) -> dict[str, Any]:
    body = {"amount_sats": sats, "purpose": "topup" if key else "create", "mint": scene.mint.url}
    reply = await scene.client.call("POST", "/v1/balance/lightning/invoice", key=key, json=body)
    assert reply.status == 200, reply.body
    return dict(reply.json)


async def credited(scene: Scene, invoice: dict[str, Any]) -> None:
    """Wait until it is, without asking the node."""
    query = f"SELECT state FROM mint_quotes WHERE request = '{invoice['bolt11']}'"
    async with asyncio.timeout(30):
        while await scene.house.rows(query) != [(2,)]:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.2)


async def test_issue_524_a_paid_topup_is_credited_though_nobody_asks(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(8)
    await credited(scene, await ask(scene, 5, key=key))
    assert await client.balance(key) == (13_000, 0)


async def test_pr_647_a_payment_that_comes_after_the_expiry_is_credited(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(8)
    scene.mint.proxy.reset()
    over = SystemClock().now_ms() // 1_000 - 3_600
    scene.mint.proxy.plan(QUOTES, quoted(state="UNPAID"), lasting=True)
    scene.mint.proxy.plan("/v1/mint/quote/bolt11", quoted(expiry=over))
    invoice = await ask(scene, 6, key=key)
    assert invoice["expires_at"] == over
    path = f"/lightning/invoice/{invoice['invoice_id']}/status"
    assert (await client.call("GET", path)).json["status"] == "expired"
    scene.mint.proxy.reset()
    async with asyncio.timeout(30):
        while (await client.call("GET", path)).json["status"] != "paid":  # noqa: ASYNC110
            await asyncio.sleep(0.3)
    assert await client.balance(key) == (14_000, 0)


async def test_A_paid_invoice_of_a_key_that_was_emptied_meanwhile_is_the_key_s(
    scene: Scene, client: Client
) -> None:
    key = await scene.key(8)
    scene.mint.proxy.plan(QUOTES, quoted(state="UNPAID"), lasting=True)
    invoice = await ask(scene, 7, key=key)
    given = await client.refund(key)
    assert given.status == 200
    assert await client.balance(key) == (0, 0)
    scene.mint.proxy.reset()
    await credited(scene, invoice)
    assert await client.balance(key) == (7_000, 0)
    assert await scene.mint.payer.redeem(given.json["token"]) == 8
