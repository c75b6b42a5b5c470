"""What a key spent, and its balance while it changes, on a running node."""

import asyncio
import csv
import io

import aiohttp

from tests.integration.money.conftest import Purse
from tests.integration.money.house import Client

LIMIT_S = 15


async def test_a_balance_is_told_while_it_is_spent(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(100))
    before, _ = await client.balance(key)
    async with aiohttp.ClientSession(trust_env=False) as session, asyncio.timeout(LIMIT_S):
        async with session.ws_connect(f"{client.url}/v1/balance/live") as socket:
            await socket.send_json({"api_key": key})
            assert (await socket.receive_json())["balance"] == before
            cost = (await client.chat(key)).cost
            told = await socket.receive_json()
            while told["reserved"]:  # the second may have begun while the request ran
                told = await socket.receive_json()
            assert (told["balance"], told["total_spent"]) == (before - cost, cost)
        async with session.ws_connect(f"{client.url}/v1/balance/live") as socket:
            await socket.send_json({"api_key": "sk-nobody's"})
            assert (await socket.receive_json())["error"]["code"] == "key_not_found"
            assert (await socket.receive()).data == 1008
    spent = await client.call("GET", "/v1/balance/usage", key=key)
    [used] = spent.json["data"]
    assert (used["model"], used["requests"], used["cost_msats"]) == ("good", 1, cost)
    table = await client.call("GET", "/v1/balance/history.csv", key=key)
    rows = list(csv.DictReader(io.StringIO(table.body.decode())))
    assert [int(row["amount_msat"]) for row in rows] == [-cost, before]
