"""Taking a balance back as ecash that another wallet can redeem."""

import asyncio
from urllib.parse import urlsplit

import pytest

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import Shape, chat
from routstr.errors import (
    BalanceTooSmall,
    InsufficientBalance,
    KeyNotFound,
    NothingToRefund,
    RefundBlocked,
)
from routstr.money import Msat, Unit
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House


def face(reply_json: dict[str, str], unit: Unit) -> int:
    return int(reply_json["sats" if unit is Unit.SAT else "msats"])


@every_pair
async def test_a_balance_comes_back_as_a_token_that_another_wallet_redeems(
    client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(2_000))
    await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    before, _ = await client.balance(key)
    reply = await client.refund(key)

    assert reply.status == 200
    given = token.decode(reply.json["token"])
    gross = purse.unit.from_msat_down(Msat(before))
    fee = purse.unit.to_msat(gross - given.amount)
    assert (given.mint, given.unit) == (purse.mint.url, purse.unit)
    assert (reply.json["mint"], reply.json["unit"]) == (purse.mint.url, purse.unit)
    assert face(reply.json, purse.unit) == given.amount
    assert ("sats" in reply.json) is (purse.unit is Unit.SAT)
    assert ("msats" in reply.json) is (purse.unit is Unit.MSAT)
    assert (reply.json["mint_fee"], reply.json["repeated"]) == (fee, False)
    assert purse.has_fee or fee == 0
    assert reply.json["balance"] == before - int(purse.unit.to_msat(gross))
    async with Payer(purse.mint.url) as another:
        arrived = await another.redeem(reply.json["token"])
        assert arrived == given.amount - (await another.fee(reply.json["token"]))


async def test_a_refund_is_repeated_until_new_money_and_ends_when_it_is_redeemed(
    client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(9))
    first = (await client.refund(key)).json
    again = (await client.refund(key)).json
    assert again == {**first, "repeated": True}

    await client.topup(key, await purse.token(3))
    second = (await client.refund(key)).json
    assert (second["sats"], second["repeated"]) == ("3", False)
    assert second["token"] != first["token"]

    for text in (first["token"], second["token"]):
        await purse.payer.redeem(text)
    empty = await client.refund(key)
    assert empty.error == (400, NothingToRefund.type, NothingToRefund.code)
    assert empty.message == "No balance to refund."
    assert "No balance to refund" in empty.json["detail"]["error"]["message"]
    assert (await client.info(key)).json["balance"] == 0
    assert (await client.chat(key)).error[2] == InsufficientBalance.code


async def test_a_token_whose_answer_was_lost_is_told_though_money_came_in_since(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(9))
    await ask_and_leave(house, client, key)
    await client.topup(key, await purse.token(3))

    refund = (await client.refund(key)).json
    (earlier,) = refund["earlier"]
    assert [one["amount"] for one in refund["tokens"]] == [3]
    assert (earlier["amount"], earlier["unit"], earlier["mint"]) == (9, "sat", purse.mint.url)
    assert (refund["refunded_msats"], refund["repeated"]) == (3_000, False)
    assert await purse.payer.redeem(refund["token"]) == 3

    alone = (await client.refund(key)).json
    assert (alone["token"], alone["sats"], alone["repeated"]) == (earlier["token"], "9", True)
    assert "earlier" not in alone
    assert await purse.payer.redeem(alone["token"]) == 9
    assert (await client.refund(key)).error[2] == NothingToRefund.code
    assert (await client.balance(key)) == (0, 0)


async def ask_and_leave(house: House, client: Client, key: str) -> None:
    """Ask for a refund and hang up when it is made, before any of the answer is read."""
    given = "SELECT count(*) FROM issued_tokens"
    before = await house.rows(given)
    at = urlsplit(client.url)
    _, line = await asyncio.open_connection(at.hostname, at.port)
    head = f"POST /v1/balance/refund HTTP/1.1\r\nHost: {at.netloc}\r\nContent-Length: 0\r\n"
    line.write(f"{head}Authorization: Bearer {key}\r\n\r\n".encode())
    async with asyncio.timeout(30):
        while await house.rows(given) == before:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.02)
    line.transport.abort()


async def test_what_is_below_one_sat_stays_as_balance(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(1))
    await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    small = await client.refund(key)
    assert small.error == (400, BalanceTooSmall.type, BalanceTooSmall.code)
    assert await client.balance(key) == (1_000 - EXACT_MSAT, 0)


async def test_a_running_request_blocks_the_refund(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(100))
    gate = asyncio.Event()
    house.upstream.next(chat(shape=Shape(gate=gate)))
    running = asyncio.create_task(client.chat(key))
    await client.wait_for_hold(key, held=True)
    blocked = await client.refund(key)
    assert blocked.error == (400, RefundBlocked.type, RefundBlocked.code)
    assert "There are ongoing requests for this api key." in blocked.message
    gate.set()
    paid = await running
    refund = await client.refund(key)
    assert refund.json["sats"] == str((100_000 - paid.cost) // 1_000)


async def test_a_token_used_as_key_takes_its_own_change(client: Client, purse: Purse) -> None:
    text = await purse.token(9)
    paid = await client.chat(text, EXACT, max_tokens=EXACT_LIMIT)
    assert paid.status == 200
    assert (await client.refund(text)).json["sats"] == "8"


async def test_many_refunds_of_one_key_at_once_give_one_token(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(50))
    await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    replies = await asyncio.gather(*(client.refund(key) for _ in range(12)))
    assert {reply.status for reply in replies} == {200}
    assert len({reply.json["token"] for reply in replies}) == 1
    assert (await client.balance(key))[0] == 1_000 - EXACT_MSAT


async def test_many_keys_take_their_money_at_once(client: Client, purse: Purse) -> None:
    keys = [await client.new_key(await purse.token(20)) for _ in range(6)]
    for key in keys:
        await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    replies = await asyncio.gather(*(client.refund(key) for key in keys))
    assert [reply.json.get("sats") for reply in replies] == ["19"] * 6
    for reply in replies:
        await purse.payer.redeem(reply.json["token"])


@on_sqlite
async def test_another_mint_pays_when_the_own_one_lacks_the_money(
    house: House, client: Client, payers: dict[str, Payer], mints: dict[str, Mint]
) -> None:
    """The fullest mint pays; what no single mint has is paid in parts."""
    rich, poor = payers["mint"], payers["old_free_mint"]
    outcome = await house.audit()
    there = sum(h.liquid for h in outcome.holdings if (h.mint, h.unit) == (poor.mint_url, Unit.SAT))
    await client.new_key(await rich.token(there + 100))
    key = await client.new_key(await poor.token(8))
    await client.topup(key, await rich.token(there + 50))

    refund = (await client.refund(key)).json
    assert (refund["mint"], refund["sats"]) == (rich.mint_url, str(there + 58))
    assert await rich.redeem(refund["token"]) == there + 58
    assert mints["mint"].url == rich.mint_url


@on_sqlite
async def test_only_a_known_key_is_refunded(client: Client, purse: Purse) -> None:
    unknown = await client.refund("sk-" + "1" * 64)
    assert unknown.error == (401, KeyNotFound.type, KeyNotFound.code)
    text = await purse.token(2)
    assert (await client.refund(text)).error == unknown.error
    assert set(await purse.payer.states(text)) == {ProofState.UNSPENT}


@on_sqlite
@pytest.mark.parametrize("path", ["/v1/balance/refund", "/v1/wallet/refund"])
async def test_a_refund_is_for_its_owner_alone(client: Client, purse: Purse, path: str) -> None:
    key = await client.new_key(await purse.token(2))
    reply = await client.call("POST", path, key=key)
    assert reply.headers["Cache-Control"] == "no-store"
    assert reply.json["token"].startswith("cashuB")
