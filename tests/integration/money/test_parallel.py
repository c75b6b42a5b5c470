"""Many at once on one balance: served exactly as far as the money goes."""

import asyncio
from collections import Counter

import pytest

from routstr.errors import InsufficientBalance, NothingToRefund, RefundBlocked
from routstr.money import Unit
from tests.integration.money.conftest import Purse
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client

in_msat = pytest.mark.parametrize("purse", [("mint", Unit.MSAT)], indirect=True)


@in_msat
@pytest.mark.parametrize("stream", [False, True])
async def test_fifty_requests_with_the_money_of_ten_are_ten_answers(
    client: Client, purse: Purse, stream: bool
) -> None:
    key = await client.new_key(await purse.token(10 * EXACT_MSAT))
    replies = await asyncio.gather(
        *(client.chat(key, EXACT, max_tokens=EXACT_LIMIT, stream=stream) for _ in range(50))
    )
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    refusals = [reply.error for reply in replies if reply.status == 402]
    assert set(refusals) == {(402, InsufficientBalance.type, InsufficientBalance.code)}
    info = (await client.info(key)).json
    assert (info["balance"], info["reserved"]) == (0, 0)
    assert (info["total_spent"], info["total_requests"]) == (10 * EXACT_MSAT, 10)


@in_msat
async def test_fifty_first_requests_of_a_token_with_the_money_of_ten(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(10 * EXACT_MSAT)
    replies = await asyncio.gather(
        *(client.chat(text, EXACT, max_tokens=EXACT_LIMIT) for _ in range(50))
    )
    assert Counter(reply.status for reply in replies) == {200: 10, 402: 40}
    assert await client.balance(text) == (0, 0)


@in_msat
async def test_spending_topping_up_and_taking_back_at_once(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(20 * EXACT_MSAT))
    tokens = [await purse.token(2 * EXACT_MSAT) for _ in range(4)]
    spending = [client.chat(key, EXACT, max_tokens=EXACT_LIMIT) for _ in range(20)]
    topping = [client.topup(key, text) for text in tokens]
    taking = [client.refund(key) for _ in range(6)]
    mixed = [
        work for three in zip(spending[:4], topping, taking[:4], strict=True) for work in three
    ]
    replies = await asyncio.gather(*mixed, *spending[4:], *taking[4:])

    paid = sum(r.cost for r in replies if r.status == 200 and "choices" in r.json)
    assert all(r.status == 200 for r in replies if "msats" in r.json and "token" not in r.json)
    given = {r.json["token"]: r.json for r in replies if r.status == 200 and "token" in r.json}
    taken = sum(int(one["msats"]) for one in given.values())
    left, reserved = await client.balance(key)
    assert reserved == 0
    assert paid + taken + left == 28 * EXACT_MSAT
    for reply in replies:
        if reply.status != 200:
            codes = {InsufficientBalance.code, RefundBlocked.code, NothingToRefund.code}
            assert reply.error[2] in codes
    for one in given:
        await purse.payer.redeem(one)
