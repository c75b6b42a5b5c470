"""Money that leaves over Lightning, through real mints, to an address that we play."""

import asyncio

import pytest

from devkit.lnurl import LnurlServer, Play
from routstr.errors import (
    BalanceTooSmall,
    LightningAddressRefused,
)
from routstr.money import Unit
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import Client, House
from tests.integration.money.lightning import REFUND, refund


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
