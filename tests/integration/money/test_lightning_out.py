"""Money that leaves over Lightning, through real mints, to an address that we play."""

import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from devkit.fault_proxy import FaultProxy
from devkit.faults import broken, busy, garbage, killing, lost
from devkit.invoices import make_invoice
from devkit.lnurl import LnurlServer, Play
from devkit.mint import Mint, MintOptions, Version
from devkit.payer import Payer
from routstr.errors import (
    BalanceTooSmall,
    LightningAddressRefused,
    LightningFailed,
    RefundUnderWay,
    RefundWithheld,
)
from routstr.money import Unit
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import Client, House, Reply, open_house

MELT = "/v1/melt/bolt11"
REFUND = "/v1/balance/refund"


@pytest_asyncio.fixture(loop_scope="session")
async def bob() -> AsyncIterator[LnurlServer]:
    async with LnurlServer() as server:
        yield server


async def refund(client: Client, key: str, address: str, path: str = REFUND) -> Reply:
    return await client.call("POST", path, key=key, json={"lightning_address": address})


async def own(house: House) -> int:
    """The operator's own, in msat."""
    return int((await house.rows("SELECT sum(posted) FROM accounts WHERE kind >= 20"))[0][0])


@every_pair
async def test_a_balance_leaves_over_lightning_and_fees_are_told(
    client: Client, house: House, purse: Purse, bob: LnurlServer
) -> None:
    amount = 2_000 if purse.unit is Unit.SAT else 2_000_000
    key = await client.new_key(await purse.token(amount))
    before, _ = await client.balance(key)
    paid = await refund(client, key, bob.address)

    assert paid.status == 200, paid.body
    told = paid.json
    arrived = int(told["msats"])
    assert (told["recipient"], told["status"], told["mint"]) == (
        bob.address,
        "paid",
        purse.mint.url,
    )
    assert (int(told["sats"]) * 1_000, bob.asked[-1]) == (arrived, arrived)
    assert arrived > before * 98 // 100, "the most that fits"
    assert told["balance"] == before - arrived - told["mint_fee"] - told["lightning_fee"]
    assert purse.has_fee or told["mint_fee"] == 0
    assert (await client.balance(key), paid.headers["Cache-Control"]) == (
        (told["balance"], 0),
        "no-store",
    )
    kinds = [one["kind"] for one in await client.history(key)]
    assert kinds[:2] == ["lightning_return", "lightning_refund"]

    again = await refund(client, key, bob.address, "/v1/wallet/refund")
    assert again.json == {**told, "repeated": True}
    header = await client.call("POST", REFUND, key=key, headers={"Refund-LNURL": bob.address})
    assert header.json == again.json
    assert bob.address not in house.logged()


@on_sqlite
@pytest.mark.parametrize(
    ("play", "message"),
    [
        ("another amount", "another amount"),
        ("another description", "something else"),
        ("another tag", "not one to pay to"),
        ("callback elsewhere", "public"),
        ("giant", "too much"),
        ("redirect", "no such address"),
        ("refuses", "Bob is out."),
    ],
)
async def test_an_address_that_misbehaves_costs_nothing(
    client: Client, purse: Purse, bob: LnurlServer, play: Play, message: str
) -> None:
    key = await client.new_key(await purse.token(100))
    bob.play = play
    refused = await refund(client, key, bob.address)
    assert refused.error == (400, LightningAddressRefused.type, LightningAddressRefused.code)
    assert message in refused.message
    assert not bob.was_led_astray
    assert await client.balance(key) == (100_000, 0)


@on_sqlite
async def test_what_cannot_be_refunded(client: Client, purse: Purse, bob: LnurlServer) -> None:
    key = await client.new_key(await purse.token(100))
    for address in (
        "bob@10.0.0.1",
        "bob@169.254.169.254",
        "bob@example.onion",
        "lnurlp://[::1]/x",
        "lnurl1nonsense",
        "http://example.com",
        "bob@127.0.0.1:1",
        "bob",
    ):
        answer = await refund(client, key, address)
        assert answer.error[::2] == (400, LightningAddressRefused.code), address
        assert "example.com" not in answer.message
    for body in (
        {"lightning_address": 5},
        {"lightning_address": ""},
        {"lightning_address": "x" * 600},
    ):
        answer = await client.call("POST", REFUND, key=key, json=body)
        assert answer.status in {400, 422}, body
    bob.least_msat = 200_000
    small = await refund(client, key, bob.address)
    assert small.error[2] == BalanceTooSmall.code
    assert await client.balance(key) == (100_000, 0)

    bob.least_msat = 1_000
    await refund(client, key, bob.address)
    assert (await client.refund(key)).status == 200, "what the mint returned of its reserve"
    unknown = await refund(client, "sk-" + "0" * 64, bob.address)
    assert (unknown.status, "Key not found" in unknown.message) == (401, True)


@on_sqlite
async def test_fifty_refunds_at_once_pay_once(
    client: Client, purse: Purse, bob: LnurlServer
) -> None:
    key = await client.new_key(await purse.token(500))
    replies = await asyncio.gather(*(refund(client, key, bob.address) for _ in range(50)))
    paid = [reply.json["refund_id"] for reply in replies if reply.status == 200]
    others = {reply.status for reply in replies} - {200}
    assert len(set(paid)) == 1
    assert others <= {409, 503}, [reply.body for reply in replies if reply.status not in {200, 409}]
    assert (await refund(client, key, bob.address)).json["refund_id"] == paid[0]


@pytest.fixture(params=["0.21", "0.19"])
def version(request: pytest.FixtureRequest) -> Version:
    version: Version = request.param
    return version


@pytest_asyncio.fixture(loop_scope="session")
async def moody(tmp_path: Path, version: Version) -> AsyncIterator[Mint]:
    """A mint of the test's own, whose payments end as its environment says."""
    (tmp_path / "moody").mkdir()
    mint = await Mint.start(tmp_path / "moody", MintOptions(version=version, fee_ppk=100))
    yield mint
    await mint.stop()


async def turn(mint: Mint, state: str) -> None:
    """Let payments end so from now on, also the one under way."""
    environment = {"FAKEWALLET_PAY_INVOICE_STATE": state, "FAKEWALLET_PAYMENT_STATE": state}
    mint.options = replace(mint.options, environment=environment)
    await mint.restart()


async def ended(house: House) -> None:
    """Wait until recovery has ended every saga."""
    async with asyncio.timeout(40):
        while await house.rows("SELECT 1 FROM sagas WHERE state = 0"):  # noqa: ASYNC110
            await asyncio.sleep(0.1)


async def balanced(house: House) -> None:
    outcome = await house.audit()
    assert outcome.holds, [check for check in outcome.checks if not check.holds]


async def test_a_payment_of_which_nobody_knows_is_withheld_until_the_mint_does(
    tmp_path: Path, database_url: str, moody: Mint, bob: LnurlServer
) -> None:
    async with (
        FaultProxy(moody.url) as proxy,
        Payer(proxy.url) as payer,
        open_house(tmp_path, database_url, [proxy.url]) as house,
    ):
        client = house.client
        keys = [await client.new_key(await payer.token(1_000)) for _ in range(2)]
        await turn(moody, "PENDING")
        withheld = await refund(client, keys[0], bob.address)
        assert withheld.error == (502, RefundWithheld.type, RefundWithheld.code)
        error = withheld.json["error"]
        assert (len(error["refund_id"]), error["status"]) == (32, "pending")
        for answer in (
            await refund(client, keys[0], bob.address),
            await refund(client, keys[0], "carol@example.com"),
            await client.refund(keys[0]),
        ):
            assert answer.error[::2] == (409, RefundUnderWay.code)
            assert answer.json["error"]["refund_id"] == error["refund_id"]
        await balanced(house)

        house.node.kill()
        await turn(moody, "SETTLED")
        await house.node.restart()
        await ended(house)
        paid = await refund(client, keys[0], bob.address)
        assert (paid.status, paid.json["refund_id"]) == (200, error["refund_id"])
        assert paid.json["repeated"] is True
        assert (await client.balance(keys[0]))[0] == paid.json["balance"]

        await turn(moody, "FAILED")
        before = await client.balance(keys[1])
        failed = await refund(client, keys[1], bob.address)
        assert failed.error == (503, LightningFailed.type, LightningFailed.code)
        assert await client.balance(keys[1]) == before
        await balanced(house)
        assert house.leaks() == []


@pytest.mark.parametrize("handled", [False, True], ids=["before", "after"])
async def test_lost_answers_and_crashes_pay_once(
    tmp_path: Path, database_url: str, mint: Mint, bob: LnurlServer, handled: bool
) -> None:
    async with (
        FaultProxy(mint.url) as proxy,
        Payer(proxy.url) as payer,
        open_house(tmp_path, database_url, [proxy.url]) as house,
    ):
        client = house.client
        for fault in (lost, busy, broken, garbage):
            key = await client.new_key(await payer.token(500))
            proxy.reset()
            proxy.plan(MELT, fault(handled=handled))
            first = await refund(client, key, bob.address)
            assert first.status in {200, 502}, first.body
            proxy.reset()
            await ended(house)
            told = await refund(client, key, bob.address)
            assert (told.status, told.json["repeated"]) == (200, True), fault
            assert told.json["balance"] + int(told.json["msats"]) > 490_000
            await balanced(house)

        key = await client.new_key(await payer.token(500))
        proxy.reset()
        proxy.plan(MELT, killing(lambda: crash(house), handled=handled))
        with pytest.raises(aiohttp.ClientError):
            await refund(client, key, bob.address)
        proxy.reset()
        await house.node.restart()
        await ended(house)
        told = await refund(client, key, bob.address)
        assert (told.status, told.json["repeated"]) == (200, True)
        await balanced(house)
        rows = await house.rows("SELECT state, count(*) FROM sagas WHERE kind = 4 GROUP BY state")
        assert rows == [(1, 5)], "one payment for each refund"


def crash(house: House) -> None:
    house.node.kill()


async def said(house: House, *arguments: str) -> tuple[int, Any]:
    """Run a command of the operator; its JSON, or its words."""
    finished = await house.node.command("wallet", *arguments)
    try:
        return finished.status, json.loads(finished.output.splitlines()[-1])
    except ValueError:
        return finished.status, finished.output


async def test_the_operator_takes_out_what_is_his_and_no_more(
    tmp_path: Path, database_url: str, fee_mint: Mint, bob: LnurlServer
) -> None:
    async with (
        Payer(fee_mint.url) as payer,
        open_house(tmp_path, database_url, [fee_mint.url]) as house,
    ):
        client = house.client
        nothing = await said(house, "payout", "--to", bob.address, "--json")
        assert (nothing[0], "Nothing was paid out" in nothing[1]) == (1, True)

        keys = [await client.new_key(await payer.token(2_000)) for _ in range(3)]
        await earn(house, keys[0], 1_000)
        owned = await own(house)
        assert owned > 500_000
        too_much = str(owned // 1_000 + 1)
        for arguments in (("payout", "--to", bob.address), ("withdraw",)):
            status, words = await said(house, *arguments, "--amount", too_much)
            assert (status, "does not cover" in words) == (1, True), words

        status, told = await said(house, "payout", "--to", bob.address, "--amount", "50", "--json")
        assert (status, told["state"], told["paid"], bob.asked) == (0, "done", 50, [50_000])
        status, told = await said(house, "payout", "--to", make_invoice(20_000), "--json")
        assert (status, told["paid"]) == (0, 20)
        status, token = await said(house, "withdraw", "--amount", "60", "--json")
        assert status == 0
        assert (await said(house, "withdraw", "--saga", str(token["saga"]), "--json"))[1] == token
        assert await payer.redeem(token["token"]) > 50
        status, told = await said(house, "payout", "--to", bob.address, "--json")
        assert (status, await own(house) < 20_000) == (0, True)
        await balanced(house)
        for key in keys:
            assert (await refund(client, key, bob.address)).status == 200
        await balanced(house)
        assert await own(house) >= 0


async def test_profit_leaves_by_itself_while_customers_take_theirs(
    tmp_path: Path, database_url: str, mint: Mint, bob: LnurlServer
) -> None:
    more = {
        "RECEIVE_LN_ADDRESS": bob.address,
        "MIN_PAYOUT_SAT": "10",
        "MAX_PAYOUT_SAT": "40",
        "PAYOUT_INTERVAL_SECONDS": "0.2",
    }
    async with (
        Payer(mint.url) as payer,
        open_house(tmp_path, database_url, [mint.url], more=more) as house,
        open_house(tmp_path / "second", database_url, [mint.url], more=_shared(house, more)) as two,
    ):
        client = house.client
        keys = [await client.new_key(await payer.token(100)) for _ in range(50)]
        spender = await client.new_key(await payer.token(3_000))
        work = [
            *(
                refund(one, key, bob.address)
                for one, key in zip(_both(house, two), keys[:25], strict=False)
            ),
            *(one.refund(key) for one, key in zip(_both(house, two), keys[25:], strict=False)),
            earn(house, spender, 400),
        ]
        replies = await asyncio.gather(*work)
        assert {reply.status for reply in replies if reply is not None} <= {200, 503}
        async with asyncio.timeout(60):
            while await own(house) >= 12_000:  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(0.2)
        await ended(house)
        await balanced(house)
        assert await own(house) >= 0
        rows = await house.rows("SELECT max(gross) FROM sagas WHERE purpose = 'payout'")
        assert rows[0][0] <= 40
        for key in keys:
            left, _ = await client.balance(key)
            assert left <= 100_000
        assert (await client.balance(spender))[0] > 2_000_000


def _both(one: House, two: House) -> list[Client]:
    return [one.client, two.client] * 13


def _shared(house: House, more: dict[str, str]) -> dict[str, str]:
    key = house.node.folder / "routstr_secret.key"
    return {**more, "ROUTSTR_SECRET_KEY_FILE": str(key)}


async def earn(house: House, key: str, sats: int) -> None:
    """Let a customer spend until the operator owns so much."""
    async with asyncio.timeout(120):
        while await own(house) < sats * 1_000:
            replies = await asyncio.gather(
                *(house.client.chat(key, "good", max_tokens=1_000) for _ in range(10))
            )
            assert {reply.status for reply in replies} == {200}, replies[0].body
