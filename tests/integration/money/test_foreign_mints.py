"""One node, two real mints, one of which is foreign: its tokens pay for ecash of the other."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.fault_proxy import FaultProxy
from devkit.faults import UNKNOWN_CODE, lost, refusal
from devkit.mint import Mint
from devkit.payer import Payer
from routstr.wallet import token
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, Reply, open_house

MELT, STATE = "/v1/melt/bolt11", "/v1/melt/quote/bolt11/"
_DAY_SAT = 20_000


@dataclass
class Town:
    """A node, its mint, and a payer at the foreign one, to which ``way`` leads."""

    house: House
    home: Mint
    stranger: Payer
    way: FaultProxy

    async def account(self, reply: Reply, face: int) -> int:
        """What an answer says that a token brought: all of it, to the msat."""
        told = reply.json
        assert reply.status == 200, reply.body
        change = token.decode(told["change"])
        assert change.mint == self.way.url
        credited = int(told.get("msats") or told["credited"])
        assert told["gross"] == face * 1_000 == credited + told["mint_fee"] + change.amount * 1_000
        assert 0 < told["mint_fee"] <= 3_000, "both mints and the payment"
        return credited


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    tmp_path: Path, database_url: str, mint: Mint, fee_mint: Mint
) -> AsyncIterator[Town]:
    async with (
        FaultProxy(fee_mint.url) as way,
        Payer(way.url) as stranger,
        open_house(
            tmp_path,
            database_url,
            [mint.url],
            more={"SWAP_MINTS": way.url, "SWAP_SAT_PER_DAY": str(_DAY_SAT)},
        ) as house,
    ):
        yield Town(house, mint, stranger, way)
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_node_with_a_foreign_mint(town: Town) -> None:
    """One house serves all of it: a start is dear."""
    await _listed(town)
    await _a_key(town)
    await _only_for_balances(town)
    await _refused(town)
    await _lost(town)
    await _many_at_once(town)
    await _budget(town)


async def _listed(town: Town) -> None:
    info = await town.house.client.call("GET", "/v1/info")
    assert (info.json["mints"], info.json["swap_mints"]) == ([town.home.url], [town.way.url])
    asked = await town.house.client.chat(None)
    assert (asked.status, asked.json["mints"]) == (402, [town.home.url])


async def _a_key(town: Town) -> None:
    client, text = town.house.client, await town.stranger.token(500)
    made = await client.create(text)
    credited = await town.account(made, token.decode(text).amount)
    key, change = made.json["api_key"], made.json["change"]
    assert (made.json["mint"], made.json["balance"]) == (town.home.url, credited)
    again = await client.create(text)
    assert (again.json["api_key"], again.json["change"], again.json["credited"]) == (
        key, change, None,
    )  # fmt: skip
    served = await client.chat(text, EXACT, max_tokens=EXACT_LIMIT)
    assert (served.status, served.cost) == (200, EXACT_MSAT), "the token is the key"
    (deposit,) = [one for one in await client.history(key) if one["type"] == "in"]
    assert (deposit["amount"], deposit["mint_url"]) == (credited, town.home.url)
    fee = await town.stranger.fee(change)
    assert await town.stranger.redeem(change) == token.decode(change).amount - fee
    refund = (await client.refund(key)).json
    assert refund["mint"] == town.home.url
    assert int(refund["sats"]) == (credited - EXACT_MSAT) // 1_000
    straight = await client.chat(await town.stranger.token(300), EXACT, max_tokens=EXACT_LIMIT)
    assert straight.status == 200, straight.body


async def _only_for_balances(town: Town) -> None:
    text = await town.stranger.token(50)
    paid = await town.house.client.pay(text, EXACT, max_tokens=EXACT_LIMIT)
    assert paid.error == (400, "mint_error", "untrusted_mint")
    assert paid.headers["X-Cashu"] == text
    given = await town.house.client.call("POST", "/v1/balance/donate", json={"token": text})
    assert given.json == "Invalid token."
    small = await town.house.client.create(await town.stranger.token(2))
    assert small.error == (422, "mint_error", "cashu_token_swap_fees_exceed_amount")


async def _refused(town: Town) -> None:
    client, text = town.house.client, await town.stranger.token(100)
    town.way.reset()
    town.way.plan("/v1/melt/quote/bolt11", refusal(UNKNOWN_CODE, handled=False))
    assert (await client.create(text)).error[::2] == (422, "cashu_foreign_mint_swap_failed")
    town.way.reset()
    town.way.plan("/v1/checkstate", lost(handled=False))
    assert (await client.create(text)).error[::2] == (503, "cashu_source_mint_unreachable")
    town.way.reset()
    made = await client.create(text)
    await town.account(made, token.decode(text).amount)


async def _lost(town: Town) -> None:
    """The payment's answer is lost and the mint gone: it is asked later, and nothing is lost."""
    client, text = town.house.client, await town.stranger.token(400)
    key = await client.new_key(await town.stranger.token(40))
    town.way.reset()
    town.way.plan(MELT, lost(handled=True))
    town.way.plan(STATE, lost(handled=False), lasting=True)
    before, _ = await client.balance(key)
    first = await client.topup(key, text)
    assert first.status == 200 or first.error[::2] == (503, "cashu_redemption_pending")
    town.way.reset()
    again = first
    async with asyncio.timeout(60):
        while not again.json.get("change"):
            await asyncio.sleep(0.5)
            again = await client.topup(key, text)
    credited = await town.account(again, token.decode(text).amount)
    assert await client.balance(key) == (before + credited, 0)
    other = await client.topup(await client.new_key(await town.stranger.token(40)), text)
    assert other.error[::2] == (400, "cashu_token_already_spent")


async def _many_at_once(town: Town) -> None:
    client, text = town.house.client, await town.stranger.token(200)
    made = await asyncio.gather(*(client.create(text) for _ in range(20)))
    assert {reply.status for reply in made} == {200}
    assert len({reply.json["api_key"] for reply in made}) == 1
    (credited,) = {reply.json["credited"] for reply in made} - {None}
    assert await client.balance(made[0].json["api_key"]) == (credited, 0)


async def _budget(town: Town) -> None:
    text = await town.stranger.token(_DAY_SAT)
    reply = await town.house.client.create(text)
    assert reply.error == (422, "mint_error", "mint_exposure_reached")
    assert reply.json["error"]["details"]["mints"] == [town.home.url]
    assert await town.stranger.redeem(text) > _DAY_SAT - 100, "it was not redeemed"
