"""Money that leaves over Lightning while answers are lost, nodes die, and everybody hurries."""

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
from devkit.lnurl import LnurlServer
from devkit.mint import Mint, MintOptions, Version
from devkit.payer import Payer
from routstr.errors import (
    LightningFailed,
    RefundUnderWay,
    RefundWithheld,
)
from tests.integration.money.house import Client, House, open_house
from tests.integration.money.lightning import refund

MELT = "/v1/melt/bolt11"


async def own(house: House) -> int:
    """The operator's own, in msat."""
    return int((await house.rows("SELECT sum(posted) FROM accounts WHERE kind >= 20"))[0][0])


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
        assert int(withheld.headers["Retry-After"]) > 0
        told = (await client.info(keys[0])).json
        assert told["refunds_pending"] > 900_000
        assert told["balance"] + told["refunds_pending"] == told["total_deposited"]
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
        assert (await client.info(keys[0])).json["refunds_pending"] == 0
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
        await earn(house, payer, 1_000)
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
    (tmp_path / "second").mkdir()
    async with (
        Payer(mint.url) as payer,
        open_house(tmp_path, database_url, [mint.url], more=more) as house,
        open_house(tmp_path / "second", database_url, [mint.url], more=_shared(house, more)) as two,
    ):
        client = house.client
        keys = [await client.new_key(await payer.token(100)) for _ in range(50)]
        others = await client.new_key(await payer.token(3_000))
        work = [
            *(
                refund(one, key, bob.address)
                for one, key in zip(_both(house, two), keys[:25], strict=False)
            ),
            *(one.refund(key) for one, key in zip(_both(house, two), keys[25:], strict=False)),
            earn(house, payer, 150),
        ]
        replies = await asyncio.gather(*work)
        refused = [reply for reply in replies if reply is not None and reply.status != 200]
        # a mint that everybody asks at once may be slow to say how a payment ended
        assert {reply.status for reply in refused if reply.error[2] != RefundWithheld.code} <= {503}
        async with asyncio.timeout(180):
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
        assert (await client.balance(others))[0] == 3_000_000


def _both(one: House, two: House) -> list[Client]:
    return [one.client, two.client] * 13


def _shared(house: House, more: dict[str, str]) -> dict[str, str]:
    key = house.node.folder / "routstr_secret.key"
    return {**more, "ROUTSTR_SECRET_KEY_FILE": str(key)}


async def earn(house: House, payer: Payer, sats: int) -> None:
    """Let somebody give the operator ecash of his own."""
    params = {"token": await payer.token(sats)}
    reply = await house.client.call("POST", "/v1/balance/donate", params=params)
    assert b"Thanks!" in reply.body, reply.body
