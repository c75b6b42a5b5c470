"""What strangers send: refused in the contract's words, with everybody's money where it was."""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from typing import Any

import pytest
import pytest_asyncio

from devkit.mint import Mint
from devkit.payer import Payer
from devkit.ports import LOOPBACK
from routstr.wallet import token
from routstr.wallet.mint_types import ProofState
from routstr.wallet.token import Token
from tests.integration.money.conftest import GONE_MINT, Purse, on_sqlite
from tests.integration.money.house import BODY_BYTES_MAX, QUESTION, Client, House, Reply

Error = tuple[int, str, str]
Way = Callable[[Client, str, str], Awaitable[Reply]]

SPENT: Error = (400, "token_already_spent", "cashu_token_already_spent")
INVALID: Error = (400, "invalid_token", "invalid_cashu_token")
TOO_LARGE: Error = (400, "cashu_error", "cashu_token_too_large")
PARAMETER: Error = (400, "invalid_request_error", "invalid_parameter")

pytestmark = on_sqlite


async def by_create(client: Client, text: str, _key: str) -> Reply:
    return await client.create(text)


async def by_info(client: Client, text: str, _key: str) -> Reply:
    return await client.info(text)


async def by_chat(client: Client, text: str, _key: str) -> Reply:
    return await client.chat(text)


async def by_topup(client: Client, text: str, key: str) -> Reply:
    return await client.topup(key, text)


every_way = pytest.mark.parametrize("way", [by_create, by_info, by_chat, by_topup])


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def key(sqlite_house: House, payers: dict[str, Payer]) -> str:
    """A key with 10 sat; nobody here ever gets at them."""
    return await sqlite_house.client.new_key(await payers["mint"].token(10))


@pytest_asyncio.fixture(scope="module", loop_scope="session")
async def good(payers: dict[str, Payer]) -> Token:
    """A token of 1 sat from which bad ones are made; it is never redeemed itself."""
    return token.decode(await payers["mint"].token(1))


async def written(house: House) -> list[tuple[object, ...]]:
    """Everything that a token could leave behind."""
    return await house.rows(
        "SELECT (SELECT count(*) FROM sagas), (SELECT count(*) FROM claimed_y),"
        " (SELECT count(*) FROM api_keys), (SELECT count(*) FROM transfers)"
    )


class TestTokens:
    """Each is refused on every way in; nothing is written, nothing is spent, nobody is asked."""

    @pytest_asyncio.fixture(loop_scope="session")
    async def refused(
        self, house: House, client: Client, key: str, way: Way
    ) -> Callable[[str], Awaitable[Reply]]:
        async def offer(text: str) -> Reply:
            before, asked = await written(house), len(house.upstream.requests)
            reply = await way(client, text, key)
            assert await written(house) == before
            assert len(house.upstream.requests) == asked
            assert await client.balance(key) == (10_000, 0)
            assert reply.headers["Cache-Control"] == "no-store"
            assert reply.json["request_id"] == reply.headers["x-routstr-request-id"]
            return reply

        return offer

    @every_way
    async def test_spent(self, purse: Purse, refused: Callable[[str], Awaitable[Reply]]) -> None:
        text = await purse.token(5)
        await purse.payer.redeem(text)
        assert (await refused(text)).error == SPENT
        assert (await refused(text)).error == SPENT

    @every_way
    @pytest.mark.parametrize("text", ["cashuAnonsense", "cashuB!", "cashuB", "cashuB" + "A" * 400])
    async def test_malformed(self, refused: Callable[[str], Awaitable[Reply]], text: str) -> None:
        assert (await refused(text)).error == INVALID

    @every_way
    async def test_of_a_foreign_mint_which_is_not_contacted(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        visits: list[object] = []
        server = await asyncio.start_server(lambda *visit: visits.append(visit), LOOPBACK, 0)
        port = server.sockets[0].getsockname()[1]
        foreign = token.encode_b(replace(good, mint=f"http://{LOOPBACK}:{port}"))
        reply = await refused(foreign)
        server.close()
        assert reply.error == (400, "mint_error", "untrusted_mint")
        assert good.mint in reply.json["error"]["details"]["mints"]
        assert visits == []

    @every_way
    @pytest.mark.parametrize(
        "place",
        [
            "http://169.254.169.254/latest",
            "http://127.0.0.1:1",
            "http://[::1]:8080",
            "http://0x7f000001",
            "file:///etc/passwd",
            "https://localhost",
        ],
    )
    async def test_that_would_lead_the_node_elsewhere(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]], place: str
    ) -> None:
        reply = await refused(token.encode_b(replace(good, mint=place)))
        assert reply.error in {(400, "mint_error", "untrusted_mint"), INVALID}

    @every_way
    async def test_worth_nothing(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        nothing = replace(good, proofs=tuple(replace(p, amount=0) for p in good.proofs))
        reply = await refused(token.encode_a(nothing))
        assert reply.error == (400, "cashu_error", "cashu_token_zero_value")

    @every_way
    async def test_worth_no_more_than_its_fee(
        self, payers: dict[str, Payer], refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        text = await payers["fee_mint"].token(1)
        reply = await refused(text)
        assert reply.error == (422, "mint_error", "cashu_token_swap_fees_exceed_amount")
        assert await payers["fee_mint"].states(text) == [ProofState.UNSPENT]

    @every_way
    async def test_of_more_proofs_than_is_allowed(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        one = good.proofs[0]
        many = tuple(replace(one, secret=f"{n:064x}", dleq=None) for n in range(101))
        reply = await refused(token.encode_b(replace(good, proofs=many)))
        assert reply.error == TOO_LARGE

    @every_way
    async def test_of_more_money_than_is_allowed(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        rich = replace(good, proofs=(replace(good.proofs[0], amount=1 << 20, dleq=None),))
        assert (await refused(token.encode_b(rich))).error == TOO_LARGE

    @every_way
    async def test_that_its_mint_did_not_sign(
        self, good: Token, purse: Purse, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        other = token.decode(await purse.token(1))
        forged = replace(good, proofs=(replace(good.proofs[0], c=other.proofs[0].c),))
        assert (await refused(token.encode_b(forged))).error == INVALID

    @every_way
    async def test_of_a_mint_that_is_away(
        self, good: Token, refused: Callable[[str], Awaitable[Reply]]
    ) -> None:
        reply = await refused(token.encode_b(replace(good, mint=GONE_MINT)))
        assert reply.error[0] == 503
        assert reply.error[1:] in {
            ("mint_unreachable", "cashu_mint_unreachable"),
            ("mint_rate_limited", "cashu_mint_rate_limited"),
        }
        assert int(reply.headers["Retry-After"]) >= 1


async def test_a_signature_that_only_the_mint_can_judge_is_refused_as_invalid(
    client: Client, purse: Purse
) -> None:
    given, other = [token.decode(await purse.token(1)) for _ in range(2)]
    forged = replace(given.proofs[0], c=other.proofs[0].c, dleq=None)
    reply = await client.create(token.encode_b(replace(given, proofs=(forged,))))
    assert reply.error == INVALID
    assert (await client.create(token.encode_b(given))).json["balance"] == 1_000


async def test_a_token_below_the_minimum_of_the_request_is_not_redeemed(
    house: House, client: Client, purse: Purse
) -> None:
    text = await purse.token(1)
    before, asked = await written(house), len(house.upstream.requests)
    reply = await client.chat(text, max_tokens=500)
    details = reply.json["error"]["details"]
    assert reply.error == (402, "minimum_balance_required", "minimum_balance_required")
    assert details["token_msat"] == 1_000 < details["required_msat"]
    assert details["mint_fee_msat"] == 0
    assert await written(house) == before
    assert len(house.upstream.requests) == asked
    assert await purse.payer.states(text) == [ProofState.UNSPENT]
    assert await purse.payer.redeem(text) == 1


async def test_the_minimum_is_compared_with_what_would_arrive(
    client: Client, payers: dict[str, Payer], mints: dict[str, Mint]
) -> None:
    payer = payers["fee_mint"]
    assert mints["fee_mint"].options.fee_ppk == 100
    probe = await client.chat(await payer.token(2), max_tokens=500)
    required = probe.json["error"]["details"]["required_msat"]
    sats = -(-required // 1_000)
    below = await client.chat(await payer.token(sats), max_tokens=500)
    assert below.status == 402, "the fee takes a sat of it"
    assert below.json["error"]["details"]["mint_fee_msat"] == 1_000
    assert (await client.chat(await payer.token(sats + 1), max_tokens=500)).status == 200


class TestRequests:
    """Refused before anybody is asked to pay."""

    @pytest_asyncio.fixture(autouse=True, loop_scope="session")
    async def _nothing_moves(self, house: House, client: Client, key: str) -> None:
        self.house, self.client, self.key = house, client, key
        self.asked = len(house.upstream.requests)

    async def refused(self, reply: Reply) -> Error:
        assert await self.client.balance(self.key) == (10_000, 0)
        assert len(self.house.upstream.requests) == self.asked
        assert reply.json["request_id"] == reply.headers["x-routstr-request-id"]
        return reply.error  # type: ignore[return-value]

    async def post(self, data: bytes) -> Reply:
        return await self.client.call("POST", "/v1/chat/completions", key=self.key, data=data)

    @pytest.mark.parametrize(
        "data",
        [b"", b"{", b"not json", b'{"model": "good"', b"\xff\xfe", b"[]", b'"good"', b"null", b"1"],
    )
    async def test_a_body_that_is_no_json_object(self, data: bytes) -> None:
        error = await self.refused(await self.post(data))
        assert error == (400, "invalid_request_error", "invalid_json")

    async def test_a_body_nested_too_deeply(self) -> None:
        data = b'{"model": "good", "messages": ' + b"[" * 100_000 + b"]" * 100_000 + b"}"
        error = await self.refused(await self.post(data))
        assert error == (400, "invalid_request_error", "invalid_json")

    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/balance/create"])
    async def test_a_body_that_is_too_large(self, path: str) -> None:
        data = b'{"model": "good", "initial_balance_token": "' + b"a" * BODY_BYTES_MAX + b'"}'
        reply = await self.client.call("POST", path, key=self.key, data=data)
        error = await self.refused(reply)
        assert error == (413, "invalid_request_error", "request_too_large")

    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/balance/create"])
    async def test_a_body_that_is_too_large_and_does_not_say_so(self, path: str) -> None:
        piece = b"8000\r\n" + b" " * 0x8000 + b"\r\n"
        head = f"POST {path} HTTP/1.1\r\nHost: node\r\nAuthorization: Bearer {self.key}\r\n"
        head += "Content-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n"
        reader, writer = await asyncio.open_connection(LOOPBACK, self.house.node.port)
        writer.write(head.encode() + piece * (BODY_BYTES_MAX // 0x8000 + 1))
        answer = await reader.read()  # to the end: the connection is closed
        writer.close()
        assert answer.startswith(b"HTTP/1.1 413 ")
        assert b'"request_too_large"' in answer
        assert await self.client.balance(self.key) == (10_000, 0)

    @pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/balance/info"])
    @pytest.mark.parametrize("many", [False, True])
    async def test_headers_that_are_too_large_or_too_many(self, path: str, many: bool) -> None:
        headers = {f"X-{n}": "1" for n in range(150)} if many else {"X-Long": "a" * 70_000}
        method = "POST" if "chat" in path else "GET"
        reply = await self.client.call(method, path, key=self.key, headers=headers)
        error = await self.refused(reply)
        assert error == (431, "invalid_request_error", "headers_too_large")

    @pytest.mark.parametrize("name", ["max_tokens", "max_completion_tokens"])
    @pytest.mark.parametrize("limit", [-1, 0, 10**30, 10**8, "10", 1.5, True, [5]])
    async def test_an_impossible_limit(self, name: str, limit: object) -> None:
        more: dict[str, Any] = {name: limit}
        reply = await self.client.chat(self.key, **more)
        assert await self.refused(reply) == PARAMETER
        assert name in reply.message

    async def test_an_unknown_model(self) -> None:
        reply = await self.client.chat(self.key, "no-such-model")
        error = await self.refused(reply)
        assert error == (400, "invalid_model", "model_not_found")
        assert "Model 'no-such-model' not found" in reply.message

    @pytest.mark.parametrize("model", [None, "", 5, " ", "m" * 300])
    async def test_a_model_that_is_none(self, model: object) -> None:
        body = {"model": model, "messages": QUESTION}
        reply = await self.client.call("POST", "/v1/chat/completions", key=self.key, json=body)
        assert await self.refused(reply) == PARAMETER

    @pytest.mark.parametrize("path", ["/v1/balance/nothing", "/v1/wallet/child", "/nothing"])
    async def test_an_unknown_path(self, path: str) -> None:
        reply = await self.client.call("POST", path, key=self.key)
        assert await self.refused(reply) == (404, "not_found", "not_found")
        assert reply.message == "Not found check /docs for available endpoints"


async def test_no_secret_gets_into_the_logs(house: House, client: Client, purse: Purse) -> None:
    """S3: in places where they belong and in places where they do not."""
    text, key = await purse.token(3), await client.new_key(await purse.token(2))
    await purse.payer.redeem(text)
    client.secrets |= {text, key}
    params = {"initial_balance_token": text, "cashu_token": text, "key": key}
    await client.call("GET", "/v1/balance/create", params=params)
    await client.call("POST", "/v1/wallet/topup", key=key, params=params)
    await client.call("GET", f"/v1/models/{key}")
    await client.call("GET", f"/{text}")
    await client.call("POST", "/v1/balance/create", json={"initial_balance_token": [text]})
    await client.call("POST", "/v1/balance/create", json={text: key})
    await client.call("POST", "/v1/balance/create", data=text.encode())
    await client.call("POST", "/v1/chat/completions", key=text + "x", data=key.encode())
    await client.call("POST", "/v1/chat/completions", headers={"X-Cashu": text})
    await client.call("GET", "/v1/balance/info", headers={"Authorization": f"Basic {key}"})
    await client.chat(key, key)
    await client.chat(key, text)
    await client.chat(key, user=key)
    await client.refund(key)
    await asyncio.sleep(0.3)  # the writer of the logs is a little behind
    assert key[3:] in key
    assert house.logged().count("/v1/chat/completions") > 3, "these requests are in the logs"
    assert house.leaks() == []
