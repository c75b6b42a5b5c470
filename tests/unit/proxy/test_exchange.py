import json

import pytest
from starlette.types import Message

from routstr.core.clock import ManualClock
from routstr.errors import InsufficientBalance, UpstreamRejected
from routstr.money import Msat
from routstr.payment.change import Change
from routstr.proxy.exchange import CLIENT_GONE, Exchange
from tests.unit.core.asgi import Answer, http_scope


def exchange() -> tuple[Exchange, Answer]:
    answer = Answer()

    async def send(message: Message) -> None:
        answer.messages.append(message)

    async def receive() -> Message:
        raise AssertionError("nothing is read here")

    made = Exchange(http_scope("POST", "/"), receive, send, "r-1")
    made.always_send([(b"x-routstr-request-id", b"r-1")])
    return made, answer


async def test_a_complete_answer() -> None:
    made, answer = exchange()
    assert made.status == CLIENT_GONE
    await made.answer(200, [(b"x-one", b"1")], b"body")
    assert (answer.status, answer.body, answer.complete) == (200, b"body", True)
    assert answer.header("content-length") == "4"
    assert answer.header("x-one") == "1"
    assert answer.header("x-routstr-request-id") == "r-1"
    assert (made.status, made.sent_bytes, made.started) == (200, 4, True)


async def test_a_body_in_parts() -> None:
    made, answer = exchange()
    await made.start(200, [])
    await made.write(b"one")
    await made.write(b"two", last=True)
    assert (answer.body, answer.complete, made.sent_bytes) == (b"onetwo", True, 6)


async def test_a_refusal_is_an_envelope_that_nobody_stores() -> None:
    made, answer = exchange()
    made.body_read = True
    await made.refuse(InsufficientBalance("2 sats required", details={"required": 2_000}))
    assert answer.status == made.status == 402
    assert answer.json() == {
        "error": {
            "message": "2 sats required",
            "type": "insufficient_quota",
            "code": "insufficient_balance",
            "details": {"required": 2_000},
        },
        "request_id": "r-1",
    }
    assert answer.header("cache-control") == "no-store"
    assert answer.header("x-routstr-request-id") == "r-1"
    assert answer.header("connection") is None
    assert made.code == "insufficient_balance"


async def test_a_refusal_before_the_body_was_read_closes_the_connection() -> None:
    made, answer = exchange()
    await made.refuse(UpstreamRejected("No.", upstream_status=418))
    assert answer.status == 418
    assert answer.header("connection") == "close"
    assert json.loads(answer.body)["error"]["type"] == "upstream_error"


async def test_a_refusal_after_the_start_is_only_noted() -> None:
    made, answer = exchange()
    await made.start(200, [])
    await made.refuse(InsufficientBalance())
    assert (answer.status, len(answer.messages)) == (200, 1)
    assert (made.status, made.code) == (200, "insufficient_balance")


async def test_a_refusal_tells_the_change_of_what_was_paid() -> None:
    made, answer = exchange()
    made.change = Change(token="cashuBrest", amount=Msat(3_000), mint_fee=Msat(200), left=Msat(45))
    await made.refuse(UpstreamRejected("No.", upstream_status=500, details={"a": 1}))
    assert answer.header("x-cashu") == "cashuBrest"
    assert answer.header("x-routstr-unrefunded-msats") == "45"
    assert answer.header("x-should-retry") == "false", "the token is spent"
    assert answer.json()["error"] == {
        "message": (
            "No. Your token is redeemed; error.refund_token has its change. "
            "The mint kept 200 msat of it."
        ),
        "type": "upstream_error",
        "code": "upstream_rejected",
        "details": {"a": 1},
        "refund_token": "cashuBrest",
        "change_msats": 3_000,
        "mint_fee_msats": 200,
        "unrefunded_msats": 45,
    }


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (Change(mint_fee=Msat(100)), "nothing is left. The mint kept 100 msat of it."),
        (Change(left=Msat(500)), "what is left of it is too little for another one."),
        (
            Change(left=Msat(5_000), pending=True),
            "POST /v1/wallet/refund with it as X-Cashu gives its change.",
        ),
    ],
)
def test_what_became_of_a_token_is_said_once(change: Change, words: str) -> None:
    made, _ = exchange()
    made.change = change
    error = UpstreamRejected("No.", upstream_status=500)
    made.render(error)
    made.render(error)
    assert error.message == f"No. Your token is redeemed; {words}"


def test_the_time_with_providers_is_from_the_first_question_to_the_last_word() -> None:
    clock = ManualClock()
    made = Exchange(http_scope("POST", "/"), None, None, "r-1", clock.monotonic)  # type: ignore[arg-type]
    assert made.upstream_s is None
    clock.advance(seconds=1)
    made.asks()
    assert made.upstream_s is None
    for _ in range(2):  # the second provider answers twice
        clock.advance(seconds=2)
        made.asks()
        made.hears()
    assert made.upstream_s == 4
