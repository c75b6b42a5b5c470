"""Books that were broken behind a running node's back: deposits close, everything else goes on."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from routstr.core.db import postgres, sqlite
from routstr.wallet.mint_types import ProofState
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, open_house

BREAK = "UPDATE accounts SET posted = posted + 1 WHERE kind = 20"
MEND = "UPDATE accounts SET posted = posted - 1 WHERE kind = 20"
OFTEN = {"VERIFY_INTERVAL_SECONDS": "0.3"}


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, mint: Mint) -> AsyncIterator[House]:
    async with open_house(tmp_path, database_url, [mint.url], more=OFTEN) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, outcome.checks
        assert house.leaks() == []


def change(url: str, statement: str) -> None:
    """Behind the node's back."""
    engine = (sqlite if url.startswith("sqlite") else postgres).engine(url, read_only=False)
    with engine.connect() as connection:
        connection.exec_driver_sql(statement)
    engine.dispose()


async def until_deposits_are(house: House, *, open_: bool) -> None:
    """As every client can see it."""
    async with asyncio.timeout(20):
        while (await info(house))["deposits_open"] is not open_:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.1)


async def info(house: House) -> dict[str, object]:
    return dict((await house.client.call("GET", "/v1/info")).json)


async def assert_refused(house: House, payer: Payer, key: str) -> None:
    """A deposit by any way is refused, and its token stays what it was."""
    text = await payer.token(8)
    for reply in (
        await house.client.create(text),
        await house.client.topup(key, text),
        await house.client.chat(text, EXACT, max_tokens=EXACT_LIMIT),
    ):
        assert reply.error == (503, "service_unavailable", "deposits_closed")
    assert set(await payer.states(text)) == {ProofState.UNSPENT}
    assert await payer.redeem(text) == 8


async def test_broken_books_close_deposits_and_nothing_else(house: House, mint: Mint) -> None:
    client = house.client
    async with Payer(mint.url) as payer:
        key, poor = [await client.new_key(await payer.token(amount)) for amount in (24, 16)]
        change(house.database_url, BREAK)
        await until_deposits_are(house, open_=False)
        await assert_refused(house, payer, key)

        health = await client.call("GET", "/health")
        assert (health.status, health.json["status"]) == (200, "degraded")
        assert health.json["deposits"].startswith("closed: postings sum to zero")
        assert "books_broken" in house.logged()
        assert (await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)).status == 200
        assert await client.balance(key) == (24_000 - EXACT_MSAT, 0)
        refund = await client.refund(poor)
        assert await payer.redeem(refund.json["token"]) == 16

        await house.node.stop()
        await house.node.restart()
        assert not (await info(house))["deposits_open"], "durable"
        await assert_refused(house, payer, key)
        assert (await house.node.command("verify", "--incremental")).status == 1

        change(house.database_url, MEND)
        await until_deposits_are(house, open_=True)
        assert "books_broken_cleared" in house.logged()
        assert (await client.topup(key, await payer.token(8))).status == 200
        refund = await client.refund(key)
        await payer.redeem(refund.json["token"])


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
async def test_a_command_closes_and_opens_them_too(
    tmp_path: Path, database_url: str, mint: Mint
) -> None:
    """The node itself verifies only at its start."""
    only_start = {"VERIFY_INTERVAL_SECONDS": "0"}
    async with (
        open_house(tmp_path, database_url, [mint.url], more=only_start) as house,
        Payer(mint.url) as payer,
    ):
        key = await house.client.new_key(await payer.token(16))
        change(database_url, BREAK)
        assert (await house.client.topup(key, await payer.token(1))).status == 200
        assert (await house.node.command("verify", "--incremental")).status == 1
        await assert_refused(house, payer, key)
        change(database_url, MEND)
        told = await house.node.command("verify", "--incremental")
        assert told.status == 0
        assert "Deposits are closed" in told.output, "only the whole proof opens them"
        assert (await house.node.command("verify")).status == 0
        assert (await house.client.topup(key, await payer.token(1))).status == 200
