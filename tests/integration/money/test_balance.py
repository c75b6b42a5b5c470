"""Topping up and the history of a key."""

import asyncio

import pytest

from routstr.errors import InvalidParameter, TokenAlreadySpent
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client


@every_pair
async def test_a_topup_adds_what_arrived_once(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1_000))
    before, _ = await client.balance(key)
    text = await purse.token(500, form="A")
    fee = int(await purse.fee_msat(text))
    gross = int(purse.unit.to_msat(500))

    first = await client.topup(key, text)
    again = await client.topup(key, token.encode_b(token.decode(text)))
    assert first.json == {
        "msats": gross - fee,
        "gross": gross,
        "mint_fee": fee,
        "balance": before + gross - fee,
        "change": None,
    }
    assert again.json == first.json
    assert set(await purse.payer.states(text)) == {ProofState.SPENT}
    assert (await client.info(key)).json["total_deposited"] == before + gross - fee


async def test_topups_at_once_all_count(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1))
    tokens = [await purse.token(2) for _ in range(6)]
    replies = await asyncio.gather(*(client.topup(key, text) for text in tokens * 2))
    assert {reply.status for reply in replies} == {200}
    assert await client.balance(key) == (13_000, 0)


async def test_a_token_tops_up_one_key_only_and_is_no_key(client: Client, purse: Purse) -> None:
    one, two = [await client.new_key(await purse.token(1)) for _ in range(2)]
    text = await purse.token(4)
    assert (await client.topup(one, text)).status == 200
    spent = (400, TokenAlreadySpent.type, TokenAlreadySpent.code)
    for reply in (
        await client.topup(two, text),
        await client.info(text),
        await client.create(text),
        await client.chat(text),
    ):
        assert reply.error == spent
    assert await client.balance(one) == (5_000, 0)
    assert await client.balance(two) == (1_000, 0)


@on_sqlite
async def test_the_token_of_a_topup_may_be_in_the_query(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1))
    params = {"cashu_token": await purse.token(4)}
    reply = await client.call("POST", "/v1/wallet/topup", key=key, params=params)
    assert (reply.status, reply.json["msats"]) == (200, 4_000)


@on_sqlite
async def test_a_topup_without_a_token_says_what_is_missing(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1))
    reply = await client.call("POST", "/v1/balance/topup", key=key)
    assert reply.error == (400, InvalidParameter.type, InvalidParameter.code)
    assert reply.message == "A cashu_token is required."
    wrong: list[object] = [{}, {"cashu_token": ""}, {"cashu_token": 5}, []]
    for body in wrong:
        reply = await client.call("POST", "/v1/balance/topup", key=key, json=body)
        assert reply.error[0] in {400, 422}, body
        assert reply.error[2] == InvalidParameter.code


async def test_the_history_tells_every_transfer_the_newest_first(
    client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(2))
    await client.topup(key, await purse.token(1))
    paid = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    assert paid.cost == EXACT_MSAT
    await client.refund(key)

    told = await client.history(key)
    left = 3_000 - EXACT_MSAT
    shown = [
        (one["type"], one["kind"], one["amount"], one["balance_after"], one["unit"]) for one in told
    ]
    assert shown == [
        ("out", "refund", -2_000, left - 2_000, "msat"),
        ("out", "charge", -EXACT_MSAT, left, "msat"),
        ("in", "deposit", 1_000, 3_000, "msat"),
        ("in", "deposit", 2_000, 2_000, "msat"),
    ]
    charge = told[1]
    assert charge["model"] == EXACT
    assert charge["request_id"] == paid.headers["x-routstr-request-id"]
    assert charge["description"] == f"{EXACT} on /v1/chat/completions, tokens: 12 in, 6 out"
    assert charge["timestamp"] == charge["created_at"] >= told[3]["timestamp"]
    assert charge["reference"].startswith("hold:")
    assert told[0]["reference"].startswith("saga:")
    assert told[0]["description"] == "refund as ecash"


async def test_the_history_is_told_in_pages(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1))
    for _ in range(4):
        await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    whole = await client.history(key)
    assert len(whole) == 5

    told, before = [], ""
    while True:
        params = {"limit": "2"} | ({"before": before} if before else {})
        page = (await client.call("GET", "/v1/balance/history", key=key, params=params)).json
        told += page["transactions"]
        if page["next_before"] is None:
            break
        before = str(page["next_before"])
    assert told == whole


@on_sqlite
@pytest.mark.parametrize("query", ["limit=0", "limit=501", "limit=x", "before=0"])
async def test_an_impossible_page_is_refused(client: Client, purse: Purse, query: str) -> None:
    key = await client.new_key(await purse.token(1))
    reply = await client.call("GET", f"/v1/balance/history?{query}", key=key)
    assert reply.error == (422, InvalidParameter.type, InvalidParameter.code)


@on_sqlite
async def test_a_history_is_for_its_key_only(client: Client, purse: Purse) -> None:
    one, two = [await client.new_key(await purse.token(n)) for n in (1, 2)]
    assert [entry["amount"] for entry in await client.history(one)] == [1_000]
    assert [entry["amount"] for entry in await client.history(two)] == [2_000]
