"""Idempotency-Key at a real node: one movement, one charge, and what the repeats are told."""

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import closing
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import pytest
import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.upstream import Shape, chat
from routstr.core.db.sqlite import database_path
from routstr.money import Unit
from routstr.wallet import token
from tests.integration.money.conftest import Purse, on_sqlite
from tests.integration.money.house import (
    EXACT,
    EXACT_LIMIT,
    EXACT_MSAT,
    QUESTION,
    Client,
    House,
    Reply,
    open_house,
)
from tests.integration.money.test_parallel import (
    FIFTY,
    Crowd,
    at_once,
    crowd,
    in_msat,
    nodes,
    postgres_neighbour,
    sqlite_neighbour,
)

__all__ = ["crowd", "nodes", "postgres_neighbour", "sqlite_neighbour"]

CHAT: Final = "/v1/chat/completions"
BODY: Final = {"model": EXACT, "messages": QUESTION, "max_tokens": EXACT_LIMIT}
RUNNING: Final = (409, "idempotency_error", "idempotency_in_progress")
REUSED: Final = (409, "idempotency_error", "idempotency_key_reused")
PAID: Final = (409, "idempotency_error", "request_already_paid")


async def post(
    client: Client,
    path: str,
    idempotency: str,
    *,
    headers: Mapping[str, str] | None = None,
    **more: Any,
) -> Reply:
    keyed = {"Idempotency-Key": idempotency, **(headers or {})}
    return await client.call("POST", path, headers=keyed, **more)


def replayed(reply: Reply) -> bool:
    return reply.headers.get("Idempotent-Replayed") == "true"


async def spent(client: Client, key: str) -> tuple[int, int]:
    """What requests of this key cost, and how many there were."""
    info = (await client.info(key)).json
    return info["total_spent"], info["total_requests"]


class TestMovements:
    async def test_a_creation_is_told_again_and_only_to_who_has_the_token(
        self, client: Client, house: House, purse: Purse
    ) -> None:
        text, other = [await purse.token(20) for _ in range(2)]
        body = {"initial_balance_token": text}
        first = await post(client, "/v1/balance/create", "1", json=body)
        again = await post(client, "/v1/wallet/create", "1", json=body)
        assert (first.status, replayed(first), replayed(again)) == (200, False, True)
        assert again.body == first.body
        assert again.json["credited"] == 20_000, "as if it were the first time"
        assert again.headers["Cache-Control"] == "no-store"
        given = token.decode(text)
        late = {"initial_balance_token": text, "validity_date": 4_000_000_000}
        written = {"initial_balance_token": token.encode_a(given)}
        for changed in (late, written):
            refused = await post(client, "/v1/balance/create", "1", json=changed)
            assert refused.error == REUSED
        mine = await post(client, "/v1/balance/create", "1", json={"initial_balance_token": other})
        assert mine.json["api_key"] != first.json["api_key"]
        stored = b"".join(
            row[0] for row in await house.rows("SELECT answer FROM idempotency") if row[0]
        )
        assert first.json["api_key"].encode() not in stored

    async def test_a_refund_is_told_again_even_when_it_was_redeemed(
        self, client: Client, purse: Purse
    ) -> None:
        key = await client.new_key(await purse.token(20))
        first = await post(client, "/v1/balance/refund", "refund", key=key)
        assert first.status == 200
        await purse.payer.redeem(first.json["token"])
        again = await post(client, "/v1/balance/refund", "refund", key=key)
        assert (again.body, replayed(again)) == (first.body, True)
        text = await purse.token(5)
        topped = await post(
            client, "/v1/balance/topup", "refund", key=key, json={"cashu_token": text}
        )
        assert topped.error == REUSED, "one key, one call"
        assert await client.balance(key) == (0, 0)
        assert (await client.topup(key, text)).status == 200, "it was not redeemed"

    async def test_a_refusal_that_can_change_is_not_kept(
        self, client: Client, purse: Purse
    ) -> None:
        key = await client.new_key(await purse.token(20))
        await purse.payer.redeem((await client.refund(key)).json["token"])
        refused = await post(client, "/v1/balance/refund", "later", key=key)
        assert refused.error[2] == "no_balance"
        assert (await client.topup(key, await purse.token(5))).status == 200
        assert (await post(client, "/v1/balance/refund", "later", key=key)).status == 200

    async def test_a_dead_token_stays_dead(self, client: Client, purse: Purse) -> None:
        key = await client.new_key(await purse.token(5))
        text = await purse.token(5)
        await purse.payer.redeem(text)
        body = {"cashu_token": text}
        first, again = [
            await post(client, "/v1/balance/topup", "dead", key=key, json=body) for _ in range(2)
        ]
        assert first.error == again.error
        assert (first.error[2], replayed(again)) == ("cashu_token_already_spent", True)


class TestFiftyAtOnce:
    async def test_top_ups_are_one(self, crowd: Crowd, purse: Purse) -> None:
        key = await crowd[0].new_key(await purse.token(1))
        name, body = str(uuid4()), {"cashu_token": await purse.token(30)}
        replies = await at_once(
            post(crowd[n], "/v1/balance/topup", name, key=key, json=body) for n in range(FIFTY)
        )
        good = [reply for reply in replies if reply.status == 200]
        assert len({reply.body for reply in good}) == 1
        assert [replayed(reply) for reply in good].count(False) == 1
        assert {reply.error for reply in replies if reply.status != 200} <= {RUNNING}
        assert await crowd.balance(key) == 31_000
        assert sorted(one["amount"] for one in await crowd[1].history(key)) == [1_000, 30_000]

    async def test_refunds_are_one(self, crowd: Crowd, purse: Purse) -> None:
        key, name = await crowd[0].new_key(await purse.token(30)), str(uuid4())
        replies = await at_once(
            post(crowd[n], "/v1/balance/refund", name, key=key) for n in range(FIFTY)
        )
        good = [reply for reply in replies if reply.status == 200]
        assert len({reply.body for reply in good}) == 1
        assert {reply.error for reply in replies if reply.status != 200} <= {RUNNING}
        assert await purse.payer.redeem(good[0].json["token"]) == 30
        assert await crowd.balance(key) == 0

    @in_msat
    @pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
    async def test_paid_requests_are_one(self, crowd: Crowd, purse: Purse, stream: bool) -> None:
        key, name = await crowd[0].new_key(await purse.token(60 * EXACT_MSAT)), str(uuid4())
        replies = await at_once(
            post(crowd[n], CHAT, name, key=key, json={**BODY, "stream": stream})
            for n in range(FIFTY)
        )
        assert Counter(reply.status for reply in replies) == {200: 1, 409: FIFTY - 1}
        assert {reply.error for reply in replies if reply.status == 409} <= {RUNNING, PAID}
        assert await crowd.balance(key) == 59 * EXACT_MSAT

    @in_msat
    async def test_payments_with_one_token_are_one(self, crowd: Crowd, purse: Purse) -> None:
        text, name = await purse.token(3 * EXACT_MSAT), str(uuid4())
        headers = {"X-Cashu": text}
        replies = await at_once(
            post(crowd[n], CHAT, name, headers=headers, json=BODY) for n in range(FIFTY)
        )
        assert Counter(reply.status for reply in replies) == {200: 1, 409: FIFTY - 1}
        assert {reply.error for reply in replies if reply.status == 409} <= {RUNNING, PAID}
        change = next(r.headers["X-Cashu"] for r in replies if r.status == 200)
        assert token.decode(change).amount == 2 * EXACT_MSAT
        assert all("X-Cashu" not in reply.headers for reply in replies if reply.status == 409)


@in_msat
class TestPaidRequests:
    @pytest.mark.parametrize("stream", [False, True], ids=["json", "stream"])
    async def test_a_repeat_is_told_the_receipt(
        self, client: Client, purse: Purse, stream: bool
    ) -> None:
        key = await client.new_key(await purse.token(5 * EXACT_MSAT))
        body = {**BODY, "stream": stream}
        first = await post(client, CHAT, "ask", key=key, json=body)
        again = await post(client, "/chat/completions/", "ask", key=key, json=body)
        assert first.status == 200
        assert again.error == PAID
        assert again.headers["Cache-Control"] == "no-store"
        assert again.json["error"]["details"] == {
            "request_id": first.headers["x-routstr-request-id"],
            "model": EXACT,
            "input_tokens": 12,
            "output_tokens": 6,
            "cost_msats": EXACT_MSAT,
            "status": 200,
        }
        other = await post(client, CHAT, "ask", key=key, json={**body, "max_tokens": 5})
        assert other.error == REUSED
        assert await spent(client, key) == (EXACT_MSAT, 1)

    @pytest.mark.parametrize("play", ["refuse-503", "hang-up", "error-200"])
    async def test_a_failure_frees_the_key(self, client: Client, purse: Purse, play: str) -> None:
        key = await client.new_key(await purse.token(1_000))
        for _ in range(2):
            failed = await post(client, CHAT, "ask", key=key, json={**BODY, "model": play})
            assert failed.json["error"]["type"] == "upstream_error"
        assert (await post(client, CHAT, "ask", key=key, json=BODY)).status == 200
        assert await spent(client, key) == (EXACT_MSAT, 1)

    async def test_a_token_for_one_request_is_told_its_receipt_and_keeps_its_change(
        self, client: Client, purse: Purse
    ) -> None:
        text = await purse.token(3 * EXACT_MSAT)
        headers = {"X-Cashu": text}
        first = await post(client, CHAT, "ask", headers=headers, json=BODY)
        again = await post(client, CHAT, "ask", headers=headers, json=BODY)
        assert (first.status, again.error) == (200, PAID)
        claim = await post(client, "/v1/wallet/refund", "claim", headers=headers)
        assert claim.json["token"] == first.headers["X-Cashu"]
        claimed = await post(client, "/v1/wallet/refund", "claim", headers=headers)
        assert (claimed.headers["X-Cashu"], replayed(claimed)) == (first.headers["X-Cashu"], True)

    async def test_who_left_has_paid(self, house: House, client: Client, purse: Purse) -> None:
        key = await client.new_key(await purse.token(5 * EXACT_MSAT))
        gate = asyncio.Event()
        house.upstream.next(chat(shape=Shape(gate_after=2, gate=gate)))
        body = {**BODY, "stream": True}
        running = asyncio.create_task(post(client, CHAT, "ask", key=key, json=body))
        await client.wait_for_hold(key, held=True)
        assert (await post(client, CHAT, "ask", key=key, json=body)).error == RUNNING
        running.cancel()
        gate.set()
        await client.wait_for_hold(key, held=False)
        assert (await post(client, CHAT, "ask", key=key, json=body)).error == PAID
        assert await spent(client, key) == (EXACT_MSAT, 1)


@pytest_asyncio.fixture(loop_scope="session")
async def own_house(tmp_path: Path, mint: Mint) -> AsyncIterator[House]:
    """A node that keeps answers, and that may be killed."""
    url = f"sqlite:///{tmp_path / 'routstr.db'}"
    async with open_house(tmp_path, url, [mint.url], more={"STORE_ANSWERS": "true"}) as house:
        yield house
        outcome = await house.audit()
        assert outcome.holds, [check for check in outcome.checks if not check.holds]
        assert house.leaks() == []


async def test_stored_answers_and_a_crash(own_house: House, mint: Mint) -> None:
    """One house for all: a stored answer, a crash in the middle, a crash after the charge."""
    client = own_house.client
    async with Payer(mint.url) as payer:
        key = await client.new_key(await payer.token(60 * EXACT_MSAT, Unit.MSAT))
    first = await post(client, CHAT, "stored", key=key, json=BODY)
    again = await post(client, CHAT, "stored", key=key, json=BODY)
    assert (again.status, again.body, replayed(again)) == (200, first.body, True)
    assert again.headers["X-Routstr-Cost-Msats"] == str(EXACT_MSAT)
    assert len(again.headers.getall("x-routstr-request-id")) == 1  # type: ignore[attr-defined]
    assert again.headers["x-routstr-request-id"] != first.headers["x-routstr-request-id"]
    assert await spent(client, key) == (EXACT_MSAT, 1)

    own_house.upstream.next(chat(shape=Shape(gate_after=2, gate=asyncio.Event())))
    streamed = {**BODY, "stream": True}
    running = asyncio.create_task(post(client, CHAT, "killed", key=key, json=streamed))
    await client.wait_for_hold(key, held=True)
    own_house.node.kill()
    await asyncio.gather(running, return_exceptions=True)
    await own_house.node.restart()
    async with asyncio.timeout(20):
        while (late := await post(client, CHAT, "killed", key=key, json=streamed)).status != 200:
            assert late.error == RUNNING, "until the hold of the dead has expired"
            await asyncio.sleep(0.1)
    assert await spent(client, key) == (2 * EXACT_MSAT, 2)

    own_house.node.kill()
    with closing(sqlite3.connect(database_path(own_house.database_url))) as db, db:
        db.execute("UPDATE idempotency SET answer = NULL, owner = 1")  # as if killed before that
    await own_house.node.restart()
    told = await post(client, CHAT, "stored", key=key, json=BODY)
    assert told.error == PAID
    assert told.json["error"]["details"]["cost_msats"] == EXACT_MSAT
    assert told.json["error"]["details"]["status"] is None
    assert told.json["error"]["details"]["request_id"] == first.headers["x-routstr-request-id"]
    assert await spent(client, key) == (2 * EXACT_MSAT, 2)


def crash_before_the_answers_are_kept(house: House) -> None:
    """As if the node had died after its work and before it kept what it answered."""
    with closing(sqlite3.connect(database_path(house.database_url), timeout=10)) as db, db:
        db.execute("UPDATE idempotency SET answer = NULL, owner = NULL")


@on_sqlite
class TestWorkThatIsNotIdempotentByItself:
    """Carried out again, it finds what it did: the operation is the same."""

    async def test_child_keys(self, client: Client, house: House, purse: Purse) -> None:
        key = await client.new_key(await purse.token(20))
        body = {"count": 3}
        first = await post(client, "/v1/balance/child-key", "children", key=key, json=body)
        assert len(first.json["api_keys"]) == 3
        again = await post(client, "/v1/wallet/child-key", "children", key=key, json=body)
        assert (again.body, replayed(again)) == (first.body, True)
        crash_before_the_answers_are_kept(house)
        later = await post(client, "/v1/balance/child-key", "children", key=key, json=body)
        assert (later.json["api_keys"], replayed(later)) == (first.json["api_keys"], False)
        others = await post(client, "/v1/balance/child-key", "others", key=key, json=body)
        assert not set(others.json["api_keys"]) & set(first.json["api_keys"])
        assert len((await client.info(key)).json["child_keys"]) == 6

    async def test_a_rotation_is_told_to_who_has_the_old_key_and_the_calls_name(
        self, client: Client, house: House, purse: Purse
    ) -> None:
        key, name = await client.new_key(await purse.token(20)), str(uuid4())
        assert (await post(client, "/v1/balance/rotate", "1", key=key)).status == 400
        first = await post(client, "/v1/balance/rotate", name, key=key)
        new = first.json["api_key"]
        assert (await post(client, "/v1/balance/rotate", name, key=key)).body == first.body
        crash_before_the_answers_are_kept(house)
        assert (await post(client, "/v1/balance/rotate", name, key=key)).json["api_key"] == new
        assert (await post(client, "/v1/balance/rotate", str(uuid4()), key=key)).status == 401
        assert await client.balance(new) == (20_000, 0)

    async def test_an_invoice_is_one_under_all_its_names(
        self, client: Client, house: House
    ) -> None:
        name, body = str(uuid4()), {"amount_sats": 21}
        assert (await post(client, "/lightning/invoice", "1", json=body)).status == 400
        first = await post(client, "/v1/balance/lightning/invoice", name, json=body)
        assert first.status == 200, first.body
        again = await post(client, "/lightning/invoice", name, json=body)
        assert (again.body, replayed(again)) == (first.body, True)
        crash_before_the_answers_are_kept(house)
        later = await post(client, "/lightning/invoice", name, json=body)
        assert later.json["invoice_id"] == first.json["invoice_id"]
        assert later.json["bolt11"] == first.json["bolt11"]
