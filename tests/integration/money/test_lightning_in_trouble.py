"""Paying in over Lightning while the mint errs, the node dies, or the books are closed."""

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from devkit import faults
from devkit.fault_proxy import FaultProxy
from devkit.faults import Fault
from devkit.mint import Mint
from routstr.core.clock import SystemClock
from routstr.core.db import postgres, sqlite
from routstr.money import Unit
from routstr.wallet.mint import Mint as MintClient
from routstr.wallet.mint_gate import MintGate
from tests.integration.money.house import Client, House, Reply, open_house

QUOTE = "/v1/mint/quote/bolt11"
QUOTES = "/v1/mint/quote/bolt11/"
MINT = "/v1/mint/bolt11"
OPEN_MAX = 12


@pytest_asyncio.fixture(loop_scope="session")
async def proxy(mint: Mint) -> AsyncIterator[FaultProxy]:
    async with FaultProxy(mint.url) as proxy:
        yield proxy


@pytest_asyncio.fixture(loop_scope="session")
async def house(tmp_path: Path, database_url: str, proxy: FaultProxy) -> AsyncIterator[House]:
    """A node of the test's own, whose mint is behind the proxy."""
    more = {"LIGHTNING_OPEN_INVOICES_MAX": str(OPEN_MAX)}
    async with open_house(tmp_path, database_url, [proxy.url], more=more) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert await house.rows("SELECT count(*) FROM sagas WHERE state = 0") == [(0,)]
        assert house.leaks() == []


@pytest.fixture
def client(house: House) -> Client:
    return house.client


async def ask(client: Client, sats: int) -> Reply:
    return await client.call("POST", "/lightning/invoice", json={"amount_sats": sats})


async def told(client: Client, invoice_id: str) -> dict[str, Any]:
    reply = await client.call("GET", f"/lightning/invoice/{invoice_id}/status")
    assert reply.status == 200, reply.body
    return dict(reply.json)


async def paid(client: Client, invoice_id: str) -> str:
    """Wait for the key."""
    async with asyncio.timeout(45):
        while True:
            state = await told(client, invoice_id)
            if state["status"] == "paid":
                return str(state["api_key"])
            await asyncio.sleep(0.3)


def crash(house: House) -> None:
    house.node.kill()


def misbehaviours() -> list[tuple[str, Fault]]:
    return [
        (MINT, faults.lost(handled=True)),
        (MINT, faults.lost(handled=False)),
        (MINT, faults.broken(handled=True)),
        (MINT, faults.garbage(handled=True)),
        (MINT, faults.busy(handled=True)),
        (MINT, faults.bad_dleq()),
        (MINT, faults.wrong_amounts()),
        (MINT, faults.wrong_points()),
        (MINT, faults.too_few()),
        (MINT, faults.refusal(faults.UNKNOWN_CODE, handled=True)),
        (MINT, faults.refusal(faults.UNKNOWN_CODE, handled=False)),
        (QUOTES, faults.broken(handled=False)),
        (QUOTES, faults.busy(handled=False)),
        (QUOTES, faults.refusal(faults.UNKNOWN_CODE, handled=False, status=404)),
        (QUOTES, faults.garbage(handled=True)),
    ]


async def test_however_a_mint_errs_each_invoice_is_credited_once(
    house: House, client: Client, proxy: FaultProxy
) -> None:
    for number, (path, fault) in enumerate(misbehaviours()):
        proxy.reset()
        proxy.plan(path, fault)
        sats = 20 + number
        made = await ask(client, sats)
        assert made.status == 200, made.body
        key = await paid(client, made.json["invoice_id"])
        assert any(call.faulty for call in proxy.calls), path
        assert await client.balance(key) == (sats * 1_000, 0), path
        assert [one["kind"] for one in await client.history(key)] == ["deposit"]
        await asyncio.sleep(1)  # a mint that asked to wait is let alone for so long


async def test_an_invoice_that_no_mint_makes(
    house: House, client: Client, proxy: FaultProxy
) -> None:
    assert (await ask(client, 5)).status == 200, "what the mint says of itself is known"
    cases = [
        (faults.lost(handled=False), (503, "mint_unreachable", "lightning_mint_unreachable")),
        (faults.broken(handled=False), (503, "mint_unreachable", "lightning_mint_unreachable")),
        (faults.refusal(20_003, handled=False), (500, "api_error", "invoice_creation_failed")),
        (faults.quoted(amount=4), (503, "mint_unreachable", "lightning_mint_unreachable")),
        (faults.quoted(request="lnbc1nonsense"), (500, "api_error", "invoice_creation_failed")),
        (faults.busy(handled=False), (503, "mint_rate_limited", "lightning_mint_rate_limited")),
    ]
    for fault, expected in cases:
        proxy.reset()
        proxy.plan(QUOTE, fault, lasting=True)
        reply = await ask(client, 5)
        assert reply.error == expected
        assert ("Retry-After" in reply.headers) is (reply.status == 503)


async def test_unpaid_late_paid_and_a_death_between_paid_and_minted(
    house: House, client: Client, proxy: FaultProxy
) -> None:
    proxy.plan(QUOTES, faults.quoted(state="UNPAID"), lasting=True)
    made = [(await ask(client, 30 + number)).json for number in range(3)]
    for one in made:
        assert (await told(client, one["invoice_id"]))["status"] == "pending"
    other = await ask(client, 5)
    assert other.status == 200
    for _ in range(OPEN_MAX - 4):
        assert (await ask(client, 5)).status == 200
    refused = await ask(client, 5)
    assert refused.error == (429, "rate_limit_error", "too_many_open_invoices")

    for table in ("mint_quotes", "invoices"):
        past = "created_at - 1" if table == "mint_quotes" else "1"
        await write(house, f"UPDATE {table} SET expires_at = {past}")
    state = await told(client, made[0]["invoice_id"])
    assert (state["status"], state["api_key"]) == ("expired", None)
    assert (await ask(client, 5)).status == 200, "expired ones do not count"
    proxy.reset()
    await write(house, "UPDATE mint_quotes SET poll_at = 0")
    keys = [await paid(client, one["invoice_id"]) for one in made]
    assert [(await client.balance(key))[0] for key in keys] == [30_000, 31_000, 32_000]

    one = (await ask(client, 40)).json
    proxy.reset()
    proxy.plan(MINT, faults.killing(lambda: crash(house), handled=True))
    with pytest.raises(aiohttp.ClientError):
        await paid(client, one["invoice_id"])
    await house.node.restart()
    client.url = house.node.url
    key = await paid(client, one["invoice_id"])
    assert (await client.balance(key))[0] == 40_000


async def test_a_paid_invoice_is_credited_while_deposits_are_closed(
    house: House, client: Client, proxy: FaultProxy
) -> None:
    proxy.plan(QUOTES, faults.quoted(state="UNPAID"), lasting=True)
    made = (await ask(client, 50)).json
    await write(
        house,
        "UPDATE verifications SET closed_at = 1, reason = 'a test', version = version + 1",
    )
    assert (await ask(client, 5)).error == (503, "service_unavailable", "deposits_closed")
    proxy.reset()
    assert (await client.balance(await paid(client, made["invoice_id"])))[0] == 50_000


async def test_a_mint_that_is_not_listed_any_more_is_asked_by_command_only(
    house: House, client: Client, proxy: FaultProxy, mint: Mint
) -> None:
    proxy.plan(QUOTES, faults.quoted(state="UNPAID"), lasting=True)
    made = (await ask(client, 60)).json
    await told(client, made["invoice_id"])
    await house.node.restart({"CASHU_MINTS": mint.url})
    client.url = house.node.url
    proxy.reset()
    await write(house, "UPDATE mint_quotes SET poll_at = 0")
    await asyncio.sleep(3)
    assert (await told(client, made["invoice_id"]))["status"] == "pending"
    assert proxy.calls == []

    done = await house.node.command("wallet", "invoices", "--ask", "--all", "--json")
    assert [one["state"] for one in json.loads(done.output)["invoices"]] == ["issued"]
    state = await told(client, made["invoice_id"])
    assert (await client.balance(state["api_key"]))[0] == 60_000


async def test_a_real_mint_tells_when_an_invoice_is_paid(mint: Mint, old_mint: Mint) -> None:
    for real in (mint, old_mint):
        async with aiohttp.ClientSession() as session:
            known = MintClient(real.url, session, MintGate(SystemClock()))
            assert (await known.info()).tells_of_quotes("sat")
            quote = await known.mint_quote(5, Unit.SAT)
            async with known.quote_socket() as socket, asyncio.timeout(20):
                await socket.watch(quote.id)
                heard = asyncio.create_task(socket.next())
                await asyncio.sleep(0.5)  # until it is noted there
                await known.mint_quote_state(quote.id)  # these mints look only when they are asked
                assert await heard == quote.id


async def write(house: House, statement: str) -> None:
    """Change the node's database behind its back."""

    def change() -> None:
        url = house.database_url
        engine = (sqlite if url.startswith("sqlite") else postgres).engine(url, read_only=False)
        with engine.connect() as connection:
            connection.exec_driver_sql(statement)
        engine.dispose()

    await asyncio.to_thread(change)
