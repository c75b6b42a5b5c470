"""The operator changes prices and mints while the node serves, and a second one follows."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from devkit.mint import Mint
from devkit.node import Node
from devkit.payer import Payer
from devkit.upstream import Shape, chat
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, House, open_house

PASSWORD = "correct horse"
ENVIRONMENT = {
    "ADMIN_PASSWORD": PASSWORD,
    "CASHU_MINTS": "",
    "UPSTREAM_PROVIDER_FEE": "",
    "UPSTREAM_IDLE_SECONDS": "120",
}
TWICE_MSAT = EXACT_MSAT + (EXACT_MSAT - 1)
SETTINGS = "/admin/api/settings"


@asynccontextmanager
async def two_nodes(folder: Path) -> AsyncIterator[tuple[House, Client]]:
    url = f"sqlite:///{folder / 'routstr.db'}"
    async with open_house(folder, url, [], more=ENVIRONMENT) as house:
        shared = {**house.node.settings, "LOG_DIR": str(folder / "second" / "logs")}
        second = await Node.start(folder / "second", shared, name="second node")
        try:
            yield house, Client(house.client._session, second.url)
        finally:
            await second.stop(grace_s=5)


class Operator:
    def __init__(self, client: Client, token: str) -> None:
        self._client = client
        self._token = token

    @classmethod
    async def at(cls, client: Client) -> "Operator":
        login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
        return cls(client, login.json["token"])

    async def shown(self) -> Any:
        return (await self._client.call("GET", SETTINGS, key=self._token)).json

    async def change(self, **values: object) -> Any:
        reply = await self._client.call("PATCH", SETTINGS, key=self._token, json=values)
        assert reply.status == 200, reply.body
        return reply.json

    async def refused(self, **values: object) -> Any:
        reply = await self._client.call("PATCH", SETTINGS, key=self._token, json=values)
        assert (reply.status, reply.json["error"]["code"]) == (400, "invalid_setting"), reply.body
        return reply.json["error"]["details"]


async def spend(client: Client, key: str, **more: object) -> int:
    """Ask once; what it cost, by the balance."""
    before = sum(await client.balance(key))
    reply = await client.chat(key, EXACT, max_tokens=EXACT_LIMIT, **more)
    assert reply.status == 200, reply.body
    return before - sum(await client.balance(key))


async def until(house: House, query: str, expected: int) -> None:
    async with asyncio.timeout(30):
        while (await house.rows(query))[0][0] != expected:  # noqa: ASYNC110 - of a process
            await asyncio.sleep(0.1)


async def test_settings_change_under_a_running_stream_and_everybody_follows(
    tmp_path: Path, mint: Mint
) -> None:
    async with two_nodes(tmp_path) as (house, other), Payer(mint.url) as payer:
        client, operator = house.client, await Operator.at(house.client)
        text = await payer.token(64)
        assert (await client.create(text)).error[2] == "untrusted_mint"
        told = await operator.change(cashu_mints=[mint.url], upstream_provider_fee=1)
        assert told["settings"]["cashu_mints"]["source"] == "stored"
        assert told["primary_mint_url"] == mint.url
        key = await client.new_key(text)
        assert await spend(client, key) == EXACT_MSAT

        # a stream keeps the price and the node that it began with
        gate = asyncio.Event()
        house.upstream.next(chat(shape=Shape(gate_after=2, gate=gate)))
        streams = asyncio.create_task(client.chat(key, EXACT, stream=True, max_tokens=EXACT_LIMIT))
        await client.wait_for_hold(key, held=True)
        await operator.change(upstream_provider_fee="2", name="Dearer")
        assert await spend(client, key) == TWICE_MSAT
        assert not streams.done()
        await check_refusals(operator)
        before = await client.balance(key)
        gate.set()
        assert b"[DONE]" in (await streams).body
        assert sum(before) - sum(await client.balance(key)) == EXACT_MSAT

        # the other process follows by itself; those that were replaced are gone
        async with asyncio.timeout(30):
            while (await other.call("GET", "/v1/info")).json["name"] != "Dearer":  # noqa: ASYNC110
                await asyncio.sleep(0.1)
        assert await spend(other, key) == TWICE_MSAT
        await until(house, "SELECT count(*) FROM instances WHERE stopped_at IS NULL", 2)

        await operator.change(upstream_provider_fee=None, name=None)
        assert (await operator.shown())["settings"]["name"]["source"] == "default"
        await house.node.restart()
        assert (await client.call("GET", "/v1/info")).json["mints"] == [mint.url]
        audit = await house.audit()
        assert audit.holds, audit.checks


async def check_refusals(operator: Operator) -> None:
    """What is wrong is told by name, and nothing is changed."""
    wrong = await operator.refused(name="Never", exchange_fee=1, upstream_provider_fee=0)
    assert wrong["param"] == "upstream_provider_fee"
    assert (await operator.refused(btc_usd=5))["param"] == "btc_usd"
    assert (await operator.refused(primary_mint_url="https://m.example"))["param"]
    assert (await operator.refused(pricing_rule="no-such-rule"))["problems"]
    shown = await operator.shown()
    assert (shown["name"], shown["upstream_provider_fee"]) == ("Dearer", 2)
    assert shown["settings"]["btc_usd"]["locked"]
    assert shown["upstream_api_key"] == shown["admin_password"] == "[REDACTED]"
