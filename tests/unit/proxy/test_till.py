"""Requests that are paid with a token for them alone: what is charged, what comes back, and how."""

import asyncio
import logging
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest

from devkit.upstream import Play, Shape, answer, chat, error_in_stream, refuse, silent
from routstr.errors import (
    DatabaseUnavailable,
    InsufficientBalance,
    MintUnreachable,
    RedemptionPending,
)
from routstr.ledger.entries import Held, HoldRequest, Refused
from routstr.payment.tokens import PromptEstimate
from routstr.proxy import delivery
from routstr.proxy import paid as paid_module
from tests.unit.core.asgi import Answer
from tests.unit.proxy.cancelling import cancelled_at
from tests.unit.proxy.harness import CHANGE, HELLO, KEY, LIMITS, TOKEN, Books, Call, Node, running
from tests.unit.proxy.test_stream_relay import cost_of, events, held_back, said
from tests.unit.upstream.waiting import until

COST = 31  # msat: the request, 12 input tokens, 6 output tokens
PAID = 10_000  # msat that the token brought
LEFT = PAID - COST - 100  # less the mint's fee for making the change
CHANGED = {"change_msats": 9_000, "mint_fee_msats": 200, "unrefunded_msats": LEFT - 9_000}
PENDING = {"change_msats": 0, "mint_fee_msats": 100, "unrefunded_msats": PAID - COST}
FULL = {"change_msats": 9_000, "mint_fee_msats": 200, "unrefunded_msats": PAID - 100 - 9_000}


def books() -> Books:
    return Books(posted=PAID)


def pay(node: Node, token: str = TOKEN, **more: object) -> Call:
    body = {"model": "good", "messages": HELLO, **more}
    return Call(node.app, body, key=None, headers=[("X-Cashu", token)])


def routstr_of(answered: Answer) -> dict[str, Any]:
    told = answered.json()["metadata"]["routstr"]
    assert isinstance(told, dict)
    return told


def assert_given_back(answered: Answer, status: int, code: str, node: Node) -> None:
    """An error with everything that the token brought, in its header and in its body."""
    error = answered.json()["error"]
    assert (answered.status, error["code"]) == (status, code)
    assert error["refund_token"] == answered.header("x-cashu") == CHANGE
    assert error.items() >= FULL.items()
    assert "change_pending" not in error
    assert answered.header("x-routstr-unrefunded-msats") == str(FULL["unrefunded_msats"])
    assert node.payments.given == [PAID]
    assert node.books.was_released


# answers


async def test_an_answer_brings_its_change_in_a_header() -> None:
    async with running(books=books()) as node:
        answered = await node.pay()
        assert answered.status == 200
        assert answered.header("x-cashu") == CHANGE
        assert answered.header("x-routstr-change") is None
        assert answered.header("x-routstr-cost-msats") == str(COST)
        assert answered.header("x-routstr-unrefunded-msats") == str(CHANGED["unrefunded_msats"])
        told = routstr_of(answered)
        assert told.items() >= CHANGED.items()
        assert told["cost"]["total_msats"] == COST
        assert COST + sum(CHANGED.values()) == PAID + 100, "with the fee of redeeming the token"
        assert told["remaining_balance_msats"] == CHANGED["unrefunded_msats"]
        assert CHANGE.encode() not in answered.body
        assert (node.line.key_id, node.line.cost_msat) == ("payment_1", COST)


async def test_a_stream_brings_its_change_in_the_cost_chunk() -> None:
    async with running(books=books()) as node:
        answered = await node.pay(stream=True)
        chunk = cost_of(answered)
        assert chunk["metadata"]["routstr"].items() >= {**CHANGED, "change": CHANGE}.items()
        assert chunk["usage"]["cost"]["total_msats"] == COST
        assert said(answered) == "This is a played answer."
        assert events(answered)[-2:] == [chunk, "[DONE]"]
        assert answered.header("x-cashu") is None
        assert answered.body.count(CHANGE.encode()) == 1


async def test_a_stream_is_relayed_while_it_lasts() -> None:
    async with running(books=books()) as node:
        gate, play = held_back()
        node.upstream.next(play)
        call = pay(node, stream=True)
        running_call = call.start()
        await call.until(b"This")
        assert node.payments.given == []
        gate.set()
        await running_call
        assert cost_of(call.answer)["metadata"]["routstr"]["change"] == CHANGE


@pytest.mark.parametrize("stream", [True, False])
async def test_change_that_cannot_be_made_now_is_pending(*, stream: bool) -> None:
    async with running(books=books()) as node:
        node.payments.away = True
        answered = await node.pay(stream=stream)
        assert answered.status == 200
        told = cost_of(answered)["metadata"]["routstr"] if stream else routstr_of(answered)
        assert told.items() >= {**PENDING, "change_pending": True}.items()
        assert "change" not in told
        assert answered.header("x-cashu") is None
        assert answered.header("x-routstr-change") == (None if stream else "pending")
        assert answered.header("x-routstr-unrefunded-msats") is None
        assert node.books.posted == PAID - COST


async def test_without_change_there_is_no_header(monkeypatch: pytest.MonkeyPatch) -> None:
    async with running(books=Books(posted=COST)) as node:
        monkeypatch.setattr(paid_module, "prompt_estimate", lambda _: PromptEstimate(12, 12, 12, 0))
        answered = await node.pay(max_tokens=6)
        assert answered.status == 200
        for name in ("x-cashu", "x-routstr-change", "x-routstr-unrefunded-msats"):
            assert answered.header(name) is None
        assert routstr_of(answered)["change_msats"] == 0


async def test_a_body_that_is_no_json_brings_its_change_too() -> None:
    async with running(books=books()) as node:
        node.upstream.next(answer(200, b"plain words", {"Content-Type": "text/plain"}))
        answered = await node.pay()
        assert (answered.status, answered.body) == (200, b"plain words")
        assert answered.header("x-cashu") == CHANGE


async def test_a_key_gets_no_change() -> None:
    async with running() as node:
        answered = await node.chat()
        assert answered.header("x-cashu") is None
        assert "change_msats" not in routstr_of(answered)
        assert not node.books.holds[1].closes
        assert node.payments.redeemed == 0


# who pays


async def test_a_hold_is_what_the_request_wants_and_closes_the_account() -> None:
    async with running(books=books()) as node:
        await node.pay(max_tokens=50)
        hold = node.books.holds[1]
        assert (hold.account, hold.closes) == (9, True)
        assert 1 + 50 * 3 < int(hold.wanted) < PAID
        assert node.books.amounts[1] == hold.wanted


async def test_a_token_pays_once() -> None:
    async with running(books=books()) as node:
        answers = await asyncio.gather(*(node.pay() for _ in range(50)))
        (served,) = [one for one in answers if one.status == 200]
        assert served.header("x-cashu") == CHANGE
        for refused in answers:
            if refused is not served:
                assert refused.status == 400
                assert refused.json()["error"]["type"] == "token_already_spent"
                assert refused.header("x-cashu") is None
                assert refused.header("x-routstr-change") is None
                assert set(refused.json()["error"]) == {"message", "type", "code"}
        assert (len(node.upstream.requests), node.payments.given) == (1, [PAID - COST])


async def test_a_token_goes_before_a_key() -> None:
    async with running(books=books()) as node:
        body = {"model": "good", "messages": HELLO}
        answered = await node.ask(body, key=KEY, headers=[("X-Cashu", f" {TOKEN} ")])
        assert answered.header("x-cashu") == CHANGE
        assert node.keys.minimum is None


@pytest.mark.parametrize("key", [None, KEY])
@pytest.mark.parametrize("token", ["", "  "])
async def test_an_empty_token_is_no_credential(token: str, key: str | None) -> None:
    async with running() as node:
        body = {"model": "good", "messages": HELLO}
        answered = await node.ask(body, key=key, headers=[("X-Cashu", token)])
        assert (answered.status, answered.json()["error"]["code"]) == (401, "missing_api_key")
        assert (node.payments.redeemed, node.books.holds) == (0, {})


async def test_a_token_that_is_worth_too_little_is_told_what_to_bring() -> None:
    async with running(books=Books(posted=90)) as node:
        answered = await node.pay(max_tokens=50)
        told = answered.json()
        required = told["error"]["details"]["required_msat"]
        assert answered.status == 402
        assert told["detail"] == {
            "reason": "Insufficient balance",
            "amount_required_msat": told["amount"] * 1_000,
            "model": "good",
            "type": "minimum_balance_required",
        }
        assert 50 * 3 < required < told["amount"] * 1_000
        assert told["request_id"] == node.line.request_id
        assert (node.payments.redeemed, node.books.holds) == (0, {})


@pytest.mark.parametrize("refusal", [MintUnreachable, RedemptionPending])
async def test_a_refusal_keeps_its_headers(refusal: type[MintUnreachable]) -> None:
    async with running() as node:
        node.payments.refusal = refusal(headers={"Retry-After": "5", "X-Cashu": TOKEN})
        answered = await node.pay()
        assert (answered.status, answered.json()["error"]["code"]) == (503, refusal.code)
        assert (answered.header("retry-after"), answered.header("x-cashu")) == ("5", TOKEN)
        assert "change_pending" not in answered.json()["error"]


async def test_a_body_that_is_refused_leaves_the_token_alone() -> None:
    async with running() as node:
        for answered in (await node.pay("unknown"), await node.pay(max_tokens=0)):
            assert answered.status == 400
        assert node.payments.redeemed == 0


# what fails


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (refuse(500), 500, "upstream_rejected"),
        (refuse(400), 400, "upstream_rejected"),
        (refuse(402), 502, "upstream_request_failed"),
        (refuse(429), 429, "UPSTREAM_RATE_LIMIT"),
        (answer(200, b""), 502, "upstream_request_failed"),
        (answer(200, b"{}"), 502, "upstream_request_failed"),
        (answer(200, {"error": {"message": "no"}}), 502, "upstream_rejected"),
        (silent(), 504, "upstream_timeout"),
    ],
    ids=["500", "400", "402", "429", "empty", "nothing", "error", "silent"],
)
async def test_a_request_that_fails_gives_everything_back(
    play: Play, status: int, code: str, *, stream: bool
) -> None:
    patience = replace(LIMITS, first_byte_s=0.1) if status == 504 else LIMITS
    async with running(books=books(), limits=patience) as node:
        node.upstream.next(play)
        assert_given_back(await node.pay(stream=stream), status, code, node)


async def test_a_stream_that_fails_before_it_began_gives_everything_back() -> None:
    async with running(books=books()) as node:
        node.upstream.next(error_in_stream(0))
        answered = await node.pay(stream=True)
        assert answered.status >= 400
        assert answered.json()["error"]["refund_token"] == answered.header("x-cashu") == CHANGE
        assert node.payments.given == [PAID]


async def test_a_stream_that_fails_later_gives_back_what_was_not_delivered() -> None:
    async with running(books=books()) as node:
        node.upstream.next(chat(shape=Shape(stop_after=3, ending="reset")))
        answered = await node.pay(stream=True)
        cost = cost_of(answered)
        charged = cost["usage"]["cost"]["total_msats"]
        assert 0 < charged <= COST + 30
        assert node.payments.given == [PAID - charged]
        assert cost["metadata"]["routstr"]["change"] == CHANGE
        error = events(answered)[-1]["error"]
        assert error["refund_token"] == CHANGE


async def test_what_nobody_foresaw_gives_everything_back(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def broken(*_: object) -> int:
        raise LookupError("planted")

    async with running(books=books()) as node:
        monkeypatch.setattr(delivery, "affordable_output_tokens", broken)
        with caplog.at_level(logging.ERROR):
            assert_given_back(await node.pay(), 500, "internal_error", node)
        assert TOKEN not in caplog.text
        assert CHANGE not in caplog.text


async def test_a_failure_whose_change_cannot_be_made_says_that_it_can_be_claimed() -> None:
    async with running(books=books()) as node:
        node.payments.away = True
        node.upstream.next(refuse(500))
        answered = await node.pay()
        error = answered.json()["error"]
        assert answered.status == 500
        assert error.items() >= {"change_pending": True, "unrefunded_msats": PAID}.items()
        assert "refund_token" not in error
        assert answered.header("x-cashu") is None
        assert answered.header("x-routstr-change") == "pending"


class Unsettled(Books):
    """The database goes away, before the hold or before its end."""

    def __init__(self, *, at_hold: bool) -> None:
        super().__init__(posted=PAID)
        self.at_hold = at_hold

    async def hold(self, request: HoldRequest) -> Held | Refused:
        if self.at_hold:
            raise DatabaseUnavailable
        return await super().hold(request)

    async def settle(self, settlement: object) -> Any:
        raise DatabaseUnavailable


@pytest.mark.parametrize("stream", [True, False])
async def test_while_the_database_is_away_at_the_hold_the_change_is_pending(
    *, stream: bool
) -> None:
    async with running(books=Unsettled(at_hold=True)) as node:
        answered = await node.pay(stream=stream)
        error = answered.json()["error"]
        assert error["code"] == "database_unavailable"
        assert error["change_pending"] is True
        assert node.payments.given == []
        assert answered.header("x-routstr-change") == "pending"


@pytest.mark.parametrize("stream", [True, False])
async def test_while_the_database_is_away_at_the_end_the_answer_comes_and_the_change_is_pending(
    *, stream: bool
) -> None:
    async with running(books=Unsettled(at_hold=False)) as node:
        answered = await node.pay(stream=stream)
        assert answered.status == 200
        told = cost_of(answered) if stream else answered.json()
        charged = told["cost"]["total_msats"]
        assert told["metadata"]["routstr"]["change_pending"] is True
        assert told["metadata"]["routstr"]["unrefunded_msats"] == PAID - charged
        assert node.payments.given == []
        if not stream:
            assert answered.header("x-routstr-change") == "pending"


async def test_a_token_that_was_redeemed_and_is_worth_too_little_now_stays_claimable() -> None:
    """It is sent again, with a dearer request than the one that it was redeemed for."""
    async with running(books=books()) as node:
        redeem = node.payments.redeem

        async def cheaper(text: str, *, minimum: object) -> Any:
            payment = await redeem(text, minimum=minimum)  # type: ignore[arg-type]
            node.books.posted = 20
            return payment

        node.payments.redeem = cheaper  # type: ignore[method-assign]
        answered = await node.pay(max_tokens=50)
        error = answered.json()["error"]
        assert (answered.status, error["code"]) == (402, InsufficientBalance.code)
        assert error["change_pending"] is True
        assert node.payments.given == []


# who leaves


async def test_who_leaves_a_stream_can_claim_the_change() -> None:
    async with running(books=books()) as node:
        gate, play = held_back()
        node.upstream.next(play)
        call = pay(node, stream=True)
        running_call = call.start()
        await call.until(b"This")
        call.left.set()
        await asyncio.sleep(0.1)
        gate.set()
        await running_call
        assert node.books.charged == {1: COST}
        assert node.payments.given == [], "nobody would hear of it"


async def test_who_leaves_before_the_answer_can_claim_the_change() -> None:
    async with running(books=books(), limits=replace(LIMITS, first_byte_s=5)) as node:
        node.upstream.next(silent())
        call = pay(node)
        running_call = call.start()
        await until(lambda: bool(node.upstream.requests))
        call.left.set()
        await running_call
        assert 0 < node.books.charged[1] < COST
        assert node.payments.given == []


async def _at_every_step(check: Callable[[Node], None], *, stream: bool) -> int:
    """Cancel the request at each of its waits in turn; how many there are."""
    step = 0
    while True:
        step += 1
        async with running(books=books()) as node:
            steps = [0]
            work = cancelled_at(pay(node, stream=stream).run(), {step}, steps)
            try:
                await asyncio.create_task(_await(work))
            except asyncio.CancelledError:
                check(node)
            if steps[0] < step:
                return step - 1


async def _await(work: Any) -> None:
    await work


@pytest.mark.parametrize("stream", [True, False])
async def test_a_cancelled_request_ends_its_hold_and_leaves_the_change_claimable(
    *, stream: bool
) -> None:
    def check(node: Node) -> None:
        assert node.books.held == 0
        charged = sum(node.books.charged.values())
        assert 0 <= charged <= COST
        if not node.payments.given:
            assert node.books.posted == PAID - charged, "it is all there"

    assert await _at_every_step(check, stream=stream) > 10
