"""What a provider keeps for one key is found by no other; paths lead nowhere else.

One node with the operator's own endpoints: files and batches as OpenAI has them, a tool, a search.
"""

import json
from collections.abc import AsyncIterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import answer
from devkit.upstream.kept import CONTENT
from tests.integration.money.house import House, Reply, open_house

pytestmark = [pytest.mark.asyncio(loop_scope="module"), pytest.mark.mint]

FEE: dict[str, Any] = {"price": {"msat": 10}}
FREE: dict[str, Any] = {"price": {"msat": 0}}
ENDPOINTS: list[dict[str, Any]] = [
    {"method": "POST", "path": "/v1/files", "binds": ["id"], **FEE},
    {"method": "GET", "path": "/v1/files", "lists": "files", **FREE},
    {"method": ["GET", "DELETE"], "path": "/v1/files/{id}", "owned": ["id"], **FREE},
    {"method": "GET", "path": "/v1/files/{id}/content", "owned": ["id"], **FREE},
    {
        "method": "POST",
        "path": "/v1/batches",
        "owned": ["input_file_id"],
        "binds": ["id", "output_file_id"],
        "price": {"sat": "1"},
    },
    {
        "method": "POST",
        "path": "/v1/tools/{name}",
        "upstream_path": "run/{name}",
        "price": {"msat": 7},
        "per_kb_in": {"msat": 2},
        "per_kb_out": {"msat": 3},
        "max_kb_out": 10,
    },
    {
        "method": ["GET", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"],
        "path": "/v1/anything/*",
        "price": {"usd": "0.000005"},
    },
]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def house(mint: Mint, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[House]:
    folder = tmp_path_factory.mktemp("ownership")
    file = Path(folder / "custom.json")
    file.write_text(json.dumps(ENDPOINTS))
    more = {"CUSTOM_ENDPOINTS_PATH": str(file)}
    url = f"sqlite:///{folder / 'routstr.db'}"
    async with open_house(folder, url, [mint.url], more=more) as house:
        yield house


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def payer(mint: Mint) -> AsyncIterator[Payer]:
    async with Payer(mint.url, stocks=True) as payer:
        yield payer


async def two_keys(house: House, payer: Payer) -> tuple[str, str]:
    client = house.client
    return (
        await client.new_key(await payer.token(20)),
        await client.new_key(await payer.token(20)),
    )


def refused(reply: Reply, status: int, code: str) -> bool:
    return reply.error[::2] == (status, code)


async def test_s16_files_and_batches_are_found_by_their_key_alone(
    house: House, payer: Payer
) -> None:
    client = house.client
    mine, other = await two_keys(house, payer)
    data = {"purpose": "batch", "file": BytesIO(b"{}")}
    made = await client.call("POST", "/v1/files", key=mine, data=data)
    name = made.json["id"]
    assert made.headers["X-Routstr-Cost-Msats"] == "10"
    assert made.headers["Cache-Control"] == "no-store"
    for path in (f"/v1/files/{name}", f"/files/{name}/content"):
        assert (await client.call("GET", path, key=mine)).status == 200
        assert refused(await client.call("GET", path, key=other), 404, "not_found")
        assert refused(await client.call("GET", path, key="sk-" + "0" * 64), 401, "invalid_api_key")
    unknown = await client.call("GET", "/v1/files/file-unknown", key=other)
    theirs = await client.call("GET", f"/v1/files/{name}", key=other)
    assert unknown.json["error"]["type"] == theirs.json["error"]["type"]
    listed = await client.call("GET", "/v1/files", key=mine)
    assert [one["id"] for one in listed.json["data"]] == [name]
    assert (await client.call("GET", "/v1/files", key=other)).json["data"] == []

    asked = len(house.upstream.requests)
    foreign = {"input_file_id": name, "endpoint": "/v1/chat/completions"}
    assert refused(
        await client.call("POST", "/v1/batches", key=other, json=foreign), 404, "not_found"
    )
    assert len(house.upstream.requests) == asked
    batch = await client.call("POST", "/v1/batches", key=mine, json=foreign)
    output = batch.json["output_file_id"]
    kept = await client.call("GET", f"/v1/files/{output}/content", key=mine)
    assert kept.body == CONTENT
    assert (await client.call("GET", f"/v1/files/{output}/content", key=other)).status == 404

    assert (await client.call("DELETE", f"/v1/files/{name}", key=other)).status == 404
    assert (await client.call("DELETE", f"/v1/files/{name}", key=mine)).json["deleted"]
    assert (await client.call("GET", f"/v1/files/{name}", key=mine)).status == 404
    assert await client.balance(mine) == (20_000 - 10 - 1_000, 0)
    assert await client.balance(other) == (20_000, 0)


async def test_s16_responses_are_found_by_their_key_alone(house: House, payer: Payer) -> None:
    client = house.client
    mine, other = await two_keys(house, payer)
    body = {"model": "good", "input": "Say something."}
    made = await client.call("POST", "/v1/responses", key=mine, json=body)
    streamed = await client.call("POST", "/v1/responses", key=mine, json={**body, "stream": True})
    last = json.loads(streamed.body.decode().strip().rpartition("data: ")[2])
    for name in (made.json["id"], last["response"]["id"]):
        for method, action in (("GET", ""), ("GET", "/input_items"), ("POST", "/cancel")):
            path = f"/v1/responses/{name}{action}"
            assert (await client.call(method, path, key=mine)).status == 200
            assert refused(await client.call(method, path, key=other), 404, "not_found")
    left = await client.balance(mine)
    assert (await client.call("DELETE", f"/v1/responses/{name}", key=other)).status == 404
    assert (await client.call("DELETE", f"/v1/responses/{name}", key=mine)).status == 200
    assert refused(await client.call("GET", f"/v1/responses/{name}", key=mine), 404, "not_found")
    assert await client.balance(mine) == left
    unkept = await client.call("POST", "/v1/responses", key=mine, json={**body, "store": False})
    path = f"/v1/responses/{unkept.json['id']}"
    assert (await client.call("GET", path, key=mine)).status == 404


async def test_s16_a_path_leads_only_where_it_seems_to_lead(house: House, payer: Payer) -> None:
    import aiohttp  # noqa: PLC0415 - for addresses that nobody else writes
    from yarl import URL  # noqa: PLC0415

    client = house.client
    key, _ = await two_keys(house, payer)
    asked = len(house.upstream.requests)
    paths = (
        "/v1/files/%2e%2e/admin",
        "/v1/files/..%2f..%2fadmin",
        "/v1/files/a%2Fcontent",
        "/v1/files/a%5c..",
        "/v1/files/%252e%252e%252fadmin",
        "/v1/files//content",
        "/v1/anything/a/../../responses",
        "/v1/anything/%00",
        "/v1/responses/%2e%2e/files",
        "//v1/files",
    )
    async with aiohttp.ClientSession() as session:
        for path in paths:
            url = URL(f"{house.node.url}{path}", encoded=True)
            headers = {"Authorization": f"Bearer {key}"}
            async with session.get(url, headers=headers) as response:
                told = await response.json()
                assert (response.status, told["error"]["code"]) == (400, "invalid_path"), path
    assert len(house.upstream.requests) == asked
    assert await client.balance(key) == (20_000, 0)


async def test_s16_what_the_operator_prices_is_charged_and_nothing_else_is_served(
    house: House, payer: Payer
) -> None:
    client, upstream = house.client, house.upstream
    key, _ = await two_keys(house, payer)
    upstream.next(answer(201, {"text": "x" * 2_500}))
    made = await client.call("POST", "/tools/sums?x=1", key=key, data=b"y" * 1_001)
    assert (made.status, made.headers["X-Routstr-Cost-Msats"]) == (201, str(7 + 2 * 2 + 3 * 3))
    seen = upstream.requests[-1]
    assert (seen.method, seen.path, seen.body) == ("POST", "/v1/run/sums?x=1", b"y" * 1_001)
    spent = 7 + 4 + 9
    for method in ("GET", "PUT", "PATCH", "DELETE", "HEAD"):
        reply = await client.call(method, "/v1/anything/a/b", key=key)
        assert (reply.status, reply.headers.get("X-Routstr-Cost-Msats")) == (200, "5"), reply
        assert (upstream.requests[-1].method, upstream.requests[-1].path) == (
            method,
            "/v1/anything/a/b",
        )
        spent += 5
    upstream.next(answer(500, {"error": {"message": "No."}}))
    assert (await client.call("GET", "/v1/anything/a", key=key)).status == 500
    upstream.next(answer(200, b"z" * 10_001))
    assert (await client.call("POST", "/v1/tools/sums", key=key, data=b"")).status == 502
    assert refused(await client.call("GET", "/v1/anything/a"), 402, "payment_required")
    assert refused(await client.call("POST", "/v1/anything/a", key=key), 404, "not_found")
    assert refused(await client.call("GET", "/v1/elsewhere", key=key), 404, "not_found")
    assert refused(await client.call("GET", "/v1/vector_stores", key=key), 400, "no_price")
    assert await client.balance(key) == (20_000 - spent, 0)
    token = await payer.token(5)
    paid = await client.call("GET", "/v1/anything/a", headers={"X-Cashu": token})
    assert (paid.status, paid.headers["X-Routstr-Cost-Msats"]) == (200, "5")
    assert paid.headers["X-Cashu"].startswith("cashuB")
