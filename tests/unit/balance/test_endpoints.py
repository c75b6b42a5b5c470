"""Routes of keys and balances: what is parsed, what is passed on, what may be cached."""

from collections.abc import Sequence
from typing import Any

import msgspec
import pytest
from fastapi import FastAPI

from routstr.auth.terms import KeyTerms
from routstr.balance.endpoints import router
from routstr.balance.schemas import CreateAnswer, RefundAnswer, RefundToken, TopupAnswer
from routstr.core.rendering import install_error_handlers
from routstr.money import Msat
from tests.unit.core.asgi import Answer, ask

JSON = ("content-type", "application/json")


def refund_answer(text: str, unit: str, **face: str) -> RefundAnswer:
    return RefundAnswer(
        token=text,
        unit=unit,
        mint="m",
        tokens=[RefundToken(token=text, amount=1, unit=unit, mint="m")],
        refunded_msats=1,
        pending_msats=0,
        mint_fee=0,
        balance=0,
        repeated=False,
        **face,
    )


class Service:
    """Notes what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[Any, ...]] = []

    async def create(self, *arguments: object) -> CreateAnswer:
        self.asked.append(("create", *arguments))
        return CreateAnswer(api_key="sk-1", balance=5, id="key_1", mint="m")

    async def top_up(self, *arguments: object) -> TopupAnswer:
        self.asked.append(("top_up", *arguments))
        return TopupAnswer(msats=1, gross=2, mint_fee=1, balance=6)

    async def refund(self, *arguments: object) -> RefundAnswer:
        self.asked.append(("refund", *arguments))
        return refund_answer("cashuB", "sat", sats="1")

    async def claim(self, *arguments: object) -> RefundAnswer:
        self.asked.append(("claim", *arguments))
        return refund_answer("cashuBrest", "msat", msats="1")


SERVICE = Service()


@pytest.fixture
def service() -> Service:
    SERVICE.asked.clear()
    return SERVICE


def _app() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    app.include_router(router, prefix="/v1/balance")
    app.state.balance = SERVICE
    return app


APP = _app()


async def call(
    method: str,
    path: str,
    body: object = None,
    headers: Sequence[tuple[str, str]] = (),
    query: str = "",
) -> Answer:
    chunks = [b""] if body is None else [msgspec.json.encode(body)]

    async def with_query(scope: Any, receive: Any, send: Any) -> None:
        await APP({**scope, "query_string": query.encode()}, receive, send)

    return await ask(with_query, method, f"/v1/balance{path}", headers=headers, chunks=chunks)


async def test_a_key_is_created_from_a_body_or_a_query(service: Service) -> None:
    posted = await call("POST", "/create", {"initial_balance_token": "cashuB"}, [JSON])
    got = await call("GET", "/create", query="initial_balance_token=cashuA&validity_date=9&name=n")
    assert posted.status == got.status == 200
    assert posted.json()["api_key"] == "sk-1"
    by_query = KeyTerms(expires_at=9_000, name="n")
    assert service.asked == [("create", "cashuB", KeyTerms()), ("create", "cashuA", by_query)]


async def test_a_key_is_created_on_terms_of_the_body_or_of_headers(service: Service) -> None:
    headers = [JSON, ("Key-Expiry-Time", "7"), ("Refund-LNURL", "me@wallet.example")]
    token = {"initial_balance_token": "cashuB"}
    limit = {"balance_limit": 5, "balance_limit_reset": "daily", "metadata": {"a": 1}}
    await call("POST", "/create", {**token, **limit}, headers)
    own = {"validity_date": 9, "refund_lnurl": "you@wallet.example"}
    await call("POST", "/create", {**token, **own}, headers)
    both = [asked[2] for asked in service.asked]
    assert both[0] == KeyTerms(7_000, Msat(5), "daily", "me@wallet.example", metadata='{"a":1}')
    assert both[1] == KeyTerms(9_000, refund_address="you@wallet.example")


@pytest.mark.parametrize("body", [{}, {"initial_balance_token": ""}, {"initial_balance_token": 5}])
async def test_a_creation_without_a_token_is_refused(service: Service, body: object) -> None:
    answer = await call("POST", "/create", body, [JSON])
    assert answer.status == 422
    assert answer.json()["error"]["code"] == "invalid_parameter"
    assert service.asked == []


async def test_a_top_up_takes_the_token_from_the_body_or_the_query(service: Service) -> None:
    key = ("authorization", "Bearer sk-1")
    await call("POST", "/topup", {"cashu_token": "cashuB"}, [JSON, key])
    await call("POST", "/topup", headers=[key], query="cashu_token=cashuA")
    assert service.asked == [
        ("top_up", "Bearer sk-1", "cashuB"), ("top_up", "Bearer sk-1", "cashuA"),
    ]  # fmt: skip


async def test_a_top_up_without_a_token_says_so_in_the_known_words(service: Service) -> None:
    for body in (None, {}, {"cashu_token": None}, {"cashu_token": ""}):
        answer = await call("POST", "/topup", body, [JSON])
        told = answer.json()["error"]["message"]
        assert (answer.status, told) == (400, "A cashu_token is required.")
    assert service.asked == []


async def test_a_refund_leaves_out_what_it_has_not(service: Service) -> None:
    answer = await call("POST", "/refund", headers=[("authorization", "Bearer sk-1")])
    assert answer.json()["sats"] == "1"
    assert "msats" not in answer.json()
    assert service.asked == [("refund", "Bearer sk-1")]


async def test_no_answer_about_money_may_be_kept_by_a_cache(service: Service) -> None:
    assert (await call("POST", "/refund")).header("cache-control") == "no-store"


async def test_a_token_that_paid_for_a_request_claims_its_change(service: Service) -> None:
    claims = [("X-Cashu", "cashuBpaid")]
    for headers in (claims, [*claims, ("Authorization", "Bearer sk-1")]):
        answer = await call("POST", "/refund", headers=headers)
        assert answer.json()["token"] == answer.header("x-cashu") == "cashuBrest"
        assert answer.header("cache-control") == "no-store"
    assert (await call("POST", "/refund", headers=[("Authorization", "Bearer sk-1")])).header(
        "x-cashu"
    ) is None
    assert service.asked == [
        ("claim", "cashuBpaid"),
        ("claim", "cashuBpaid"),
        ("refund", "Bearer sk-1"),
    ]
