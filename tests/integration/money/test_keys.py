"""Creating keys and using tokens as keys, on real mints and both databases."""

import asyncio

import pytest

from devkit.upstream import Upstream
from routstr.core.clock import SystemClock
from routstr.errors import AuthError, KeyExpired, KeyNotFound, MissingApiKey
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from tests.integration.money.conftest import Purse, every_pair, on_sqlite
from tests.integration.money.house import Client, House

CLOCK = SystemClock()


@every_pair
async def test_a_token_becomes_a_key_with_what_arrived(client: Client, purse: Purse) -> None:
    text = await purse.token(1_000)
    fee = await purse.fee_msat(text)
    gross = purse.unit.to_msat(1_000)
    made = await client.create(text)

    assert made.status == 200
    assert made.json == {
        "api_key": made.json["api_key"],
        "balance": gross - fee,
        "id": made.json["id"],
        "mint": purse.mint.url,
        "credited": gross - fee,
        "gross": gross,
        "mint_fee": fee,
        "change": None,
    }
    assert bool(fee) is purse.has_fee
    assert made.headers["Cache-Control"] == "no-store"
    assert set(await purse.payer.states(text)) == {ProofState.SPENT}

    again = await client.create(text)
    assert (again.json["api_key"], again.json["balance"], again.json["credited"]) == (
        made.json["api_key"],
        gross - fee,
        None,
    )


@every_pair
async def test_one_token_from_many_sides_at_once_is_one_key_and_one_credit(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(300, form="A")
    other = token.encode_b(token.decode(text))
    net = purse.unit.to_msat(300) - await purse.fee_msat(text)
    made = await asyncio.gather(
        *(client.create(text if n % 2 else other) for n in range(8)),
        *(client.info(text if n % 2 else other) for n in range(8)),
    )
    assert {reply.status for reply in made} == {200}
    assert len({reply.json["api_key"] for reply in made}) == 1
    assert await client.balance(made[0].json["api_key"]) == (net, 0)


async def test_a_token_is_a_key_in_every_spelling_and_is_told_its_own(
    client: Client, purse: Purse
) -> None:
    text = await purse.token(21, form="A")
    first = (await client.info(text)).json
    other = token.encode_b(token.decode(text))
    for credential in (text, other, f"cashu:{other}", first["api_key"]):
        info = (await client.info(credential)).json
        assert (info["api_key"], info["balance"]) == (first["api_key"], 21_000)
    assert (await client.create(other)).json["api_key"] == first["api_key"]


async def test_what_a_key_tells_of_itself(client: Client, purse: Purse) -> None:
    key = await client.new_key(await purse.token(100))
    before = (await client.info(key)).json
    paid = await client.chat(key)
    after = (await client.info(key)).json

    assert before == {
        "api_key": key,
        "id": before["id"],
        "name": None,
        "balance": 100_000,
        "reserved": 0,
        "refunds_pending": 0,
        "total": 100_000,
        "total_deposited": 100_000,
        "total_spent": 0,
        "total_requests": 0,
        "created_at": before["created_at"],
        "last_used_at": None,
        "expires_at": None,
        "validity_date": None,
        "metadata": {},
        "mint": purse.mint.url,
        "unit": "sat",
        "is_child": False,
        "parent_key_preview": None,
        "balance_limit": None,
        "balance_limit_reset": None,
        "balance_limit_remaining": None,
        "refund_lnurl": None,
        "refund_problem": None,
        "child_keys": None,
    }
    assert abs(before["created_at"] - CLOCK.now_ms() // 1_000) < 60
    left = 100_000 - paid.cost
    assert (after["balance"], after["total"]) == (left, left)
    assert (after["total_spent"], after["total_requests"]) == (paid.cost, 1)
    assert after["last_used_at"] >= before["created_at"]


@on_sqlite
@pytest.mark.parametrize(
    "path", ["/v1/balance/info", "/v1/balance", "/v1/balance/", "/v1/wallet/info"]
)
async def test_older_names_answer_alike(client: Client, purse: Purse, path: str) -> None:
    key = await client.new_key(await purse.token(5))
    reply = await client.call("GET", path, key=key)
    assert (reply.status, reply.json["api_key"]) == (200, key)


@on_sqlite
async def test_a_key_can_be_made_by_a_query(client: Client, purse: Purse) -> None:
    params = {"initial_balance_token": await purse.token(5)}
    made = await client.call("GET", "/v1/wallet/create", params=params)
    assert (made.status, made.json["balance"]) == (200, 5_000)


@on_sqlite
async def test_an_expired_key_cannot_pay_but_gives_its_money_back(
    client: Client, purse: Purse
) -> None:
    expires = CLOCK.now_ms() // 1_000 + 2
    made = await client.create(await purse.token(5), validity_date=expires)
    key = made.json["api_key"]
    assert (await client.info(key)).json["validity_date"] == expires
    await asyncio.sleep(expires - CLOCK.now_ms() / 1_000 + 0.1)
    for reply in (await client.chat(key), await client.topup(key, "x")):
        assert reply.error == (403, KeyExpired.type, KeyExpired.code)
    assert (await client.info(key)).json["balance"] == 5_000
    assert (await client.refund(key)).json["sats"] == "5"


@pytest.mark.parametrize("date", [1, 0, -1, 2**62, "soon"])
@on_sqlite
async def test_a_key_is_not_made_for_an_impossible_date(
    client: Client, purse: Purse, date: object
) -> None:
    text = await purse.token(5)
    made = await client.create(text, validity_date=date)
    assert made.status in {400, 422}
    assert made.error[1:] == ("invalid_request_error", "invalid_parameter")
    assert set(await purse.payer.states(text)) == {ProofState.UNSPENT}


@on_sqlite
class TestWithoutAKnownKey:
    """S24: unknown, malformed and altered keys look alike; nothing is asked of anybody."""

    @pytest.fixture
    def upstream(self, house: House) -> Upstream:
        return house.upstream

    @pytest.mark.parametrize("header", [None, "Bearer", "Bearer  ", "Basic c2stMTIz", "sk-123"])
    async def test_nobody_is_told_to_send_one(self, client: Client, header: str | None) -> None:
        headers = {} if header is None else {"Authorization": header}
        body = {"model": "good", "messages": []}
        for method, path, json in [
            ("GET", "/v1/balance/info", None),
            ("POST", "/v1/balance/refund", None),
            ("POST", "/v1/balance/topup", {"cashu_token": "cashuAx"}),
            ("GET", "/v1/balance/history", None),
            *([] if header is None else [("POST", "/v1/chat/completions", body)]),
        ]:
            reply = await client.call(method, path, headers=headers, json=json)
            assert reply.error == (401, MissingApiKey.type, MissingApiKey.code), path
            assert "Unauthorized" in reply.message

    async def test_all_wrong_keys_look_alike(
        self, client: Client, purse: Purse, upstream: Upstream
    ) -> None:
        real = await client.new_key(await purse.token(5))
        asked = len(upstream.requests)
        told: dict[str, set[tuple[object, ...]]] = {"info": set(), "chat": set(), "refund": set()}
        wrong = [
            "sk-" + "0" * 64,
            real[:-1] + "x",
            real.upper(),
            real + " ",
            "sk-",
            "x",
            "a" * 9_000,
        ]
        wrong.remove(real + " ")  # blanks around a credential do not count
        for key in wrong:
            for name, reply in (
                ("info", await client.info(key)),
                ("chat", await client.chat(key)),
                ("refund", await client.refund(key)),
            ):
                told[name].add((*reply.error, reply.message))
        assert {len(answers) for answers in told.values()} == {1}
        assert told["info"] == told["chat"]
        assert next(iter(told["info"]))[:3] == (401, AuthError.type, AuthError.code)
        assert next(iter(told["refund"]))[:3] == (401, KeyNotFound.type, KeyNotFound.code)
        assert "Key not found" in str(next(iter(told["refund"]))[3])
        assert len(upstream.requests) == asked

    async def test_a_token_never_seen_is_not_redeemed_by_a_refund(
        self, client: Client, purse: Purse
    ) -> None:
        text = await purse.token(5)
        assert (await client.refund(text)).error[2] == KeyNotFound.code
        assert set(await purse.payer.states(text)) == {ProofState.UNSPENT}
