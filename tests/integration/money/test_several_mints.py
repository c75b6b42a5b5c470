"""One node, two real mints: refunds in parts, tidying up, a limit, a move between them, and crashes
in each half of the move.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest_asyncio

from devkit.fault_proxy import FaultProxy
from devkit.faults import lost
from devkit.mint import Mint
from devkit.payer import Payer
from routstr.wallet import token
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, open_house

SETTINGS = {
    "CONSOLIDATION_INTERVAL_SECONDS": "0.5",
    "PROOFS_PER_AMOUNT_MAX": "4",
}
_CAP_SAT = 3_000
_FEE_MSAT = 1_000
"""What the second mint takes for ten proofs."""


@dataclass
class Town:
    """A node and payers at its mints; the first one has no fee and is the primary one."""

    house: House
    first: Payer
    second: Payer
    primary: str
    way: FaultProxy
    """To the second mint."""

    @property
    def urls(self) -> tuple[str, str]:
        return self.primary, self.way.url

    async def key(self, payer: Payer, *amounts: int) -> str:
        first, *others = amounts
        key = await self.house.client.new_key(await payer.token(first))
        for amount in others:
            reply = await self.house.client.topup(key, await payer.token(amount))
            assert reply.status == 200, reply.body
        return key

    async def spend(self, key: str, times: int = 1) -> int:
        for _ in range(times):
            reply = await self.house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
            assert reply.status == 200, reply.body
        return times * EXACT_MSAT

    async def command(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        done = await self.house.node.command("wallet", *arguments, "--json")
        return done.status, json.loads(done.output) if done.output.startswith("{") else {}

    async def standing(self, mint: str) -> dict[str, Any]:
        _, told = await self.command("balance")
        found = [p for p in told["positions"] if (p["mint"], p["unit"]) == (mint, "sat")]
        return found[0] if found else {}

    async def until(self, query: str, expected: int) -> None:
        """Wait until the database says so."""
        async with asyncio.timeout(60):
            while (await self.house.rows(query))[0][0] < expected:  # noqa: ASYNC110 - a process
                await asyncio.sleep(0.2)


@pytest_asyncio.fixture(loop_scope="session")
async def town(
    tmp_path: Path, database_url: str, mint: Mint, fee_mint: Mint
) -> AsyncIterator[Town]:
    async with (
        FaultProxy(fee_mint.url) as way,
        Payer(mint.url) as first,
        Payer(way.url) as second,
        open_house(
            tmp_path,
            database_url,
            [mint.url, way.url],
            more={**SETTINGS, "MINT_EXPOSURE_SAT_MAX_OF": f"{way.url}={_CAP_SAT}"},
        ) as house,
    ):
        yield Town(house, first, second, mint.url, way)
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []


async def test_a_node_with_two_mints(town: Town) -> None:
    """One house serves all of it: a start is dear."""
    await _parts(town)
    await _tidying_up(town)
    await _limit(town)
    await _move(town)
    await _move_with_a_lost_answer(town)


async def _parts(town: Town) -> None:
    client, (one, two) = town.house.client, town.urls
    key = await town.key(town.first, 300)
    reply = await client.topup(key, await town.second.token(200))
    credited = 300_000 + reply.json["msats"]
    refund = (await client.refund(key)).json
    assert [part["mint"] for part in refund["tokens"]] == [one, two]
    assert (refund["token"], refund["sats"]) == (refund["tokens"][0]["token"], "300")
    assert refund["refunded_msats"] + refund["mint_fee"] == credited
    assert (refund["balance"], refund["repeated"]) == (0, False)
    again = (await client.refund(key)).json
    assert (again["tokens"], again["repeated"]) == (refund["tokens"], True)
    arrived = await town.first.redeem(refund["tokens"][0]["token"])
    rest = (await client.refund(key)).json
    assert [part["token"] for part in rest["tokens"]] == [refund["tokens"][1]["token"]]
    arrived += await town.second.redeem(rest["token"])
    assert arrived >= 490
    assert (await client.refund(key)).json["error"]["code"] == "no_balance"


async def _tidying_up(town: Town) -> None:
    """Small coins pile up; as soon as the node has earned the fee they become few."""
    client, (_, two) = town.house.client, town.urls
    key = await town.key(town.second, *[3] * 12)
    query = (
        "SELECT count(*) FROM proofs p JOIN keysets k ON k.id = p.keyset"
        f" WHERE p.status = 0 AND k.mint = '{two}' AND p.amount = 2"
    )
    assert (await town.house.rows(query))[0][0] >= 12
    assert (await town.standing(two))["payable"] == 0, "nothing is the operator's"
    charged = await town.spend(key, -(-_FEE_MSAT // EXACT_MSAT))
    await town.until("SELECT count(*) FROM sagas WHERE kind = 5 AND state = 1", 1)
    assert (await town.house.rows(query))[0][0] <= 6
    balance, _ = await client.balance(key)
    assert balance == 24_000 - charged, "the fee is not the customer's"


async def _limit(town: Town) -> None:
    client, (one, two) = town.house.client, town.urls
    text = await town.second.token(_CAP_SAT)
    reply = await client.create(text)
    assert reply.error == (422, "mint_error", "mint_exposure_reached")
    assert reply.json["error"]["details"]["mints"] == [one]
    paid = await client.pay(text, EXACT, max_tokens=EXACT_LIMIT)
    assert (paid.status, paid.headers["X-Cashu"]) == (422, text)
    assert await town.second.redeem(text) > _CAP_SAT - 100, "it was not redeemed"
    key = await town.key(town.first, 5)
    refused = await client.chat(key, "good", max_tokens=10_000_000)
    assert refused.status == 402
    asked = refused.json["amount"]
    assert refused.json["mints"] == ([one] if asked > _CAP_SAT else [one, two])


async def _move(town: Town) -> None:
    one, two = town.urls
    key = await town.key(town.second, 900)
    await town.spend(key, -(-6_000 // EXACT_MSAT))  # the reserve that the mint asks for is less
    before = await town.standing(one), await town.standing(two)
    status, moved = await town.command("swap", "--from", two, "--to", one, "--amount", "200")
    assert (status, moved["stage"], moved["amount_msat"]) == (0, "done", 200_000)
    after = await town.standing(one), await town.standing(two)
    assert after[0]["liquid"] == before[0]["liquid"] + 200
    assert before[1]["liquid"] - after[1]["liquid"] == 200 + moved["fee_msat"] // 1_000
    assert (await town.house.node.command("verify")).status == 0


async def _move_with_a_lost_answer(town: Town) -> None:
    one, two = town.urls
    town.way.reset()
    town.way.plan("/v1/melt/bolt11", lost(handled=True))
    status, moved = await town.command("swap", "--from", two, "--to", one, "--amount", "100")
    if status:
        await town.until("SELECT count(*) FROM sagas WHERE kind = 4 AND state = 1", 2)
        await town.until("SELECT count(*) FROM mint_quotes WHERE state = 2", 2)
    assert moved["amount_msat"] == 100_000
    query = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind = 11"
    assert await town.house.rows(query) == [(0,)], "nothing stays between"
    given = (await town.house.client.refund(await town.key(town.first, 9))).json
    assert token.decode(given["token"]).amount == 9
