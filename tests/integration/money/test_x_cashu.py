"""A token for one request, with real mints: its value is cost, change, fees and what is left."""

import asyncio
import json
from collections import Counter
from typing import Any

import aiohttp
import pytest

from devkit.payer import Payer
from devkit.upstream import PLAYS, Shape, chat
from devkit.upstream import Reply as Played
from routstr.money import Msat, Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import (
    EXACT,
    EXACT_LIMIT,
    EXACT_MSAT,
    QUESTION,
    Client,
    House,
    Reply,
)

LIMIT = 20
WORDS = tuple(f" word{n}" for n in range(40))


def told(reply: Reply) -> dict[str, Any]:
    """What an answer or a stream's cost chunk says about the money."""
    if reply.body.startswith(b"{"):
        routstr = reply.json["metadata"]["routstr"]
    else:
        lines = reply.body.decode().splitlines()
        chunks = [json.loads(line[6:]) for line in lines if line.startswith("data: {")]
        (routstr,) = [chunk["metadata"]["routstr"] for chunk in chunks if "metadata" in chunk]
    assert isinstance(routstr, dict)
    return routstr


def change_of(reply: Reply) -> str:
    """The token that comes back; empty when none does."""
    in_body = "" if reply.status != 200 else told(reply).get("change", "")
    assert not (in_body and "X-Cashu" in reply.headers), "in one place"
    return str(in_body or reply.headers.get("X-Cashu", ""))


async def redeemed(purse: Purse, text: str) -> Msat:
    """The face value of a token, after a wallet of another hand has redeemed it."""
    given = token.decode(text)
    assert (given.mint, given.unit) == (purse.mint.url, purse.unit)
    async with Payer(purse.mint.url) as another:
        arrived = await another.redeem(text)
        assert arrived == given.amount - await another.fee(text)
    return given.unit.to_msat(given.amount)


async def given_back(client: Client, purse: Purse, text: str) -> Msat:
    """Claim everything: its face value and the fee of making it."""
    async with asyncio.timeout(10):
        while (reply := await client.claim(text)).status == 425:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.05)
    assert reply.status == 200, reply.body
    return await redeemed(purse, reply.json["token"]) + Msat(reply.json["mint_fee"])


async def worth(purse: Purse, text: str) -> Msat:
    return purse.unit.to_msat(token.decode(text).amount) - await purse.fee_msat(text)


@every_pair
@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_a_token_is_cost_change_fees_and_what_is_left(
    house: House, client: Client, purse: Purse, stream: bool
) -> None:
    text = await purse.token(4_000)
    paid_fee = await purse.fee_msat(text)
    reply = await client.pay(text, EXACT, max_tokens=EXACT_LIMIT, stream=stream)

    assert reply.status == 200
    says = told(reply)
    assert says["cost"]["total_msats"] == EXACT_MSAT
    face = await redeemed(purse, change_of(reply))
    assert says["change_msats"] == face
    paid = int(purse.unit.to_msat(4_000))
    fees, left = says["mint_fee_msats"], says["unrefunded_msats"]
    assert EXACT_MSAT + int(face) + fees + left == paid
    assert left == says["remaining_balance_msats"] < purse.unit.msat
    assert int(paid_fee) <= fees <= int(paid_fee) + 2 * purse.unit.msat
    assert purse.has_fee or fees == 0
    rows = await house.rows(
        "SELECT posted, held, spent, requests, closed FROM accounts WHERE kind = 2"
        " ORDER BY id DESC LIMIT 1"
    )
    assert [int(value) for value in rows[0]] == [left, 0, EXACT_MSAT, 1, 1]
    again = await client.claim(text)
    assert again.json["token"] == again.headers["X-Cashu"] == change_of(reply)
    assert again.headers["Cache-Control"] == "no-store"


async def test_the_headers_tell_what_the_body_tells(client: Client, purse: Purse) -> None:
    reply = await client.pay(await purse.token(10), EXACT, max_tokens=EXACT_LIMIT)
    assert reply.headers["X-Routstr-Cost-Msats"] == str(EXACT_MSAT)
    assert reply.headers["X-Routstr-Unrefunded-Msats"] == str(told(reply)["unrefunded_msats"])
    assert "x-cashu" in reply.headers["Access-Control-Expose-Headers"]
    assert token.decode(reply.headers["X-Cashu"]).amount == 9


async def test_a_stream_is_relayed_while_the_provider_speaks(
    house: House, client: Client, purse: Purse
) -> None:
    text = await purse.token(100)
    gate = asyncio.Event()
    house.upstream.next(chat(Played(words=WORDS), Shape(gate_after=3, gate=gate)))
    session = client._session
    body = {"model": "good", "messages": QUESTION, "stream": True, "max_tokens": 40}
    async with session.post(
        f"{house.node.base_url}/chat/completions", headers={"X-Cashu": text}, json=body
    ) as answer:
        first = await answer.content.readany()
        assert b" word0" in first
        assert (await client.claim(text)).error == (
            425,
            "invalid_request_error",
            "refund_pending",
        )
        gate.set()
        rest = await answer.content.read()
    client.secrets.add(text)
    change = change_of(Reply(200, {}, first + rest))
    client.secrets.add(change)
    assert await redeemed(purse, change) > Msat(0)


async def test_a_token_is_all_that_a_request_can_use(client: Client, purse: Purse) -> None:
    """Between what must be there and the worst case the output is limited to what it pays for."""
    reply = await client.pay(await purse.token(2), "babble")
    assert reply.status == 200
    assert int(reply.headers["X-Routstr-Max-Tokens"]) < 250
    says = told(reply)
    assert says["cost"]["total_msats"] + says["change_msats"] + says["unrefunded_msats"] == 2_000


# what is refused


async def test_a_token_that_is_worth_too_little_is_not_redeemed(
    house: House, client: Client, purse: Purse
) -> None:
    text = await purse.token(1)
    asked = len(house.upstream.requests)
    reply = await client.pay(text, max_tokens=1_000)
    detail = reply.json["detail"]
    assert reply.status == 402
    assert (detail["reason"], detail["type"]) == (
        "Insufficient balance",
        "minimum_balance_required",
    )
    assert detail["model"] == "good"
    assert detail["amount_required_msat"] > 8_000
    assert set(await purse.payer.states(text)) == {ProofState.UNSPENT}
    assert len(house.upstream.requests) == asked
    assert (await client.claim(text)).error[0] == 404
    enough = await purse.token(-(-detail["amount_required_msat"] // 1_000))
    assert (await client.pay(enough, max_tokens=1_000)).status == 200


@pytest.mark.parametrize(
    ("shared_house", "purse"), [("sqlite", ("fee_mint", Unit.SAT))], indirect=True
)
async def test_what_is_compared_is_what_arrives(client: Client, purse: Purse) -> None:
    """A token whose face would do is worth less by the mint's fee."""
    refused = await client.pay(await purse.token(2), max_tokens=1_000)
    required = int(refused.json["error"]["details"]["required_msat"])
    face = -(-required // 1_000)
    text = await purse.payer.token(face, pieces=[1] * face)
    reply = await client.pay(text, max_tokens=1_000)
    details = reply.json["error"]["details"]
    assert (reply.status, details["required_msat"]) == (402, required)
    assert (details["token_msat"], details["mint_fee_msat"]) == ((face - 1) * 1_000, 1_000)
    assert await purse.payer.redeem(text) == face - 1


async def test_a_token_of_another_mint_is_refused_and_shown(client: Client, purse: Purse) -> None:
    given = token.decode(await purse.token(100))
    text = token.encode_b(token.Token("https://other.example", given.unit, given.proofs))
    reply = await client.pay(text)
    assert reply.error == (400, "mint_error", "untrusted_mint")
    assert reply.headers["X-Cashu"] == text


async def test_a_spent_token_is_refused_and_not_shown(client: Client, purse: Purse) -> None:
    text = await purse.token(100)
    await purse.payer.redeem(text)
    reply = await client.pay(text)
    assert reply.error == (400, "token_already_spent", "cashu_token_already_spent")
    assert "X-Cashu" not in reply.headers
    assert (await client.claim(text)).error[0] == 404


async def test_a_token_for_one_request_is_nothing_else(client: Client, purse: Purse) -> None:
    text = await purse.token(100)
    assert (await client.pay(text)).status == 200
    spent = (400, "token_already_spent", "cashu_token_already_spent")
    key = await client.new_key(await purse.token(5))
    assert (await client.pay(text)).error == spent
    assert (await client.chat(text)).error == spent
    assert (await client.create(text)).error == spent
    assert (await client.topup(key, text)).error == spent
    assert (await client.refund(text)).error[0] == 401
    assert await client.balance(key) == (5_000, 0)


async def test_a_token_that_is_a_key_pays_for_no_single_request(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(100)
    key = await client.new_key(text)
    assert (await client.pay(text)).error[2] == "cashu_token_already_spent"
    assert (await client.claim(text)).error[0] == 404
    assert await client.balance(key) == (100_000, 0)


@on_sqlite
@pytest.mark.parametrize("text", ["", " "])
async def test_an_empty_token_is_no_credential(client: Client, text: str) -> None:
    for reply in (await client.pay(text), await client.claim(text)):
        assert reply.error == (401, "invalid_request_error", "missing_api_key")


@on_sqlite
async def test_a_token_goes_before_a_key(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(5))
    body = {"model": "good", "messages": QUESTION}
    headers = {"X-Cashu": await purse.token(100)}
    reply = await client.call("POST", "/v1/chat/completions", key=key, headers=headers, json=body)
    assert reply.status == 200
    assert token.decode(reply.headers["X-Cashu"]).amount < 100
    assert await client.balance(key) == (5_000, 0)


# many at once


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
async def test_fifty_requests_with_one_token_are_one_answer(
    client: Client, purse: Purse, stream: bool
) -> None:
    given = token.decode(await purse.token(100))
    texts = [token.encode_a(given), token.encode_b(given)]
    replies = await asyncio.gather(
        *(client.pay(texts[n % 2], EXACT, max_tokens=EXACT_LIMIT, stream=stream) for n in range(50))
    )
    (served,) = [reply for reply in replies if reply.status == 200]
    refusals = Counter(reply.error for reply in replies if reply is not served)
    assert refusals == {(400, "token_already_spent", "cashu_token_already_spent"): 49}
    assert not any("X-Cashu" in reply.headers for reply in replies if reply is not served)
    assert await redeemed(purse, change_of(served)) == Msat(99_000)


async def test_a_request_against_a_key_for_one_token_is_one_of_both(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(100)
    replies = await asyncio.gather(
        *(
            call
            for _ in range(10)
            for call in (client.pay(text, EXACT, max_tokens=EXACT_LIMIT), client.create(text))
        )
    )
    paid = [reply for reply in replies[::2] if reply.status == 200]
    made = [reply for reply in replies[1::2] if reply.status == 200]
    assert (len(paid), len(made)) in {(1, 0), (0, 10)}


async def test_claims_against_the_request_give_one_change(client: Client, purse: Purse) -> None:
    text = await purse.token(100)
    paying = asyncio.create_task(client.pay(text, EXACT, max_tokens=EXACT_LIMIT))
    claims = [asyncio.create_task(client.claim(text)) for _ in range(30)]
    reply = await paying
    tokens = {claim.json["token"] for claim in await asyncio.gather(*claims) if claim.status == 200}
    last = await client.claim(text)
    assert last.status == 200
    assert tokens <= {last.json["token"]}
    if reply.status == 200:
        assert change_of(reply) == last.json["token"]
    face = await redeemed(purse, last.json["token"])
    assert face == Msat(99_000 if reply.status == 200 else 100_000)


async def test_many_tokens_pay_at_once(client: Client, purse: Purse) -> None:
    texts = [await purse.token(20 + n) for n in range(12)]
    replies = await asyncio.gather(
        *(client.pay(text, EXACT, max_tokens=EXACT_LIMIT) for text in texts)
    )
    faces = [token.decode(change_of(reply)).amount for reply in replies]
    assert faces == [19 + n for n in range(12)]
    for reply in replies:
        await redeemed(purse, change_of(reply))


# what fails


@pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
@pytest.mark.parametrize("play", sorted(set(PLAYS) - {"slow"}))
@on_sqlite
async def test_whatever_a_provider_does_the_token_comes_back_less_what_was_served(
    client: Client, purse: Purse, play: str, stream: bool
) -> None:
    text = await purse.token(100)
    reply = await client.pay(text, play, stream=stream, max_tokens=LIMIT)
    change = change_of(reply)
    face = await redeemed(purse, change)
    if reply.status == 200:
        says = told(reply)
        cost = says["cost"]["total_msats"]
        assert 0 < cost <= 1 + 2 * 200 + 8 * LIMIT
        assert cost + int(face) + says["unrefunded_msats"] == 100_000
        return
    error = reply.json["error"]
    assert error["type"] == "upstream_error"
    assert (error["refund_token"], face) == (change, Msat(100_000))
    assert (error["change_msats"], error["unrefunded_msats"]) == (100_000, 0)


@every_pair
async def test_a_failed_request_gives_the_full_value(client: Client, purse: Purse) -> None:
    text = await purse.token(1_000)
    value = await worth(purse, text)
    reply = await client.pay(text, "refuse-500")
    assert reply.error == (500, "upstream_error", "upstream_rejected")
    assert reply.json["error"]["refund_token"] == reply.headers["X-Cashu"]
    made_for = reply.json["error"]["mint_fee_msats"] - int(await purse.fee_msat(text))
    assert int(await redeemed(purse, reply.headers["X-Cashu"])) + made_for == value


# who leaves


@pytest.mark.parametrize("finishes", [True, False], ids=["it finishes", "it does not"])
async def test_who_leaves_in_mid_stream_claims_the_change(
    house: House, client: Client, purse: Purse, finishes: bool
) -> None:
    text = await purse.token(100)
    client.secrets.add(text)
    gate = asyncio.Event()
    house.upstream.next(chat(Played(words=WORDS), Shape(gate_after=10, gate=gate)))
    async with aiohttp.ClientSession(trust_env=False) as session:
        response = await session.post(
            f"{house.node.base_url}/chat/completions",
            headers={"X-Cashu": text},
            json={"model": "good", "messages": QUESTION, "stream": True, "max_tokens": 40},
        )
        assert response.status == 200
        assert b"data: " in await response.content.readany()
        response.close()
    if finishes:
        gate.set()
    taken = await given_back(client, purse, text)
    ((cost, left),) = await house.rows(
        "SELECT spent, posted FROM accounts WHERE kind = 2 ORDER BY id DESC LIMIT 1"
    )
    assert 0 < cost < 1_000
    assert cost + int(taken) + left == 100_000


async def test_who_hears_nothing_claims_the_change(
    house: House, client: Client, purse: Purse
) -> None:
    """The answer was lost: to a claim, the client and the node agree on what was paid."""
    text = await purse.token(100)
    client.secrets.add(text)
    gate = asyncio.Event()
    house.upstream.next(chat(shape=Shape(gate=gate)))
    asking = asyncio.create_task(client.pay(text))
    async with asyncio.timeout(10):
        while (waiting := await client.claim(text)).status == 404:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.02)
    assert (waiting.status, waiting.headers["Retry-After"]) == (425, "2")
    asking.cancel()
    await asyncio.gather(asking, return_exceptions=True)
    gate.set()
    assert await given_back(client, purse, text) <= Msat(100_000)


async def test_nothing_that_was_never_paid_is_claimed(client: Client, purse: Purse) -> None:
    text = await purse.token(3)
    reply = await client.claim(text)
    assert reply.error == (404, "invalid_request_error", "refund_not_found")
    assert "Refund not found" in reply.json["detail"]["error"]["message"]
    assert set(await purse.payer.states(text)) == {ProofState.UNSPENT}


@pytest.mark.parametrize("purse", [("mint", Unit.MSAT)], indirect=True)
async def test_where_nothing_is_left_nothing_is_claimed(client: Client, purse: Purse) -> None:
    text = await purse.token(EXACT_MSAT)
    reply = await client.pay(text, EXACT, max_tokens=EXACT_LIMIT)
    assert reply.status == 200
    assert "X-Cashu" not in reply.headers
    assert told(reply)["change_msats"] == told(reply)["unrefunded_msats"] == 0
    claim = await client.claim(text)
    assert claim.error == (400, "invalid_request_error", "no_balance")
    assert "No balance to refund" in claim.message
