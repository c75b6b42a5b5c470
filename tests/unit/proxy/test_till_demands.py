"""Who has not paid is told what would settle the request (NUT-24)."""

from typing import Any

import pytest

from routstr.catalog.snapshot import Snapshot
from routstr.errors import PriceUnavailable
from routstr.wallet.payment_request import PaymentRequest, decode
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import HELLO, KEY, MINT, TOKEN, TOPUP_URL, Books, Node, running

LIMITED = {"model": "good", "messages": HELLO, "max_tokens": 2_000}


def assert_pays_itself(answered: Answer, node: Node) -> dict[str, Any]:
    """A 402 whose header and body ask for the most that the request can cost."""
    assert answered.status == 402
    assert answered.header("cache-control") == "no-store"
    assert "x-cashu" in (answered.header("access-control-expose-headers") or "")
    assert node.books.holds == {}
    assert node.upstream.requests == []
    told = answered.json()
    assert (told["mints"], told["unit"], told["topup_url"]) == ([MINT], "sat", TOPUP_URL)
    most = told["max_cost_msat"]
    assert told["amount"] == -(-most // 1_000)
    request = answered.header("x-cashu")
    assert request == told["payment_request"]
    assert request is not None
    assert decode(request) == PaymentRequest(amount=told["amount"], unit="sat", mints=(MINT,))
    assert node.line.status == 402
    return dict(told)


async def test_a_request_without_any_credential_is_told_how_to_pay() -> None:
    async with running() as node:
        told = assert_pays_itself(await node.ask(LIMITED, key=None), node)
        error = told["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "payment_required")
        assert error["message"].startswith("Payment required.")
        assert "X-Cashu" in error["message"]
        assert error["details"]["required"] <= told["max_cost_msat"]
        assert told["max_cost_msat"] > 2_000 * 3


async def test_what_is_asked_for_is_enough_for_the_same_request() -> None:
    async with running() as node:
        amount = (await node.ask(LIMITED, key=None)).json()["amount"]
        node.lines.records.clear()
        node.books.posted = amount * 1_000
        answered = await node.pay(max_tokens=2_000)
        assert answered.status == 200
        assert answered.header("x-routstr-max-tokens") is None, "all that was asked for is paid"


async def test_a_key_without_enough_money_is_told_too() -> None:
    async with running(books=Books(posted=90)) as node:
        told = assert_pays_itself(await node.ask(LIMITED), node)
        error = told["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_balance")
        assert error["details"]["available"] == 90


async def test_a_token_that_is_too_small_is_told_in_the_older_words_too() -> None:
    async with running(books=Books(posted=90)) as node:
        answered = await node.ask(LIMITED, key=None, headers=[("X-Cashu", TOKEN)])
        told = assert_pays_itself(answered, node)
        assert told["error"]["code"] == "minimum_balance_required"
        assert told["detail"] == {
            "reason": "Insufficient balance",
            "amount_required_msat": told["amount"] * 1_000,
            "model": "good",
            "type": "minimum_balance_required",
        }


async def test_nothing_is_worked_out_for_who_has_paid() -> None:
    async with running() as node:
        assert (await node.chat()).status == 200
        assert node.mints.asked == 0


@pytest.mark.parametrize(
    "credential",
    [
        ("Authorization", ""),
        ("Authorization", "Bearer "),
        ("Authorization", "Basic eHg6eHg="),
        ("Authorization", "Bearer sk-unknown"),
        ("X-Cashu", ""),
    ],
)
async def test_who_shows_a_credential_that_is_none_is_told_so(credential: tuple[str, str]) -> None:
    async with running() as node:
        answered = await node.ask(LIMITED, key=None, headers=[credential])
        assert answered.status == 401
        assert answered.header("x-cashu") is None
        assert node.mints.asked == 0


@pytest.mark.parametrize(
    ("body", "code"),
    [
        ({"model": "nobody's", "messages": HELLO}, "model_not_found"),
        ({"messages": HELLO}, "invalid_parameter"),
        ({**LIMITED, "max_tokens": -1}, "invalid_parameter"),
    ],
)
async def test_nobody_is_asked_to_pay_for_what_cannot_be_served(
    body: dict[str, Any], code: str
) -> None:
    async with running() as node:
        answered = await node.ask(body, key=None)
        assert (answered.status, answered.json()["error"]["code"]) == (400, code)
        assert node.mints.asked == 0


async def test_nobody_is_asked_to_pay_without_a_price() -> None:
    def no_price() -> Snapshot:
        raise PriceUnavailable

    async with running(catalog=no_price) as node:
        answered = await node.ask(LIMITED, key=None)
        assert answered.status == 503
        assert KEY not in answered.body.decode()
