"""``X-Max-Cost-Msat`` and ``X-Routstr-Fit-Balance`` on their way through a paid request."""

import pytest

from routstr.money import Msat
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import HELLO, Books, Node, running

MAX_COST = "X-Max-Cost-Msat"
FIT = "X-Routstr-Fit-Balance"


async def ask(node: Node, *headers: tuple[str, str], **more: object) -> Answer:
    return await node.ask({"model": "good", "messages": HELLO, **more}, headers=headers)


def limit(answered: Answer) -> int:
    return int(answered.header("x-routstr-max-tokens") or 0)


async def test_a_request_that_may_cost_more_than_its_ceiling_is_refused_before_any_hold() -> None:
    async with running() as node:
        answered = await ask(node, (MAX_COST, "299"), max_tokens=100)
        error = answered.json()["error"]
        assert (answered.status, error["type"], error["code"]) == (
            400,
            "invalid_request_error",
            "max_cost_exceeded",
        )
        assert error["details"]["required"] > error["details"]["max_cost"] == 299
        assert node.books.holds == {}
        assert node.keys.minimum is None, "nobody was even looked up"
        assert node.upstream.requests == []


async def test_what_the_refusal_requires_is_enough_and_one_less_is_not() -> None:
    async with running() as node:
        refused = await ask(node, (MAX_COST, "1"), max_tokens=100)
        required = int(refused.json()["error"]["details"]["required"])
        assert (await ask(node, (MAX_COST, str(required - 1)), max_tokens=100)).status == 400
        served = await ask(node, (MAX_COST, str(required)), max_tokens=100)
        assert served.status == 200
        assert served.header("x-routstr-max-tokens") is None
        assert node.books.amounts == {1: required}


async def test_without_a_limit_the_ceiling_decides_it() -> None:
    async with running() as node:
        answered = await ask(node, (MAX_COST, "400"))
        assert answered.status == 200
        assert 16 <= limit(answered) < 400 // 3
        assert node.upstream.requests[0].json["max_tokens"] == limit(answered)
        assert node.books.amounts[1] == 400
        assert (await ask(node, (MAX_COST, "20"))).status == 400


async def test_a_limit_that_may_be_lowered_is_lowered_to_the_ceiling() -> None:
    async with running() as node:
        answered = await ask(node, (MAX_COST, "400"), (FIT, "1"), max_tokens=900)
        assert answered.status == 200
        assert node.upstream.requests[0].json["max_tokens"] == limit(answered) < 400 // 3
        assert node.books.amounts[1] == 400


async def test_a_limit_that_the_balance_does_not_pay_is_lowered_only_when_asked() -> None:
    async with running(books=Books(posted=300)) as node:
        assert (await ask(node, max_tokens=900)).status == 402
        assert (await ask(node, (FIT, "0"), max_tokens=900)).status == 402
        assert node.books.holds == {}
        answered = await ask(node, (FIT, "1"), max_tokens=900)
        assert answered.status == 200
        assert 16 <= limit(answered) < 100
        assert node.upstream.requests[0].json["max_tokens"] == limit(answered)
        assert Msat(16 * 3) <= node.books.holds[1].minimum <= Msat(300)


async def test_fitting_still_wants_the_fewest_tokens_paid() -> None:
    async with running(books=Books(posted=40)) as node:
        assert (await ask(node, (FIT, "1"), max_tokens=900)).status == 402
        assert node.books.holds == {}


@pytest.mark.parametrize("wrong", [(MAX_COST, "a lot"), (MAX_COST, "-1"), (FIT, "maybe")])
async def test_a_wish_that_cannot_be_read_is_refused(wrong: tuple[str, str]) -> None:
    async with running() as node:
        answered = await ask(node, wrong)
        error = answered.json()["error"]
        assert (answered.status, error["code"]) == (400, "invalid_parameter")
        assert error["details"]["param"] == wrong[0]
        assert node.books.holds == {}


async def test_two_different_ceilings_are_refused() -> None:
    async with running() as node:
        answered = await ask(node, (MAX_COST, "1"), (MAX_COST, "1000000"))
        assert answered.status == 400
        assert node.books.holds == {}


async def test_the_wishes_do_not_go_to_the_provider() -> None:
    async with running() as node:
        await ask(node, (MAX_COST, "100000"), (FIT, "1"))
        sent = node.upstream.requests[0]
        assert sent.header(MAX_COST.lower()) is None
        assert sent.header(FIT.lower()) is None
