from dataclasses import replace
from typing import Annotated, Any

import msgspec
import pytest
from fastapi import Body, FastAPI, HTTPException
from pydantic import BaseModel, ConfigDict
from starlette.types import Message

from routstr.core.rendering import (
    UNCAUGHT,
    UNKNOWN_PATH,
    Protocol,
    Reply,
    install_error_handlers,
    render_error,
    render_uncaught,
    send_reply,
)
from routstr.core.request_id import REQUEST_ID
from routstr.errors import (
    InsufficientBalance,
    MintRateLimited,
    NotFound,
    PaymentError,
    RoutstrError,
    TokenBelowMinimum,
    UpstreamRejected,
)
from routstr.errors.terms import Terms
from routstr.money import Msat
from tests.unit.core.asgi import Answer, ask

ERROR = InsufficientBalance(
    "Needs more.", details={"required_msat": Msat(10), "mints": ["https://a.example"]}
)
SHOWN = {
    "message": "Needs more.",
    "type": "insufficient_quota",
    "code": "insufficient_balance",
    "details": {"required_msat": 10, "mints": ["https://a.example"]},
}


def body(reply: Reply) -> object:
    return msgspec.json.decode(reply.body)


def test_the_openai_envelope() -> None:
    reply = render_error(ERROR, "the-id")

    assert reply.status == 402
    assert reply.code == "insufficient_balance"
    assert body(reply) == {"error": SHOWN, "request_id": "the-id"}


def test_the_management_envelope_mirrors_the_error() -> None:
    reply = render_error(ERROR, "the-id", Protocol.MANAGEMENT)

    assert body(reply) == {"detail": {"error": SHOWN}, "error": SHOWN, "request_id": "the-id"}


def test_details_are_left_out_when_there_are_none() -> None:
    assert "details" not in str(body(render_error(NotFound(), "r")))


def test_an_answer_is_json_of_known_length_that_no_cache_keeps() -> None:
    reply = render_error(ERROR, "r")

    assert dict(reply.headers) == {
        b"content-type": b"application/json",
        b"cache-control": b"no-store",
        b"content-length": str(len(reply.body)).encode(),
    }


def test_headers_of_the_error_are_sent_and_cannot_inject_others() -> None:
    error = MintRateLimited(headers={"Retry-After": "7\r\nSet-Cookie: a=b"})
    headers = dict(render_error(error, "r").headers)

    assert headers[b"retry-after"] == b"7Set-Cookie: a=b"
    assert b"set-cookie" not in headers


def test_the_status_of_an_upstream_is_passed_on() -> None:
    assert render_error(UpstreamRejected(upstream_status=418), "r").status == 418


def test_a_message_that_quotes_a_secret_is_cut() -> None:
    secret = "sk-" + "ab" * 24
    reply = render_error(RoutstrError(f"Incorrect API key provided: {secret}"), "r")

    assert secret.encode() not in reply.body


@pytest.mark.parametrize("protocol", Protocol)
def test_an_uncaught_exception_tells_nothing_but_whom_to_ask(protocol: Protocol) -> None:
    reply = render_uncaught("the-id", protocol)
    decoded = body(reply)

    assert reply.status == 500
    assert isinstance(decoded, dict)
    assert decoded["error"] == {
        "message": UNCAUGHT,
        "type": "api_error",
        "code": "internal_error",
    }
    assert decoded["request_id"] == "the-id"


TERMS = Terms("creqAabc", 9, "sat", ("https://a.example",), 8_001, "/v1/balance/topup")
TOLD = {
    "max_cost_msat": 8_001,
    "amount": 9,
    "unit": "sat",
    "mints": ["https://a.example"],
    "payment_request": "creqAabc",
    "topup_url": "/v1/balance/topup",
}


def with_terms(error: PaymentError, **changes: Any) -> PaymentError:
    error.terms = replace(TERMS, **changes)
    return error


@pytest.mark.parametrize("protocol", Protocol)
def test_the_terms_of_a_402_stand_beside_the_error_and_in_a_header(protocol: Protocol) -> None:
    reply = render_error(with_terms(InsufficientBalance()), "r", protocol)
    decoded = body(reply)

    assert isinstance(decoded, dict)
    assert {name: decoded[name] for name in TOLD} == TOLD
    assert dict(reply.headers)[b"x-cashu"] == b"creqAabc"
    assert dict(reply.headers)[b"cache-control"] == b"no-store"


def test_without_a_mint_there_is_no_header_to_pay_by() -> None:
    headers = dict(render_error(with_terms(PaymentError(), request=""), "r").headers)

    assert b"x-cashu" not in headers


def test_money_in_the_header_goes_before_the_payment_request() -> None:
    error = InsufficientBalance(headers={"X-Cashu": "cashuBchange"})
    reply = render_error(with_terms(error), "r")
    decoded = body(reply)

    assert [value for name, value in reply.headers if name == b"x-cashu"] == [b"cashuBchange"]
    assert isinstance(decoded, dict)
    assert decoded["payment_request"] == "creqAabc"


@pytest.mark.parametrize(
    ("terms", "asked"),
    [
        (None, 500),
        (TERMS, 9_000),
        (replace(TERMS, unit="msat"), 9),
        (replace(TERMS, amount=None), 500),
    ],
)
def test_a_token_that_is_too_small_is_told_in_the_older_words_too(
    terms: Terms | None, asked: int
) -> None:
    error = TokenBelowMinimum(details={"required_msat": 500, "model": "tiny"})
    error.terms = terms
    decoded = body(render_error(error, "r"))

    assert isinstance(decoded, dict)
    assert decoded["detail"] == {
        "reason": "Insufficient balance",
        "amount_required_msat": asked,
        "model": "tiny",
        "type": "minimum_balance_required",
    }


async def test_a_reply_is_sent_whole_with_further_headers() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    reply = render_error(ERROR, "r")
    await send_reply(send, reply, [(b"x-more", b"1")])

    start, end = sent
    assert start["status"] == 402
    assert start["headers"] == [*reply.headers, (b"x-more", b"1")]
    assert end == {"type": "http.response.body", "body": reply.body, "more_body": False}


class Deposit(BaseModel):
    model_config = ConfigDict(extra="forbid")
    token: str
    amount: int


def application() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)

    @app.post("/deposit")
    async def deposit(_deposit: Annotated[Deposit, Body()]) -> None: ...

    @app.get("/poor")
    async def poor() -> None:
        raise ERROR

    @app.get("/teapot/{status}")
    async def teapot(status: int) -> None:
        raise HTTPException(status, "short and stout", {"X-Pot": "1"})

    @app.get("/missing")
    async def missing() -> None:
        raise HTTPException(404, "Invoice not found")

    @app.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("sk-secret-in-the-exception")

    return app


async def call(method: str, path: str, body: bytes = b"") -> Answer:
    token = REQUEST_ID.set("the-id")
    try:
        headers = [("content-type", "application/json")]
        return await ask(application(), method, path, headers=headers, chunks=[body])
    finally:
        REQUEST_ID.reset(token)


async def test_an_error_raised_in_a_route_is_rendered() -> None:
    answer = await call("GET", "/poor")

    assert answer.status == 402
    assert answer.json() == {
        "detail": {"error": SHOWN},
        "error": SHOWN,
        "request_id": "the-id",
    }
    assert answer.header("cache-control") == "no-store"
    assert answer.header("content-type") == "application/json"


async def test_a_route_that_wants_money_first_says_its_terms() -> None:
    async def complete(error: PaymentError) -> None:
        error.terms = TERMS

    app = FastAPI()
    install_error_handlers(app, complete)

    @app.get("/poor")
    async def poor() -> None:
        raise InsufficientBalance

    answer = await ask(app, "GET", "/poor")
    assert (answer.status, answer.header("x-cashu")) == (402, "creqAabc")
    assert {name: answer.json()[name] for name in TOLD} == TOLD


async def test_an_unknown_path_is_answered_in_the_contracts_words() -> None:
    answer = await call("GET", "/nowhere")

    assert answer.status == 404
    assert answer.json()["error"] == {
        "message": UNKNOWN_PATH,
        "type": "not_found",
        "code": "not_found",
    }
    assert answer.json()["detail"] == {"error": answer.json()["error"]}


async def test_an_unknown_method_is_answered_alike_and_names_the_right_one() -> None:
    answer = await call("GET", "/deposit")

    assert answer.status == 405
    assert answer.header("allow") == "POST"
    assert answer.json()["error"]["message"] == UNKNOWN_PATH


async def test_a_path_of_several_routes_names_the_methods_of_all() -> None:
    app = FastAPI()
    install_error_handlers(app)
    app.add_api_route("/both", lambda: "read", methods=["GET"])
    app.add_api_route("/both", lambda: "made", methods=["POST"])
    answer = await ask(app, "DELETE", "/both")
    assert (answer.status, answer.header("allow")) == (405, "GET, POST")


async def test_a_route_may_say_what_was_not_found() -> None:
    answer = await call("GET", "/missing")

    assert answer.status == 404
    assert answer.json()["error"]["message"] == "Invoice not found"


@pytest.mark.parametrize(
    ("status", "kind"), [(418, "invalid_request_error"), (503, "api_error"), (499, None)]
)
async def test_a_refusal_of_the_framework_gets_the_envelope(status: int, kind: str | None) -> None:
    answer = await call("GET", f"/teapot/{status}")

    assert answer.status == status
    assert answer.header("x-pot") == "1"
    assert answer.json()["error"] == {
        "message": "short and stout",
        "type": kind or "invalid_request_error",
        "code": status,
    }


async def test_a_malformed_request_says_where_without_repeating_what_was_sent() -> None:
    secret = "cashuA" + "x" * 40
    answer = await call("POST", "/deposit", msgspec.json.encode({"amount": secret, secret: 1}))
    decoded = answer.json()

    assert answer.status == 422
    assert secret.encode() not in answer.body
    assert [problem["loc"] for problem in decoded["detail"]] == [
        ["body", "token"],
        ["body", "amount"],
        ["body", "[secret]"],
    ]
    assert {"loc", "msg", "type"} == set(decoded["detail"][0])
    assert decoded["error"]["code"] == "invalid_parameter"
    assert decoded["error"]["type"] == "invalid_request_error"
    assert decoded["error"]["message"].startswith("body.token: Field required; body.amount: ")
    assert decoded["request_id"] == "the-id"


async def test_a_body_that_is_no_json_is_a_bad_request() -> None:
    answer = await call("POST", "/deposit", b'{"token": ')

    assert answer.status == 400
    assert answer.json()["error"]["code"] == "invalid_json"


async def test_a_bug_is_answered_without_its_text() -> None:
    answer = await call("GET", "/bug")

    assert answer.status == 500
    assert answer.json()["error"]["message"] == UNCAUGHT
    assert b"secret" not in answer.body
