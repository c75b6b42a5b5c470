"""What the node keeps: no prompt, no answer, no address of a client, no key, no token."""

import json
from pathlib import Path
from typing import Any, Final

import aiohttp

from devkit.upstream import Reply as Said
from devkit.upstream import chat, refuse
from routstr.wallet import token
from tests.integration.money.conftest import Purse, on_sqlite
from tests.integration.money.house import Client, House, Reply

PROMPT: Final = "wherefore-is-the-marmot-purple"
ANSWER: Final = "because-the-marmot-ate-beetroot"
USER: Final = "marmot-fancier-0815"
ADDRESS: Final = "127.0.0.77"
"""A second address of this machine's own, which nothing else here uses."""
MESSAGES: Final = [{"role": "user", "content": PROMPT}]
SATS: Final = 100


@on_sqlite
async def test_what_is_asked_answered_and_paid_with_is_kept_nowhere(
    house: House, purse: Purse
) -> None:
    tokens = [await purse.token(SATS) for _ in range(4)]
    connector = aiohttp.TCPConnector(local_addr=(ADDRESS, 0))
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as session:
        client = Listening(session, house.client.url)
        key = await client.new_key(tokens[0])
        await ask(house, client, key, tokens[1])
        await client.call("GET", f"/v1/{PROMPT}", key=key)
        await client.topup(key, tokens[2])
        await client.call("GET", "/v1/balance/create", params={"initial_balance_token": tokens[3]})
        refused = await client.call("GET", "/metrics")
        assert refused.status == 403  # it is not of METRICS_NETWORKS
        change = (await client.refund(key)).json["token"]
    planted = [PROMPT, ANSWER, USER, ADDRESS, key, key.removeprefix("sk-"), change]
    for text in (*tokens, change):
        planted += [text[-40:], *(proof.secret for proof in token.decode(text).proofs)]
    metrics = (await house.client.call("GET", "/metrics")).body
    written = {"log": house.logged().encode(), "metrics": metrics, **database(house)}
    operators = [house.node.settings["UPSTREAM_API_KEY"], house.node.settings["NSEC"]]
    planted += operators

    found = [(place, one) for place in written for one in planted if one.encode() in written[place]]
    assert found == []
    secrets = [*operators, key, *(text[-40:] for text in tokens)]
    assert {status for status, _ in client.refusals} >= {400, 402, 403}
    assert [(told, one) for _, told in client.refusals for one in secrets if one in told] == []
    assert b'"key_id":"key_' in written["log"], "the log was looked into"
    assert any(b"CREATE TABLE api_keys" in bytes_ for bytes_ in written.values())


class Listening(Client):
    """Keeps what it is told when it is refused: status, and head with body."""

    refusals: list[tuple[int, str]]

    async def call(self, method: str, path: str, **more: Any) -> Reply:
        reply = await super().call(method, path, **more)
        if reply.status >= 400:
            told = f"{dict(reply.headers)} {reply.body.decode()}"
            self.refusals = [*getattr(self, "refusals", []), (reply.status, told)]
        return reply


async def ask(house: House, client: Client, key: str, single: str) -> None:
    """Whole, streamed, refused, broken off, unpaid, repeated, and with a token alone."""
    body: dict[str, Any] = {"model": "good", "messages": MESSAGES, "user": USER}
    path, words = "/v1/chat/completions", {"max_tokens": 64}
    for more in ({}, {"stream": True}, words):
        house.upstream.next(chat(Said((ANSWER,))))
        served = await client.call("POST", path, key=key, json={**body, **more})
        assert (served.status, ANSWER.encode() in served.body) == (200, True)
    house.upstream.next(refuse(400, message=f"{PROMPT} is no question, {ANSWER}"))
    assert (await client.call("POST", path, key=key, json=body)).status == 400
    theirs = house.node.settings["UPSTREAM_API_KEY"]
    house.upstream.next(refuse(401, message=f"Incorrect API key provided: {theirs}."))
    assert (await client.call("POST", path, key=key, json=body)).status >= 400
    assert (await client.call("POST", path, json=body)).status == 402
    assert (await client.call("POST", path, key=key, json=body, params={"key": key})).status == 200
    unsold = {**body, "model": PROMPT}
    assert (await client.call("POST", path, key=key, json=unsold)).status == 400
    assert (await client.call("POST", path, key=key, data=json.dumps(body)[:-1])).status == 400
    for _ in range(2):
        house.upstream.next(chat(Said((ANSWER,))))
        await client.call("POST", path, key=key, json=body, headers={"Idempotency-Key": USER})
    house.upstream.next(chat(Said((ANSWER,))))
    paid = await client.call("POST", path, json=body, headers={"X-Cashu": single})
    assert paid.status == 200


def database(house: House) -> dict[str, bytes]:
    """The bytes of the database and of its journal."""
    path = Path(house.database_url.removeprefix("sqlite:///"))
    return {one.name: one.read_bytes() for one in path.parent.glob(f"{path.name}*")}
