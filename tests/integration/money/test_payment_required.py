"""A 402 that pays itself: a wallet that knows nothing else pays, and sends the request again."""

import asyncio
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from devkit.mint import Mint, MintOptions
from devkit.payer import Payer
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.payment_request import PaymentRequest, decode
from tests.integration.money.conftest import GONE_MINT, Purse, on_sqlite
from tests.integration.money.house import QUESTION, Client, House, Reply, open_house

CELLS = [
    ("sqlite", "mint"),
    ("sqlite", "fee_mint"),
    ("postgres", "fee_mint"),
    ("postgres", "old_free_mint"),
]
each_mint = pytest.mark.parametrize(
    ("shared_house", "purse"),
    [
        pytest.param(
            database,
            (mint, Unit.SAT),
            id=f"{database}-{mint}",
            marks=[pytest.mark.postgres] if database == "postgres" else [],
        )
        for database, mint in CELLS
    ],
    indirect=True,
)
REQUESTS: list[dict[str, Any]] = [
    {"model": "good", "messages": QUESTION},
    {"model": "good", "messages": QUESTION, "max_tokens": 500},
    {"model": "good", "messages": QUESTION, "max_tokens": 500, "n": 3, "stream": True},
]
each_request = pytest.mark.parametrize("body", REQUESTS, ids=["open", "limited", "several"])


async def send(client: Client, body: dict[str, Any], **headers: str) -> Reply:
    return await client.call("POST", "/v1/chat/completions", json=body, headers=headers)


async def asked_for(client: Client, body: dict[str, Any], **headers: str) -> PaymentRequest:
    """Send a request as curl would, without paying, and read what the answer asks for."""
    refused = await send(client, body, **headers)
    told = refused.json
    assert refused.status == 402, refused.body
    assert refused.headers["Cache-Control"] == "no-store"
    home = (await client.call("GET", "/v1/info")).json["http_url"]  # empty: paths say it alone
    assert told["topup_url"] == f"{home}/v1/balance/topup"
    request = decode(refused.headers["X-Cashu"])
    wanted = PaymentRequest(amount=told["amount"], unit=told["unit"], mints=tuple(told["mints"]))
    assert request == wanted == decode(told["payment_request"])
    return request


async def paid(purse: Purse, request: PaymentRequest) -> str:
    """What a wallet at one of the named mints sends: exactly what was asked for."""
    assert purse.mint.url in request.mints
    assert (request.unit, request.transports, request.lock) == (purse.unit.value, (), None)
    assert request.amount is not None
    return await purse.token(request.amount)


@each_mint
@each_request
async def test_who_pays_what_is_asked_for_is_served_and_gets_change(
    house: House, client: Client, purse: Purse, body: dict[str, Any]
) -> None:
    text = await paid(purse, await asked_for(client, body))
    served = await send(client, body, **{"X-Cashu": text})
    assert served.status == 200, served.body
    assert "X-Routstr-Max-Tokens" not in served.headers, "it pays for all that was asked for"
    if not body.get("stream"):
        change = token.decode(served.headers["X-Cashu"])
        spent = token.decode(text).amount - change.amount
        assert 0 < spent < token.decode(text).amount
        assert (change.mint, change.unit) == (purse.mint.url, purse.unit)


@each_mint
@each_request
async def test_the_same_token_as_a_key_is_enough_too(
    house: House, client: Client, purse: Purse, body: dict[str, Any]
) -> None:
    text = await paid(purse, await asked_for(client, body))
    served = await send(client, body, Authorization=f"Bearer {text}")
    assert served.status == 200, served.body
    assert "X-Routstr-Max-Tokens" not in served.headers


@each_mint
async def test_a_key_that_tops_up_with_it_is_served(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(2))
    bearer = {"Authorization": f"Bearer {key}"}
    body = {**REQUESTS[1], "max_tokens": 1_000}
    text = await paid(purse, await asked_for(client, body, **bearer))
    assert (await client.topup(key, text)).status == 200
    assert (await send(client, body, **bearer)).status == 200


@on_sqlite
async def test_a_token_that_is_too_small_gets_a_fresh_request(
    house: House, client: Client, purse: Purse
) -> None:
    small = await purse.token(1)
    refused = await send(client, REQUESTS[1], **{"X-Cashu": small})
    assert refused.error == (402, "minimum_balance_required", "minimum_balance_required")
    asked = decode(refused.headers["X-Cashu"])
    assert asked == await asked_for(client, REQUESTS[1])
    detail = refused.json["detail"]
    assert detail == {
        "reason": "Insufficient balance",
        "amount_required_msat": (asked.amount or 0) * 1_000,
        "model": "good",
        "type": "minimum_balance_required",
    }
    assert await purse.payer.redeem(small) == 1, "it was not redeemed"


@on_sqlite
async def test_a_token_of_a_mint_that_was_not_named_is_a_bad_request(
    house: House, client: Client, purse: Purse
) -> None:
    given = token.decode(await purse.token(64))
    foreign = token.encode_b(replace(given, mint="https://unlisted.example"))
    refused = await send(client, REQUESTS[1], **{"X-Cashu": foreign})
    assert refused.error == (400, "mint_error", "untrusted_mint")


@on_sqlite
async def test_mints_that_do_not_answer_are_not_named(house: House, client: Client) -> None:
    assert GONE_MINT in (await client.call("GET", "/v1/info")).json["mints"]
    assert GONE_MINT not in (await asked_for(client, REQUESTS[0])).mints


@on_sqlite
async def test_a_page_in_a_browser_may_read_it(house: House, client: Client) -> None:
    refused = await send(client, REQUESTS[0], Origin="https://chat.example")
    exposed = refused.headers["Access-Control-Expose-Headers"].lower().split(", ")
    assert "x-cashu" in exposed


@on_sqlite
async def test_many_who_have_not_paid_are_answered_at_once(house: House, client: Client) -> None:
    async with asyncio.timeout(10):
        asked = await asyncio.gather(*(asked_for(client, REQUESTS[0]) for _ in range(50)))
    assert all(one == asked[0] for one in asked)


async def test_a_mint_of_msat_only_is_asked_for_msat(tmp_path: Path) -> None:
    """In a house of its own, which is also at a public address."""
    path = {"MINT_DERIVATION_PATH": "m/0'/1'/0'"}  # without it nutshell adds one for sat
    options = MintOptions(units=("msat",), fee_ppk=100, environment=path)
    mint = await Mint.start(tmp_path / "mint", options)
    database = f"sqlite:///{tmp_path / 'routstr.db'}"
    more = {"HTTP_URL": "https://node.example"}
    try:
        async with (
            open_house(tmp_path, database, [mint.url], more=more) as house,
            Payer(mint.url) as payer,
        ):
            refused = await send(house.client, REQUESTS[1])
            told = refused.json
            asked = decode(refused.headers["X-Cashu"])
            assert (asked.unit, told["unit"]) == ("msat", "msat")
            assert told["topup_url"] == "https://node.example/v1/balance/topup"
            assert asked.amount is not None
            assert 0 < asked.amount - told["max_cost_msat"] < 5, "the mint's fee and no more"

            text = await payer.token(asked.amount, Unit.MSAT)
            served = await send(house.client, REQUESTS[1], **{"X-Cashu": text})
            assert served.status == 200, served.body
            assert token.decode(served.headers["X-Cashu"]).unit is Unit.MSAT
    finally:
        await mint.stop()
