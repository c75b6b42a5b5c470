"""The operator changes a model's price while the node serves: what is charged follows at once."""

from pathlib import Path

from devkit.mint import Mint
from devkit.payer import Payer
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, House, open_house

PASSWORD = "correct horse"
HERE = f"/admin/api/upstream-providers/custom/models/{EXACT}"


async def _spend(house: House, key: str) -> int:
    before = sum(await house.client.balance(key))
    reply = await house.client.chat(key, EXACT, max_tokens=EXACT_LIMIT)
    assert reply.status == 200, reply.body
    return before - sum(await house.client.balance(key))


async def test_a_changed_price_is_charged_and_a_test_is_charged_to_nobody(
    tmp_path: Path, mint: Mint
) -> None:
    more = {"ADMIN_PASSWORD": PASSWORD}
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [mint.url], more=more) as house, Payer(mint.url) as payer:
        client = house.client
        login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
        operator, key = login.json["token"], await client.new_key(await payer.token(64))
        assert await _spend(house, key) == EXACT_MSAT
        body = {"provider_fee": 2}
        told = await client.call("PATCH", HERE, key=operator, json=body)
        assert told.status == 200, told.body
        # the least price of a request is part of the exact price, and no fee raises it
        assert await _spend(house, key) == 2 * EXACT_MSAT - 1
        test = {"model_id": EXACT, "request_data": {"messages": [], "max_tokens": EXACT_LIMIT}}
        tried = await client.call("POST", "/admin/api/models/test", key=operator, json=test)
        assert tried.json["success"], tried.body
        await client.call("PATCH", HERE, key=operator, json={"free": True})
        assert await _spend(house, key) == 0
        await client.call("DELETE", HERE, key=operator)
        assert await _spend(house, key) == EXACT_MSAT
        assert (await house.audit()).holds
