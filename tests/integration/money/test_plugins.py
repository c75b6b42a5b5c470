"""The example package is installed beside a node, switched on, and every kind of extension acts."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest

from devkit.environment import ROOT
from devkit.mint import Mint
from devkit.payer import Payer
from devkit.prices import PRICING, PROMPT_MSAT
from devkit.processes import ServiceFailed
from devkit.upstream import answer
from tests.integration.money.house import QUESTION, Client, House, open_house

PASSWORD = "correct horse"
VOUCHER = "SPRING-7QX2"
CLASSES = {"object": "list", "data": [{"label": "cat"}], "usage": {"prompt_tokens": 5}}


def install(folder: Path) -> Path:
    """Build the package's wheel and unpack it, which is what installing it comes to."""
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)]
    subprocess.run(
        command, cwd=ROOT / "examples/plugin", check=True, capture_output=True, timeout=120
    )
    (wheel,) = folder.glob("*.whl")
    with ZipFile(wheel) as archive:
        archive.extractall(folder / "site")
    return folder / "site"


def models(folder: Path) -> Path:
    top = {"context_length": 8_192, "max_completion_tokens": 1_024}
    plain = {"name": "a model", "pricing": PRICING, "top_provider": top}
    data = [
        {**plain, "id": "shared"},
        {**plain, "id": "shared", "provider": "acme"},
        {**plain, "id": "promo", "pricing_rule": "half-price"},
        {**plain, "id": "inner"},
    ]
    path = folder / "extended.json"
    path.write_text(json.dumps({"data": data}))
    return path


async def add_acme(client: Client, url: str) -> None:
    login = await client.call("POST", "/admin/api/login", json={"password": PASSWORD})
    body = {"provider_type": "acme", "slug": "acme", "base_url": url, "api_key": "acme-secret"}
    added = await client.call(
        "POST", "/admin/api/upstream-providers", key=login.json["token"], json=body
    )
    assert added.status == 200, added.body


async def test_every_kind_of_extension_acts_once_its_package_is_named(
    tmp_path: Path, mints: dict[str, Mint], payers: dict[str, Payer]
) -> None:
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(
        tmp_path, url, [mints["mint"].url], more={"ADMIN_PASSWORD": PASSWORD}
    ) as house:
        client, node = house.client, house.node
        key = await client.new_key(await payers["mint"].token(50))
        vouchers = tmp_path / "vouchers.json"
        vouchers.write_text(json.dumps({VOUCHER: key}))
        site = {"PYTHONPATH": os.pathsep.join([str(install(tmp_path)), str(ROOT)])}
        installed = {**site, "MODELS_PATH": str(models(tmp_path))}

        with pytest.raises(ServiceFailed):
            await node.restart(installed)  # installed is not enabled
        assert "there is no pricing rule 'half-price'; known are fixed, token" in node.output()

        await node.restart(
            {
                "PLUGINS": "Routstr_Example",
                "EXAMPLE_VOUCHERS": str(vouchers),
                "EXAMPLE_MEMBERS_ONLY": "inner",
                "EXAMPLE_FAVOURITES": "acme",
            }
        )
        await add_acme(client, house.upstream.base_url)
        await see_adapter_and_router(house, key)
        await see_pricing_rule(client, key)
        await see_payment_method(client, key)
        await see_auth_check(client, key, await payers["mint"].token(20))
        await see_endpoints(house, key)
        assert (await house.audit()).holds
        assert "plugins_loaded" in house.logged()
        assert VOUCHER not in house.logged()
        assert house.leaks() == []


async def see_adapter_and_router(house: House, key: str) -> None:
    """The favourite serves, though it is not the first one, and is told its key its own way."""
    served = await house.client.chat(key, "shared", max_tokens=20)
    assert served.status == 200, served.body
    seen = {name.lower(): value for name, value in house.upstream.requests[-1].headers}
    assert seen["x-acme-key"] == "acme-secret"
    assert "authorization" not in seen
    path = (await house.client.call("GET", "/v1/models/paths")).json["data"]
    assert {one["provider"]["slug"] for each in path for one in each["paths"]} > {"acme"}


async def see_pricing_rule(client: Client, key: str) -> None:
    listed = (await client.call("GET", "/v1/models")).json["data"]
    prices = {one["id"]: one["pricing"] for one in listed}
    assert float(prices["promo"]["prompt"]) * 2 == float(prices["inner"]["prompt"])
    full, half = [(await client.chat(key, name, max_tokens=9)).cost for name in ("inner", "promo")]
    assert full - 1 == 2 * (half - 1)  # the least price of a request is not halved


async def see_payment_method(client: Client, key: str) -> None:
    """A voucher is its key: for requests, for the balance, and for an unknown word nobody's."""
    balance = await client.balance(key)

    async def ask(method: str, path: str, word: str, **body: Any) -> Any:
        headers = {"Authorization": f"Voucher {word}"}
        return await client.call(method, path, headers=headers, **body)

    chat = {"model": "shared", "messages": QUESTION}
    paid = await ask("POST", "/v1/chat/completions", VOUCHER, json=chat)
    assert paid.status == 200, paid.body
    told = (await ask("GET", "/v1/balance/info", VOUCHER)).json
    assert (told["balance"], told["reserved"]) == (balance[0] - paid.cost, 0)
    assert await client.balance(key) == (told["balance"], 0)
    unknown = await ask("POST", "/v1/chat/completions", "AUTUMN-0000", json=chat)
    assert unknown.status == 401


async def see_auth_check(client: Client, key: str, text: str) -> None:
    """Who is refused keeps what he brought."""
    refused = await client.pay(text, "inner")
    assert refused.error == (403, "invalid_request_error", "members_only")
    assert (await client.chat(key, "inner", max_tokens=9)).status == 200
    assert (await client.pay(text, "shared", max_tokens=9)).status == 200


async def see_endpoints(house: House, key: str) -> None:
    """One is charged by the model's tokens, the other has its own price."""
    client = house.client
    house.upstream.next(answer(200, CLASSES))
    sorted_out = await client.call(
        "POST", "/v1/classify", key=key, json={"model": "inner", "input": "miaow"}
    )
    assert sorted_out.status == 200, sorted_out.body
    assert sorted_out.json["data"] == CLASSES["data"]
    assert sorted_out.cost == 1 + 5 * PROMPT_MSAT
    before = await client.balance(key)
    told = await client.call("GET", "/v1/weather/basel", key=key)
    assert told.status == 200, told.body
    assert told.json["id"] == "basel"
    assert await client.balance(key) == (before[0] - 700, 0)
