"""Paying in over Lightning, with real mints that pay their own invoices."""

import asyncio
from typing import Any

import pytest

from devkit.mint import Mint
from routstr.wallet import bolt11
from tests.integration.money.conftest import on_sqlite
from tests.integration.money.house import Client, House, Reply

PREFIXES = ("/v1/balance", "", "/v1", "/v2")


async def ask(client: Client, sats: int = 8, *, key: str | None = None, **more: Any) -> Reply:
    body = {"amount_sats": sats, **more}
    return await client.call("POST", "/v1/balance/lightning/invoice", key=key, json=body)


async def status(client: Client, invoice_id: str, prefix: str = "/v1/balance") -> Reply:
    return await client.call("GET", f"{prefix}/lightning/invoice/{invoice_id}/status")


async def recover(client: Client, text: str) -> Reply:
    return await client.call("POST", "/lightning/recover", json={"bolt11": text})


async def until(client: Client, invoice_id: str, word: str = "paid") -> dict[str, Any]:
    """Ask until the invoice is so far."""
    async with asyncio.timeout(30):
        while True:
            told = dict((await status(client, invoice_id)).json)
            if told["status"] == word:
                return told
            await asyncio.sleep(0.2)


@pytest.mark.parametrize("name", ["mint", "old_mint"])
async def test_a_paid_invoice_makes_a_key_that_pays_and_is_refunded(
    house: House, client: Client, mints: dict[str, Mint], name: str
) -> None:
    reply = await ask(client, 200, mint=mints[name].url, balance_limit=150_000)
    assert reply.status == 200, reply.body
    made = reply.json
    invoice = bolt11.decode(made["bolt11"])
    assert (made["amount_sats"], made["mint"]) == (200, mints[name].url)
    assert invoice.amount == 200_000
    assert made["payment_hash"] == invoice.payment_hash.hex()
    assert 0 < made["expires_at"] - invoice.created_at <= 86_400
    assert len(made["invoice_id"]) == 64

    told = await until(client, made["invoice_id"])
    key = told["api_key"]
    assert key.startswith("sk-")
    assert told["paid_at"] >= told["created_at"]
    assert {name: told[name] for name in ("amount_sats", "expires_at", "purpose")} == {
        "amount_sats": 200,
        "expires_at": made["expires_at"],
        "purpose": "create",
    }
    info = (await client.info(key)).json
    assert (info["balance"], info["total_deposited"]) == (200_000, 200_000)
    assert (info["mint"], info["unit"]) == (mints[name].url, "sat")
    assert info["balance_limit"] == 150_000
    assert (await status(client, made["invoice_id"])).json["api_key"] == key, "told again"
    assert (await client.chat(key)).status == 200
    assert (await client.refund(key)).status == 200


async def test_a_topup_credits_the_key_and_tells_no_key(house: House, client: Client) -> None:
    key = (await until(client, (await ask(client, 10)).json["invoice_id"]))["api_key"]
    topup = await ask(client, 7, key=key, purpose="topup")
    assert topup.status == 200, topup.body
    told = await until(client, topup.json["invoice_id"])
    assert (told["api_key"], told["purpose"]) == (None, "topup")
    info = (await client.info(key)).json
    assert (info["balance"], info["total_deposited"]) == (17_000, 17_000)
    kinds = [(one["kind"], one["amount"]) for one in await client.history(key)]
    assert kinds == [("deposit", 7_000), ("deposit", 10_000)]


async def test_fifty_who_ask_at_once_see_one_credit(house: House, client: Client) -> None:
    made = (await ask(client, 11)).json
    replies = await asyncio.gather(*(status(client, made["invoice_id"]) for _ in range(50)))
    assert {reply.status for reply in replies} == {200}
    key = (await until(client, made["invoice_id"]))["api_key"]
    assert (await client.balance(key))[0] == 11_000
    assert len(await client.history(key)) == 1


async def test_nobody_need_ask_for_a_payment_to_be_credited(house: House, client: Client) -> None:
    made = (await ask(client, 13)).json
    paid = f"SELECT state FROM mint_quotes WHERE request = '{made['bolt11']}'"
    async with asyncio.timeout(20):
        while await house.rows(paid) != [(2,)]:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.1)


@on_sqlite
async def test_the_contract_s_prefixes_all_lead_here(client: Client) -> None:
    for prefix in PREFIXES:
        path = f"{prefix}/lightning"
        made = await client.call("POST", f"{path}/invoice", json={"amount_sats": 5})
        assert made.status == 200, (prefix, made.body)
        assert made.headers["Cache-Control"] == "no-store"
        assert (await status(client, made.json["invoice_id"], prefix)).status == 200
        again = await client.call("POST", f"{path}/recover", json={"bolt11": made.json["bolt11"]})
        assert again.status == 200


@on_sqlite
async def test_who_knows_the_bolt11_alone_is_told_no_key(client: Client) -> None:
    made = (await ask(client, 6)).json
    key = (await until(client, made["invoice_id"]))["api_key"]
    reply = await recover(client, made["bolt11"].upper())
    assert reply.json["status"] == "paid"
    assert reply.json["api_key"] is None
    assert key.encode() not in reply.body
    for guess in (made["payment_hash"], made["bolt11"][:100], "0" * 64):
        found = await status(client, guess)
        assert found.error == (404, "invalid_request_error", "invoice_not_found")


@on_sqlite
async def test_what_is_asked_for_wrongly_is_refused_in_clear_words(client: Client) -> None:
    key = (await until(client, (await ask(client, 6)).json["invoice_id"]))["api_key"]
    kind = "invalid_request_error"
    cases: list[tuple[dict[str, Any], tuple[int, str, str]]] = [
        ({"purpose": "topup"}, (401, kind, "topup_authorization_required")),
        ({"purpose": "topup", "key": "abc"}, (400, kind, "topup_invalid_api_key_format")),
        ({"purpose": "topup", "key": "sk-" + "0" * 64}, (404, kind, "topup_api_key_not_found")),
        (
            {"purpose": "topup", "key": key, "balance_limit": 5},
            (400, kind, "invalid_parameter"),
        ),
        ({"balance_limit_reset": "hourly", "balance_limit": 1}, (400, kind, "invalid_parameter")),
        ({"validity_date": 1_000_000}, (400, kind, "invalid_parameter")),
        ({"mint": "https://elsewhere.example"}, (400, "mint_error", "untrusted_mint")),
    ]
    for case, expected in cases:
        reply = await ask(client, 5, **case)
        assert reply.error == expected, case
    for sats in (0, -1, 1_000_001, "x", 1.5):
        assert (await ask(client, sats)).status == 422  # type: ignore[arg-type]
    assert (await recover(client, "lnbc1nonsense")).status == 400


async def test_neither_the_claim_nor_the_key_is_in_a_log(house: House, client: Client) -> None:
    made = (await ask(client, 9)).json
    told = await until(client, made["invoice_id"])
    logged = house.logged()
    assert made["invoice_id"] not in logged
    assert told["api_key"] not in logged
