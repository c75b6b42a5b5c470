"""What a request was charged, proven by the node's signature to whoever paid for it."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from routstr.cli.proving import PROOFS
from routstr.core.request_id import REQUEST_ID_HEADER
from routstr.payment import signing
from routstr.payment.liabilities import verify_proof
from routstr.payment.receipts import SEAL, verify_receipt
from routstr.payment.signing import BadStatement
from tests.integration.money.conftest import ME, Purse, on_sqlite
from tests.integration.money.house import Client, House, Reply
from tests.integration.money.test_child_keys import children

UNKNOWN = "00000000-0000-7000-8000-000000000000"
NOT_FOUND = (404, "invalid_request_error", "receipt_not_found")


async def receipt(
    client: Client, paid: Reply, *, key: str | None = None, token: str = "", **params: Any
) -> Reply:
    headers = {"X-Cashu": token} if token else {}
    path = f"/v1/receipts/{paid.headers[REQUEST_ID_HEADER]}"
    return await client.call("GET", path, key=key, headers=headers, params=params)


async def test_who_paid_can_prove_what_was_charged(
    house: House, client: Client, purse: Purse
) -> None:
    key, other = [await client.new_key(await purse.token(100)) for _ in range(2)]
    [child] = await children(client, key)
    paid, by_child = await client.chat(key), await client.chat(child)
    pubkey = (await client.call("GET", "/v1/info")).json["receipt_pubkey"]
    assert (pubkey == ME.pubkey) == (house.database_url.startswith("sqlite")), "who has the key"

    answer = await receipt(client, paid, key=key)
    assert answer.status == 200, answer.body
    assert answer.headers["Cache-Control"] == "no-store"
    told = answer.json
    assert verify_receipt(told, pubkey=pubkey) == paid.cost
    [charge] = told["charges"]
    [booked] = [one for one in await client.history(key) if one["id"] == charge["transfer"]]
    assert (charge["model"], charge["charged_msats"]) == ("good", -booked["amount"])
    assert (charge["input_tokens"], charge["output_tokens"], charge["estimated"]) == (12, 6, False)
    assert told["request_id"] == booked["request_id"] == paid.headers[REQUEST_ID_HEADER]
    with pytest.raises(BadStatement):
        verify_receipt({**told, "request_id": UNKNOWN}, pubkey=pubkey)
    before = await receipt(client, paid, key=key, before=charge["transfer"])
    assert before.error == NOT_FOUND
    exactly = await receipt(client, paid, key=key, before=charge["transfer"] + 1)
    assert exactly.json["charges"][0]["transfer"] == charge["transfer"]

    foreign, unknown = (
        await receipt(client, paid, key=other),
        await client.call("GET", f"/v1/receipts/{UNKNOWN}", key=other),
    )
    assert foreign.error == unknown.error == NOT_FOUND
    assert foreign.message == unknown.message
    assert (await receipt(client, paid, key=child)).error == NOT_FOUND
    assert (await receipt(client, by_child, key=child)).json["charged_msats"] == by_child.cost
    assert (await receipt(client, by_child, key=key)).json["charged_msats"] == by_child.cost
    assert (await receipt(client, paid)).error[0::2] == (401, "missing_api_key")
    assert (await receipt(client, paid, key="sk-nobody")).error[0] == 401


async def test_the_token_that_paid_has_the_receipt_too(client: Client, purse: Purse) -> None:
    token, unused = await purse.token(10), await purse.token(1)
    paid = await client.pay(token)
    assert paid.status == 200, paid.body
    answer = await receipt(client, paid, token=token)
    assert verify_receipt(answer.json) == paid.cost
    assert (await receipt(client, paid, token=unused)).error == NOT_FOUND
    assert (await receipt(client, await client.pay(unused), token=token)).error == NOT_FOUND


@on_sqlite
async def test_what_was_charged_is_sealed_soon_and_the_seal_is_signed(
    house: House, client: Client, purse: Purse
) -> None:
    key = await client.new_key(await purse.token(20))
    paid = await client.chat(key)
    told = (await receipt(client, paid, key=key)).json
    async with asyncio.timeout(15):
        while not told["charges"][0]["seal"]:
            await asyncio.sleep(0.2)
            told = (await receipt(client, paid, key=key)).json
    seal = (await client.call("GET", "/v1/seal")).json
    signing.verify(seal, kind=SEAL, pubkey=told["pubkey"])
    covering = [
        bytes(digest).hex()
        for (digest,) in await house.rows(
            "SELECT digest FROM seals WHERE upto >= "
            f"{told['charges'][0]['transfer']} ORDER BY number"
        )
    ]
    assert told["charges"][0]["seal"] == covering[0]
    assert seal["digest"] in covering


@on_sqlite
async def test_everybody_is_inside_of_what_the_node_says_it_owes(
    house: House, client: Client, purse: Purse, tmp_path: Path
) -> None:
    key = await client.new_key(await purse.token(20))
    paid = await client.pay(await purse.token(10))
    assert paid.status == 200
    folder = tmp_path / "owed"
    said = await house.node.speak("liabilities", "export", str(folder), "--json")
    assert said.status == 0, said
    outcome = await house.audit()
    assert (said.json["owed_msats"], said.json["reserves_msats"]) == (outcome.owed, outcome.assets)
    assert said.json["pubkey"] == ME.pubkey
    assert (folder / PROOFS).stat().st_mode & 0o777 == 0o600
    proofs = [json.loads(line) for line in (folder / PROOFS).read_text().splitlines()]
    assert sum(verify_proof(one, pubkey=ME.pubkey) for one in proofs) == outcome.owed
    [mine] = [one for one in proofs if one["key_id"] == (await client.info(key)).json["id"]]
    assert mine["balance_msats"] == 20_000
