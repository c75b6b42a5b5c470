# ruff: noqa: N802 - a test is named after its lesson
"""Lessons about keys: limits, expiry, donations."""

import asyncio
from collections import Counter
from typing import Any

from devkit.faults import lost
from devkit.lnurl import LnurlServer
from routstr.core.clock import SystemClock
from routstr.errors import BalanceLimitExceeded, KeyExpired
from tests.integration.lessons.conftest import Scene
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, Reply

GIVEN = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE name = 'donations'"


async def exact(client: Client, key: str) -> Reply:
    return await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)


async def post(client: Client, path: str, key: str | None = None, **body: object) -> Reply:
    return await client.call("POST", f"/v1/balance{path}", key=key, json=body)


async def test_pr_547_no_number_of_requests_at_once_passes_a_limit(
    scene: Scene, client: Client
) -> None:
    parent = await scene.key(64)
    made = await post(client, "/child-key", parent, balance_limit=5 * EXACT_MSAT + 1)
    [child] = made.json["api_keys"]
    client.secrets.add(child)
    replies = await asyncio.gather(*(exact(client, child) for _ in range(50)))
    served = [reply for reply in replies if reply.status == 200]
    assert len(served) == 5
    codes = Counter(reply.error[2] for reply in replies if reply.status != 200)
    assert codes == {BalanceLimitExceeded.code: 45}
    assert sum(reply.cost for reply in served) == 5 * EXACT_MSAT
    # one more that may answer at length: what is left of the limit pays for a part, and no more
    [told] = (await client.info(parent)).json["child_keys"]
    assert (told["total_spent"], told["balance_limit_remaining"]) == (5 * EXACT_MSAT, 1)
    assert (await client.balance(parent))[0] == 64_000 - 5 * EXACT_MSAT


async def test_commit_feb76bc_a_limit_asked_for_with_an_invoice_is_the_key_s(
    scene: Scene, client: Client
) -> None:
    wish: dict[str, Any] = {
        "amount_sats": 20,
        "mint": scene.mint.url,
        "balance_limit": EXACT_MSAT,
        "balance_limit_reset": "daily",
    }
    invoice = (await post(client, "/lightning/invoice", **wish)).json
    path = f"/lightning/invoice/{invoice['invoice_id']}/status"
    async with asyncio.timeout(30):
        while (state := (await client.call("GET", path)).json)["status"] != "paid":  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    key = state["api_key"]
    info = (await client.info(key)).json
    assert (info["balance_limit"], info["balance_limit_reset"]) == (EXACT_MSAT, "daily")
    assert (await exact(client, key)).status == 200
    assert (await exact(client, key)).error[2] == BalanceLimitExceeded.code


async def test_A_periodic_limits_begin_anew_and_erase_nothing(scene: Scene, client: Client) -> None:
    parent = await scene.key(64)
    terms = {"balance_limit": EXACT_MSAT, "balance_limit_reset": "monthly"}
    [child] = (await post(client, "/child-key", parent, **terms)).json["api_keys"]
    client.secrets.add(child)
    for _ in range(2):
        assert (await exact(client, child)).status == 200
        assert (await exact(client, child)).error[2] == BalanceLimitExceeded.code
        await post(client, "/child-key/reset", parent, child_key=child)
    info = (await client.info(child)).json
    assert (info["total_spent"], info["total_requests"]) == (2 * EXACT_MSAT, 2)
    assert info["balance_limit_remaining"] == EXACT_MSAT
    start = await scene.number("SELECT max(period) FROM key_limits WHERE reset = 3")
    assert start % 86_400_000 == 0, "midnight of UTC"


async def test_A_donate_is_booked_once_and_finished_after_trouble(
    scene: Scene, client: Client
) -> None:
    before = await scene.number(GIVEN)
    text = await scene.mint.payer.token(16)
    client.secrets.add(text)
    scene.mint.proxy.plan("/v1/swap", lost(handled=True), lasting=True)
    scene.mint.proxy.plan("/v1/restore", lost(handled=False), lasting=True)
    assert (await post(client, "/donate", token=text)).status == 503, "it cannot be told yet"
    scene.mint.proxy.reset()
    async with asyncio.timeout(60):
        while (told := await post(client, "/donate", token=text)).status != 200:  # noqa: ASYNC110
            await asyncio.sleep(0.5)
    assert told.json == (await post(client, "/donate", token=text)).json == "Thanks!"
    assert await scene.number(GIVEN) == before + 16_000
    assert (await post(client, "/donate", token="cashuBnonsense")).json == "Invalid token."


async def test_A8_an_expired_key_is_paid_out_where_its_owner_said(
    scene: Scene, client: Client
) -> None:
    expires = SystemClock().now_ms() // 1_000 + 2
    async with LnurlServer() as bob:
        headers = {"Key-Expiry-Time": str(expires), "Refund-LNURL": bob.address}
        text = await scene.mint.payer.token(64)
        made = await client.call(
            "POST",
            "/v1/balance/create",
            headers=headers,
            json={"initial_balance_token": text},
        )
        key = made.json["api_key"]
        assert (await client.info(key)).json["validity_date"] == expires
        async with asyncio.timeout(60):
            while (await client.balance(key))[0] > 10_000:  # noqa: ASYNC110 - of a process
                await asyncio.sleep(0.5)
        assert (await exact(client, key)).error[2] == KeyExpired.code
        async with asyncio.timeout(60):
            while await scene.number("SELECT count(*) FROM sagas WHERE state = 0"):  # noqa: ASYNC110
                await asyncio.sleep(0.5)
        out = [one for one in await client.history(key) if one["kind"] == "lightning_refund"]
        assert len(out) == 1
