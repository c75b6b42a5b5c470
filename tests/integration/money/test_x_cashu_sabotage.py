"""A token for one request on a database that refuses a write at the worst moment."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from routstr.ledger.entries import AccountKind
from routstr.wallet.mint_types import ProofState
from tests.integration.lessons.sabotage import refused
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, Reply, open_house

PAYMENT = f"NEW.kind = {int(AccountKind.PAYMENT)}"


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, mint: Mint) -> AsyncIterator[House]:
    async with open_house(tmp_path, database_url, [mint.url]) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert await house.rows("SELECT count(*) FROM holds WHERE state = 0") == [(0,)]
        assert await house.rows("SELECT count(*) FROM sagas WHERE state = 0") == [(0,)]
        assert house.leaks() == []


@pytest_asyncio.fixture(loop_scope="session")
async def payer(mint: Mint) -> AsyncIterator[Payer]:
    async with Payer(mint.url) as payer:
        yield payer


async def pay(house: House, text: str, *, stream: bool = False) -> Reply:
    return await house.client.pay(text, EXACT, max_tokens=EXACT_LIMIT, stream=stream)


async def claimed(house: House, text: str) -> Reply:
    """Ask until it is no longer pending, as a client would: there is nothing else to wait for."""
    async with asyncio.timeout(40):
        while (reply := await house.client.claim(text)).status in {425, 503}:  # noqa: ASYNC110
            await asyncio.sleep(0.2)
    return reply


async def test_what_cannot_be_stored_before_the_mint_is_asked_leaves_the_token_alone(
    house: House, payer: Payer
) -> None:
    text = await payer.token(24)
    with refused(house.database_url, "INSERT", "claimed_y", when="NEW.saga > 0"):
        reply = await pay(house, text)
    assert reply.status >= 500
    assert set(await payer.states(text)) == {ProofState.UNSPENT}
    assert (await pay(house, text)).status == 200


async def test_a_credit_that_cannot_be_stored_is_made_later_and_pays(
    house: House, payer: Payer
) -> None:
    text = await payer.token(24)
    with refused(house.database_url, "INSERT", "accounts", when=PAYMENT):
        reply = await pay(house, text)
        assert reply.status >= 500
        assert "X-Cashu" not in reply.headers
        assert set(await payer.states(text)) == {ProofState.SPENT}
        assert (await house.client.claim(text)).status == 425
    reply = await pay(house, text)
    assert reply.status == 200
    assert await payer.redeem(reply.headers["X-Cashu"]) == 23


async def test_a_hold_that_cannot_be_stored_gives_everything_to_who_claims(
    house: House, payer: Payer
) -> None:
    text = await payer.token(24)
    with refused(house.database_url, "INSERT", "holds"):
        reply = await pay(house, text)
    assert reply.status >= 500
    assert reply.json["error"]["change_pending"] is True
    assert reply.headers["X-Routstr-Change"] == "pending"
    claim = await claimed(house, text)
    assert (claim.json["sats"], claim.json["balance"]) == ("24", 0)
    assert await payer.redeem(claim.json["token"]) == 24


async def test_change_that_cannot_be_stored_is_not_told_and_the_answer_is(
    house: House, payer: Payer
) -> None:
    for stream in (False, True):
        text = await payer.token(24)
        with refused(house.database_url, "INSERT", "issued_tokens"):
            reply = await pay(house, text, stream=stream)
        assert reply.status == 200
        assert b'"change_pending":true' in reply.body
        assert b"cashuB" not in reply.body
        assert "X-Cashu" not in reply.headers
        claim = await claimed(house, text)
        assert (claim.json["sats"], claim.json["balance"]) == ("23", 1_000 - EXACT_MSAT)
        assert await payer.redeem(claim.json["token"]) == 23
