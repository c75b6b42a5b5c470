"""Faults of prices that nodes like this had, row by row of ``docs/pricing.md``, on the paid path.

One USD is a million msat here, so that a price of 1e-6 USD is one msat.
"""

import asyncio
import json
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from typing import Any

import pytest

from devkit.upstream import Play, Reply, Shape, answer, chat, late, refuse
from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, TopProvider, UsdPricing
from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.snapshot import Snapshot
from routstr.payment.pricing import QuotePolicy
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import BTC, HELLO, TOKEN, Call, Node, running
from tests.unit.proxy.test_delivery import catalog as priced
from tests.unit.proxy.test_delivery import house, say

EMBEDDINGS, MESSAGES, RESPONSES = "/v1/embeddings", "/v1/messages", "/v1/responses"
PLAIN = PricePolicy(exchange_fee=Decimal(1), provider_fee=Decimal(1), provider="played")
TOP = TopProvider(context_length=8_000, max_completion_tokens=1_000)
EVENTS = {"Content-Type": "text/event-stream"}


def model(name: str = "m", **changes: Any) -> ModelSpec:
    """1 msat per input token, 0.1 if it is cached, 3 per output token; 1 per request at least."""
    usual = {
        "prompt": Decimal("1e-6"),
        "completion": Decimal("3e-6"),
        "input_cache_read": Decimal("1e-7"),
    }
    operators = {key: changes.pop(key) for key in ("free", "fixed") if key in changes}
    pricing = UsdPricing(**{**usual, **changes})
    return ModelSpec(id=name, pricing=pricing, top_provider=TOP, **operators)


def selling(
    *models: ModelSpec, policy: PricePolicy = PLAIN, btc: Decimal = BTC, version: int = 1
) -> Callable[[], Snapshot]:
    made = build_snapshot(models or (model(),), usd_per_btc=btc, policy=policy, version=version)
    return lambda: made


def stream(*events: Mapping[str, Any]) -> Play:
    """Events as Anthropic and Responses name them."""
    text = "".join(f"event: {one['type']}\ndata: {json.dumps(one)}\n\n" for one in events)
    return answer(200, text.encode(), EVENTS)


def said(usage: Mapping[str, Any] | None, content: str = "Hi.", **more: object) -> Play:
    """A chat completion with this very usage."""
    choice = {"index": 0, "message": {"role": "assistant", "content": content}}
    told = {} if usage is None else {"usage": usage}
    return answer(200, {"id": "c", "choices": [choice], **told, **more})


async def ask(node: Node, play: Play, path: str = "", **more: Any) -> Answer:
    node.upstream.next(play)
    asked = {"model": "m", "messages": HELLO, "max_tokens": 500, **more}
    return await (node.ask(asked, path=path) if path else node.ask(asked))


USAGE = {"prompt_tokens": 1000, "completion_tokens": 500}


@pytest.mark.parametrize("streamed", [True, False])
async def test_p01_what_no_usage_tells_is_billed_by_what_was_seen(*, streamed: bool) -> None:
    async with running(catalog=selling()) as node:
        play = chat(Reply(), Shape(usage_at="nowhere")) if streamed else said(None)
        answered = await ask(node, play, stream=streamed)
        end = node.books.settled
        assert answered.status == 200
        assert end.estimated
        assert end.prompt_tokens > 0
        assert end.completion_tokens > 0
        assert 0 < end.cost == 1 + end.prompt_tokens + 3 * end.completion_tokens
        assert end.cost <= node.books.amounts[1]


async def test_p01_a_client_that_leaves_before_the_usage_pays_for_what_it_got() -> None:
    async with running(catalog=selling()) as node:
        words = tuple(f" word{number}" for number in range(20))
        held_back = Shape(gate_after=8, gate=asyncio.Event())
        node.upstream.next(chat(Reply(words=words), held_back))
        call = Call(node.app, {"model": "m", "messages": HELLO, "stream": True})
        task = call.start()
        await call.until(b"word3")
        call.left.set()
        await task
        assert node.books.settled.completion_tokens > 0
        assert node.books.charged[1] > 3


async def test_p02_the_usage_of_streamed_responses_is_found_where_it_lies() -> None:
    usage = {"input_tokens": 100, "output_tokens": 20, "total_tokens": 120}
    done = {"type": "response.completed", "response": {"id": "r", "output": [], "usage": usage}}
    delta = {"type": "response.output_text.delta", "delta": "Hi."}
    asked = {"input": "Hello", "max_output_tokens": 500, "stream": True}
    async with running(catalog=selling()) as node:
        node.upstream.next(stream(delta, done))
        await node.ask({"model": "m", **asked}, path=RESPONSES)
        assert node.books.settled.cost == 1 + 100 + 20 * 3


@pytest.mark.parametrize("streamed", [True, False])
async def test_p03_cached_input_of_responses_costs_what_cached_input_costs(
    *, streamed: bool
) -> None:
    usage = {
        "input_tokens": 1000,
        "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 20,
    }
    whole = {"id": "r", "object": "response", "output": [], "usage": usage}
    play = (
        stream({"type": "response.completed", "response": whole})
        if streamed
        else answer(200, whole)
    )
    asked = {"input": "word " * 2_000, "max_output_tokens": 500, "stream": streamed}
    async with running(catalog=selling()) as node:
        node.upstream.next(play)
        await node.ask({"model": "m", **asked}, path=RESPONSES)
        assert node.books.settled.cost == 1 + 100 + 90 + 20 * 3


@pytest.mark.parametrize(
    ("path", "asked"),
    [
        ("/v1/images/generations", {"prompt": "A cat."}),
        ("/v1/audio/speech", {"input": "Hello", "voice": "alloy"}),
    ],
)
async def test_p04_what_has_no_price_is_refused_before_a_hold(
    path: str, asked: Mapping[str, Any]
) -> None:
    async with running(catalog=selling()) as node:
        answered = await node.ask({"model": "m", **asked}, path=path)
        assert answered.status == 400
        assert (node.books.holds, node.upstream.requests) == ({}, [])


async def test_p04_older_completions_and_moderations_are_charged() -> None:
    async with running(catalog=selling()) as node:
        await node.ask({"model": "m", "prompt": "Hello", "max_tokens": 50}, path="/v1/completions")
        await node.ask({"model": "m", "input": "Hello"}, path="/v1/moderations")
        assert [end is not None and end.cost > 1 for end in node.books.ends.values()] == [True] * 2


async def test_p05_a_price_of_nothing_is_a_price() -> None:
    free_output = model(completion=Decimal(0))
    usage = {"prompt_tokens": 10, "total_tokens": 10}
    answered = {"object": "list", "data": [{"embedding": [0.1]}], "usage": usage}
    async with running(catalog=selling(free_output)) as node:
        node.upstream.next(answer(200, answered))
        await node.ask({"model": "m", "input": "a text of about ten tokens"}, path=EMBEDDINGS)
        assert node.books.amounts[1] < 100, "not the whole context"
        assert node.books.settled.cost == 1 + 10


async def test_p06_fixed_means_fixed_whatever_the_provider_reports() -> None:
    fixed = PricePolicy(provider="played", fixed=FixedPrices(Decimal(10), Decimal(0), Decimal(0)))
    async with running(catalog=selling(policy=fixed)) as node:
        answered = await ask(node, said({**USAGE, "cost": 0.5}, cost=0.5))
        assert node.books.amounts[1] == node.books.charged[1] == 10_000
        assert answered.header("x-routstr-cost-msats") == "10000"


async def test_p06_fixed_per_thousand_tokens_is_charged_by_the_tokens() -> None:
    fixed = PricePolicy(provider="played", fixed=FixedPrices(Decimal(1), Decimal(2), Decimal(4)))
    async with running(catalog=selling(policy=fixed)) as node:
        await ask(node, said({**USAGE, "prompt_tokens": 100}), max_tokens=600)
        assert node.books.charged[1] == 1_000 + 200 + 2_000


async def test_p07_one_chain_of_fees_is_published_and_charged() -> None:
    fees = PricePolicy(exchange_fee=Decimal("1.25"), provider_fee=Decimal("1.6"), provider="played")
    sold = selling(policy=fees)
    (told,) = json.loads(sold().body, parse_float=Decimal)["data"]
    assert told["pricing"]["prompt"] == Decimal("0.000002")
    assert told["sats_pricing"]["prompt"] == Decimal("0.002")
    async with running(catalog=sold) as node:
        await ask(node, said({"prompt_tokens": 100, "completion_tokens": 50}))
        assert node.books.charged[1] == 1 + 100 * 2 + 50 * 6


@pytest.mark.parametrize("where", ["body", "usage", "details"])
async def test_p08_a_cost_that_the_provider_claims_moves_no_money(where: str) -> None:
    claims: dict[str, tuple[dict[str, Any], dict[str, Any]]] = {
        "body": ({}, {"cost": 1.0, "total_cost": 1.0}),
        "usage": ({"cost": 1.0, "is_byok": True}, {}),
        "details": ({"cost_details": {"total_cost": 1.0, "upstream_inference_cost": 1.0}}, {}),
    }
    in_usage, in_body = claims[where]
    async with running(catalog=selling()) as node:
        usage = {"prompt_tokens": 20, "completion_tokens": 10, **in_usage}
        await ask(node, said(usage, **in_body))
        assert node.books.charged[1] == 1 + 20 + 30


async def test_p08_a_report_beyond_the_hold_is_cut_to_it() -> None:
    async with running(catalog=selling()) as node:
        await ask(node, said({"prompt_tokens": 10**8, "completion_tokens": 10**8}))
        assert node.books.charged[1] == node.books.amounts[1] < 2_000


async def test_p09_a_request_is_charged_at_the_price_of_its_hold() -> None:
    old, new = selling(version=7)(), selling(btc=BTC / 2, version=8)()
    now = [old]
    async with running(catalog=lambda: now[0]) as node:
        node.upstream.next(late(0.1, said({"prompt_tokens": 20, "completion_tokens": 10})))
        call = Call(node.app, {"model": "m", "messages": HELLO, "max_tokens": 50})
        task = call.start()
        while not node.upstream.requests:  # noqa: ASYNC110 - of a server that has no event
            await asyncio.sleep(0.005)
        now[0] = new
        await task
        assert node.books.holds[1].price_version == 7
        assert node.books.charged[1] == 1 + 20 + 30
        await ask(node, said({"prompt_tokens": 20, "completion_tokens": 10}))
        assert node.books.holds[2].price_version == 8
        assert node.books.charged[2] == 1 + 2 * (20 + 30)


def restated(times: int) -> Play:
    """A stream of messages whose input is told at its beginning and again with every delta."""
    start = {
        "type": "message_start",
        "message": {"id": "msg", "usage": {"input_tokens": 100, "output_tokens": 1}},
    }
    text = {
        "type": "content_block_delta",
        "index": 0,
        "delta": {"type": "text_delta", "text": "Hi."},
    }
    deltas: Iterable[Mapping[str, Any]] = (
        {
            "type": "message_delta",
            "delta": {"stop_reason": "end_turn"},
            "usage": {"input_tokens": 100, "output_tokens": 3 * (number + 1)},
        }
        for number in range(times)
    )
    return stream(start, text, *deltas, {"type": "message_stop"})


@pytest.mark.parametrize("times", [1, 3])
async def test_p10_counts_that_are_told_again_are_not_added_up(times: int) -> None:
    async with running(catalog=selling()) as node:
        await ask(node, restated(times), MESSAGES, stream=True)
        assert node.books.settled.cost == 1 + 100 + 9 * times


async def test_p11_a_token_for_one_request_pays_what_a_key_pays() -> None:
    asked = {"model": "m", "messages": HELLO, "max_tokens": 500, "stream": True}
    async with running(catalog=selling()) as node:
        node.upstream.next(restated(2))
        headers = [("X-Cashu", TOKEN)]
        answered = await node.ask(asked, path=MESSAGES, key=None, headers=headers)
        assert answered.status == 200
        assert node.books.settled.cost == 1 + 100 + 18
        assert node.payments.given, "the rest came back"


EMPTY = {"prompt_tokens": 20, "completion_tokens": 10}
SAYING_NOTHING = (
    lambda: said(EMPTY, ""),
    lambda: chat(Reply(words=(), usage=EMPTY)),
)


@pytest.mark.parametrize("play", SAYING_NOTHING)
@pytest.mark.parametrize(("bill", "cost"), [(True, 1 + 20 + 30), (False, 0)])
async def test_p12_the_operator_says_whether_an_empty_answer_is_charged(
    play: Callable[[], Play], *, bill: bool, cost: int
) -> None:
    policy = QuotePolicy(bill_empty=bill)
    async with running(catalog=selling(), policy=policy) as node:
        answered = await ask(node, play(), stream=play is SAYING_NOTHING[1])
        assert answered.status == 200
        assert node.books.charged[1] == cost
        assert node.books.held == 0
        assert f'"total_msats":{cost}'.encode() in answered.body


async def test_p12_what_says_something_or_is_not_waited_for_is_charged_all_the_same() -> None:
    policy = QuotePolicy(bill_empty=False)
    call = {"function": {"name": "look", "arguments": "{}"}, "id": "c", "type": "function"}
    message = {"role": "assistant", "content": None, "tool_calls": [call]}
    calling = answer(200, {"choices": [{"index": 0, "message": message}], "usage": EMPTY})
    async with running(catalog=selling(), policy=policy) as node:
        for play in (said(EMPTY), calling, chat(Reply(usage=EMPTY))):
            await ask(node, play, stream=False)
        await ask(node, chat(Reply(usage=EMPTY)), stream=True)
        await node.ask({"model": "m", "input": "Hello"}, path=EMBEDDINGS)
        assert all(charged > 1 for charged in node.books.charged.values())
        assert len(node.books.charged) == 5


async def test_p13_only_what_is_given_away_on_purpose_is_free() -> None:
    nothing = {"prompt": Decimal(0), "completion": Decimal(0), "input_cache_read": Decimal(0)}
    sold = selling(model("m", free=True, **nothing), model("unmeant", **nothing))
    assert list(sold().models) == ["m"]
    assert sold().models["m"].rates.free
    async with running(catalog=sold) as node:
        node.books.posted = 0
        answered = await ask(node, said(USAGE))
        assert answered.status == 200
        assert node.books.amounts[1] == node.books.charged[1] == 0


async def test_p14_costs_below_a_sat_are_told_in_msat() -> None:
    async with running(catalog=selling()) as node:
        answered = await ask(node, said({"prompt_tokens": 20, "completion_tokens": 10}))
        usage = answered.json()["usage"]
        assert usage["cost"]["total_msats"] == 51
        assert (
            usage["cost"]["base_msats"]
            + usage["cost"]["input_msats"]
            + usage["cost"]["output_msats"]
        ) == 51
        assert answered.header("x-routstr-cost-msats") == "51"
        assert usage["remaining_balance_msats"] == node.books.posted == 1_000_000 - 51
        assert usage["cost_sats"] == 0, "whole sat for older clients, never the truth alone"


async def test_p15_a_dearer_provider_serves_only_within_what_was_quoted() -> None:
    async with house(fees={"a": "1", "b": "3", "c": "1"}) as at:
        published = json.loads(priced({"a": "1", "b": "3", "c": "1"}).models["m"].body)
        assert published["sats_pricing"]["prompt"] == 0.001
        for name in ("a", "c"):
            at[name].next(refuse(500))
        refused = await say(at, max_tokens=100)
        assert (refused.status, at.asked) == (500, "a1 b0 c1")
        assert at.node.books.was_released
