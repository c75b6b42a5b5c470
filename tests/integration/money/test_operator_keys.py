"""The operator takes balances out, credits keys and ends them, over the admin API."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devkit.lnurl import LnurlServer
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.postgres import Postgres
from tests.integration.money.house import Client, House, Reply, open_house

PASSWORD = "correct horse battery"
ONE_SAT = 1_000


class Operator:
    def __init__(self, house: House, token: str) -> None:
        self._house = house
        self._headers = {"Authorization": f"Bearer {token}"}

    async def ask(self, method: str, path: str, *, call: str = "", **body: Any) -> Reply:
        named = {"Idempotency-Key": call} if call else {}
        sent: dict[str, Any] = {"json": body} if body else {}
        return await self._house.client.call(
            method, f"/admin/api{path}", headers={**self._headers, **named}, **sent
        )

    async def told(self, method: str, path: str, *, call: str = "", **body: Any) -> Any:
        reply = await self.ask(method, path, call=call, **body)
        assert reply.status == 200, reply.body
        return reply.json


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "sqlite":
        return f"sqlite:///{tmp_path / 'routstr.db'}"
    postgres: Postgres = request.getfixturevalue("postgres")
    return postgres.create_database()


@pytest_asyncio.fixture(loop_scope="session")
async def run_house(database_url: str, mint: Mint, tmp_path: Path) -> AsyncIterator[House]:
    """A node of which somebody knows the password."""
    more = {"ADMIN_PASSWORD": PASSWORD}
    async with open_house(tmp_path, database_url, [mint.url], more=more) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []


async def test_balances_go_out_and_come_in_by_hand_once_each(run_house: House, mint: Mint) -> None:
    client = run_house.client
    login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
    operator = Operator(run_house, login.json["token"])
    async with Payer(mint.url) as payer, LnurlServer() as bob:
        secret = await client.new_key(await payer.token(100))
        other = await client.new_key(await payer.token(50))
        key = (await client.info(secret)).json["id"]
        await withdrawn(operator, client, payer, secret, key)
        await credited(operator, client, payer, secret, key)
        made = await made_by_hand(operator, client)
        await revoked(operator, client, bob, made, other)
        await listed(operator)


async def withdrawn(
    operator: Operator, client: Client, payer: Payer, secret: str, key: str
) -> None:
    # a part leaves as a token, once however often it is asked for
    asked = {"key": key, "amount": 40, "unit": "sat"}
    first = await operator.told("POST", "/withdraw", call="one", **asked)
    again = await operator.told("POST", "/withdraw", call="one", **asked)
    assert again == {**first, "repeated": True}
    assert (first["amount"], first["debited"], first["balance"]) == (40, 40_000, 60_000)
    mixed = await operator.ask("POST", "/withdraw", call="one", **{**asked, "amount": 41})
    assert mixed.error[2] == "idempotency_key_reused"
    more = await operator.ask("POST", "/withdraw", call="two", **{**asked, "amount": 61})
    assert more.error[2] == "insufficient_balance"
    unknown = await operator.ask("POST", "/withdraw", key="key_nobody")
    assert unknown.error[2] == "no_such_key"

    # the holder's refund does not tell the operator's token
    refund = (await client.refund(secret)).json
    assert (refund["sats"], first["token"] in str(refund)) == ("60", False)
    assert await payer.redeem(first["token"]) == 40
    tokens = (await operator.told("GET", f"/issued-tokens?key={key}"))["tokens"]
    assert [one["status"] for one in tokens] == ["issued", "issued"]
    checked = await operator.told("POST", f"/issued-tokens/{first['id']}/check")
    assert (checked["status"], "token" in checked) == ("collected", False)


async def credited(operator: Operator, client: Client, payer: Payer, secret: str, key: str) -> None:
    # credits come out of the surplus only
    poor = await operator.ask("POST", f"/apikeys/{key}/topup", call="t", amount_msats=7)
    assert poor.error[2] == "surplus_too_small"
    for _ in range(3):
        await client.call("POST", "/v1/balance/donate", params={"token": await payer.token(8)})
    for repeated in (False, True):
        told = await operator.told(
            "POST", f"/apikeys/{key}/topup", call="t", amount_msats=7 * ONE_SAT
        )
        assert told == {"balance": 7 * ONE_SAT, "repeated": repeated}
    [line] = [one for one in await client.history(secret) if one["kind"] == "grant"]
    assert (line["amount"], line["source"], line["mint_url"]) == (7_000, "operator", None)
    assert (await client.refund(secret)).json["sats"] == "7", "a credit is new money"


async def made_by_hand(operator: Operator, client: Client) -> dict[str, Any]:
    # a key by hand: the same call tells the same key
    wanted = {"amount_msats": 12 * ONE_SAT, "name": "Alice", "note": "from the fair"}
    made = await operator.told("POST", "/apikeys", call="k", **wanted)
    assert await operator.told("POST", "/apikeys", call="k", **wanted) == made
    assert (await client.chat(made["api_key"])).status == 200
    found = (await operator.told("GET", "/apikeys?search=from the"))["keys"]
    assert [one["id"] for one in found] == [made["id"]]
    assert made["api_key"] not in str(await operator.told("GET", f"/apikeys/{made['id']}"))

    # a limit counts for the next request; an expired key is told so
    rules = await operator.told("PATCH", f"/apikeys/{made['id']}", balance_limit=1)
    assert rules["balance_limit"] == 1
    limited = await client.chat(made["api_key"])
    assert limited.error[2] == "balance_limit_exceeded"
    await operator.told("POST", f"/apikeys/{made['id']}/expire")
    assert (await client.chat(made["api_key"])).error[2] == "key_expired"
    return dict(made)


async def revoked(
    operator: Operator, client: Client, bob: LnurlServer, made: dict[str, Any], other: str
) -> None:
    # revoked: unknown at once, and its money goes out, once
    gone: dict[str, Any] = {}
    for repeated in (False, True):
        gone = await operator.told(
            "POST", f"/apikeys/{made['id']}/revoke", call="r", refund="token"
        )
        assert (gone["key"]["state"], gone["token"]["repeated"]) == ("revoked", repeated)
    assert gone["token"]["amount"] == 11
    assert (await client.chat(made["api_key"])).error[2] == "invalid_api_key"
    away = (await client.info(other)).json["id"]
    paid = await operator.told(
        "POST",
        f"/apikeys/{away}/revoke",
        refund="lightning",
        lightning_address=bob.address,
    )
    assert (paid["problem"], paid["recipient"] is not None) == (None, True)
    assert (await client.info(other)).error[2] == "invalid_api_key"


async def listed(operator: Operator) -> None:
    # what is listed is what was booked, and holds no secret
    books = await operator.told("GET", "/transfers?kind=grant")
    assert sorted(one["amount"] for one in books["transfers"]) == [7_000, 12_000]
    exported = await operator.ask("GET", "/export/transfers.csv")
    assert exported.body.count(b"\r\n") > 8
    for path in ("/transactions", "/temporary-balances", "/issued-tokens", "/apikeys"):
        told = (await operator.ask("GET", path)).body
        assert b"cashu" not in told
        assert b"sk-" not in told
