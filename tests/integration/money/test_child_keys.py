"""Limits, child keys, rotation and expiry, as clients see them."""

import asyncio
from collections import Counter
from pathlib import Path
from uuid import uuid4

import pytest
from openai import APIStatusError, AsyncOpenAI
from openai.types.chat import ChatCompletionMessageParam

from devkit.lnurl import LnurlServer
from devkit.mint import Mint
from devkit.node import Node
from devkit.payer import Payer
from routstr.core.clock import SystemClock
from routstr.money import Unit
from tests.integration.money.conftest import Purse
from tests.integration.money.house import (
    EXACT,
    EXACT_LIMIT,
    EXACT_MSAT,
    Client,
    House,
    Reply,
    open_house,
)

COST_MSAT = 1_000
SAID: list[ChatCompletionMessageParam] = [{"role": "user", "content": "Say something."}]


async def post(client: Client, path: str, key: str | None = None, **body: object) -> Reply:
    made = await client.call("POST", f"/v1/balance{path}", key=key, json=body)
    if made.status == 200 and isinstance(made.json, dict):
        client.secrets.update(made.json.get("api_keys", ()))
    return made


async def children(client: Client, key: str, **terms: object) -> list[str]:
    made = await post(client, "/child-key", key, **terms)
    assert made.status == 200, made.body
    return list(made.json["api_keys"])


async def exact(client: Client, key: str) -> Reply:
    return await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)


async def test_a_child_key_serves_the_official_sdk_up_to_its_limit(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(200))
    [child] = await children(client, key, balance_limit=2 * EXACT_MSAT, name="robot")

    async with AsyncOpenAI(base_url=house.node.base_url, api_key=child, max_retries=0) as sdk:

        async def ask() -> str | None:
            answer = await sdk.chat.completions.create(
                model=EXACT, messages=SAID, max_tokens=EXACT_LIMIT
            )
            return answer.choices[0].message.content

        before, _ = await client.balance(key)
        assert await ask() == await ask() == "This is a played answer."
        with pytest.raises(APIStatusError) as refused:
            await ask()
        assert (refused.value.status_code, refused.value.type, refused.value.code) == (
            402, "insufficient_quota", "balance_limit_exceeded",
        )  # fmt: skip
        assert await client.balance(key) == (before - 2 * EXACT_MSAT, 0)
        [told] = (await client.info(key)).json["child_keys"]
        assert (told["name"], told["total_requests"]) == ("robot", 2)
        assert (told["total_spent"], told["balance_limit_remaining"]) == (2 * EXACT_MSAT, 0)
        assert (await post(client, "/child-key/reset", key, child_key=told["id"])).json["success"]
        assert await ask()
        assert (await post(client, "/child-key/revoke", key, child_key=child)).json["success"]
        with pytest.raises(APIStatusError) as gone:
            await ask()
        unknown = await exact(client, f"sk-{'0' * 64}")
        assert gone.value.status_code == unknown.status == 401
        assert gone.value.body == unknown.json["error"]


async def test_what_child_keys_cannot_do(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(20))
    stranger = await client.new_key(await purse.token(5))
    [child] = await children(client, key)
    before, _ = await client.balance(child)
    assert (await client.topup(child, await purse.token(10))).json["balance"] > before
    assert await client.balance(child) == await client.balance(key), "it pays its parent in"
    for reply in (
        await client.refund(child),
        await client.call("GET", "/v1/wallet/history", key=child),
        await post(client, "/child-key", child),
        await post(client, "/rotate", child),
    ):
        assert reply.error == (400, "invalid_request_error", "child_key_not_allowed")
    assert "Cannot refund child key" in (await client.refund(child)).message
    for count in (0, 51):
        assert (await post(client, "/child-key", key, count=count)).status == 400
    nobody = await post(client, "/child-key/reset", key, child_key="key_nobody")
    assert nobody.error == (404, "invalid_request_error", "child_key_not_found")
    foreign = await post(client, "/child-key/revoke", stranger, child_key=child)
    assert foreign.error == (403, "invalid_request_error", "not_your_child_key")
    info = (await client.info(child)).json
    assert info["is_child"]
    assert info["parent_key_preview"] == f"{(await client.info(key)).json['id'][4:12]}..."


async def test_of_fifty_requests_at_once_as_many_are_served_as_the_limit_allows(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(200)
    made = await client.create(text, balance_limit=10 * EXACT_MSAT, balance_limit_reset="monthly")
    key = made.json["api_key"]
    replies = await asyncio.gather(*(exact(client, key) for _ in range(50)))
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    codes = {reply.error[2] for reply in replies if reply.status == 402}
    assert codes == {"balance_limit_exceeded"}
    info = (await client.info(key)).json
    assert (info["balance_limit_remaining"], info["total_spent"]) == (0, 10 * EXACT_MSAT)


async def test_a_rotated_key_is_unknown_and_a_lost_answer_is_told_again(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(200)
    key = await client.new_key(text)
    assert (await exact(client, key)).status == 200, "it is remembered from now on"
    again = {"Idempotency-Key": str(uuid4())}
    rotated = [
        await client.call("POST", "/v1/balance/rotate", key=key, headers=again) for _ in range(2)
    ]
    new = rotated[0].json["api_key"]
    assert rotated[1].json == rotated[0].json
    unknown = await exact(client, f"sk-{'0' * 64}")
    for old in (key, text):
        gone = await exact(client, old)
        assert (gone.status, gone.json["error"]) == (401, unknown.json["error"])
        assert (await client.info(old)).status == 401
    assert (await exact(client, new)).status == 200
    moved = await client.call("POST", "/v1/balance/rotate", key=key)
    assert moved.error == (401, "invalid_request_error", "invalid_api_key")


async def test_names_gifts_and_histories(client: Client, purse: Purse) -> None:
    text = await purse.token(20)
    key = (await client.create(text, name="one", metadata={"team": "a"})).json["api_key"]
    changed = await client.call(
        "PATCH", "/v1/wallet/info", key=key, json={"name": None, "metadata": {"team": "b"}}
    )
    assert (changed.json["name"], changed.json["metadata"]) == (None, {"team": "b"})
    wide = {"metadata": {"a": "x" * 5_000}}
    refused = await client.call("PATCH", "/v1/balance/info", key=key, json=wide)
    assert refused.error == (400, "invalid_request_error", "invalid_parameter")
    gift = await purse.token(10)
    for token, said in ((gift, "Thanks!"), (gift, "Thanks!"), ("nonsense", "Invalid token.")):
        assert (await post(client, "/donate", token=token, ref="test")).json == said
    empty = await client.call("POST", "/v1/balance/topup", key=key, json={})
    assert (empty.status, empty.message) == (400, "A cashu_token is required.")
    [deposit] = await client.history(key)
    assert (deposit["source"], deposit["mint_url"]) == ("cashu", purse.mint.url)
    assert (deposit["collected"], deposit["swept"]) == (True, False)


async def test_two_nodes_keep_one_limit_and_refund_what_has_expired(
    tmp_path: Path, database_url: str, mint: Mint
) -> None:
    settings = {"CHILD_KEY_COST": str(COST_MSAT), "ROUTSTR_ENV": "development"}
    async with (
        LnurlServer() as bob,
        Payer(mint.url) as payer,
        open_house(tmp_path, database_url, [mint.url], more=settings) as house,
    ):
        one = house.client
        text = await payer.token(100, Unit.SAT)
        soon = SystemClock().now_ms() // 1_000 + 4
        leaving = await one.create(
            await payer.token(50), validity_date=soon, refund_lnurl=bob.address
        )
        key = await one.new_key(text)
        await asyncio.sleep(max(0, soon * 1_000 + 500 - SystemClock().now_ms()) / 1_000)
        shared = {**house.node.settings, "LOG_DIR": str(tmp_path / "second" / "logs")}
        second = await Node.start(tmp_path / "second", shared, name="second node")
        try:
            other = Client(one._session, second.url)
            await _limits_hold(one, other, key)
            await _rotation_is_known(one, other, key)
            await _was_refunded(one, leaving.json["api_key"], bob)
        finally:
            await second.stop(grace_s=5)
        outcome = await house.audit()
        assert outcome.holds, outcome.checks


async def _limits_hold(one: Client, other: Client, key: str) -> None:
    before, _ = await one.balance(key)
    made = await post(one, "/child-key", key, balance_limit=10 * EXACT_MSAT, count=2)
    assert (made.json["cost_msats"], made.json["cost_sats"]) == (2 * COST_MSAT, 2)
    assert made.json["parent_balance"] == before - 2 * COST_MSAT
    child = made.json["api_keys"][0]
    replies = await asyncio.gather(*(exact((one, other)[n % 2], child) for n in range(50)))
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    assert await other.balance(key) == (before - 2 * COST_MSAT - 10 * EXACT_MSAT, 0)
    too_many = await post(one, "/child-key", key, count=50)
    if before < 52 * COST_MSAT:
        assert too_many.error == (402, "insufficient_quota", "insufficient_balance")


async def _rotation_is_known(one: Client, other: Client, key: str) -> None:
    assert (await exact(other, key)).status == 200, "the other node remembers it"
    new = (await post(one, "/rotate", key)).json["api_key"]
    for client in (other, one):
        assert (await exact(client, key)).error == (
            401, "invalid_request_error", "invalid_api_key",
        )  # fmt: skip
        assert (await exact(client, new)).status == 200


async def _was_refunded(client: Client, key: str, bob: LnurlServer) -> None:
    """The second node found it when it started."""
    assert (await exact(client, key)).error == (403, "invalid_request_error", "key_expired")
    async with asyncio.timeout(60):
        while (await client.balance(key))[0] >= 10_000:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.2)
    info = (await client.info(key)).json
    assert (info["refund_lnurl"], info["refund_problem"]) == (bob.address, None)
    [left] = [one for one in await client.history(key) if one["kind"] == "lightning_refund"]
    assert (left["source"], left["type"]) == ("lightning", "out")
