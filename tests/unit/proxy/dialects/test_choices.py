"""What holds for every dialect that writes, and what is particular to ``choices``."""

import asyncio
from typing import Any

import pytest

from devkit.upstream import Reply, Shape, answer, chat, error_in_stream, refuse
from routstr.payment.tokens import output_estimate, prompt_estimate
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.dialects.choices import COMPLETIONS
from routstr.proxy.dialects.messages import MESSAGES
from tests.unit.proxy.dialects.speaking import WORDS, WRITING, body, cost_of, events, said
from tests.unit.proxy.harness import MINT_FEE, TOKEN, Call, running

GOOD = 1 + 12 + 6 * 3  # msat: the request, 12 input tokens, 6 output tokens

each_dialect = pytest.mark.parametrize("dialect", WRITING, ids=lambda dialect: dialect.endpoint)
each_way = pytest.mark.parametrize("stream", [False, True], ids=["whole", "streamed"])


@each_dialect
@each_way
class TestEveryDialect:
    async def test_is_charged_as_reported_and_says_so(self, dialect: Dialect, stream: bool) -> None:
        async with running() as node:
            answered = await node.ask(body(dialect, stream=stream), path=dialect.endpoint)
            assert answered.status == 200
            assert said(dialect, answered) == WORDS
            told = cost_of(answered)
            assert told["usage"]["cost"]["total_msats"] == GOOD
            assert told["cost"]["total_msats"] == GOOD
            assert told["metadata"]["routstr"]["cost"]["input_tokens"] == 12
            assert told["provider"] == "played"
            assert node.books.settled.cost == GOOD
            (request,) = node.upstream.requests
            assert request.path == f"/v1/{dialect.path}"
            assert request.json["model"] == "played/good"

    async def test_is_estimated_when_nothing_is_reported(
        self, dialect: Dialect, stream: bool
    ) -> None:
        async with running() as node:
            node.upstream.next(chat(shape=Shape(usage_at="nowhere")))
            asked = body(dialect, stream=stream)
            answered = await node.ask(asked, path=dialect.endpoint)
            told = cost_of(answered)
            assert told["metadata"]["routstr"]["estimated"] is True
            settled = node.books.settled
            assert settled.prompt_tokens == prompt_estimate(asked).tokens
            assert settled.completion_tokens == output_estimate(WORDS)

    async def test_costs_nothing_when_the_provider_refuses(
        self, dialect: Dialect, stream: bool
    ) -> None:
        async with running() as node:
            node.upstream.next(refuse(503))
            answered = await node.ask(body(dialect, stream=stream), path=dialect.endpoint)
            assert answered.status == 503
            assert node.books.was_released

    async def test_a_token_for_it_alone_gets_its_change(
        self, dialect: Dialect, stream: bool
    ) -> None:
        async with running() as node:
            answered = await node.ask(
                body(dialect, stream=stream),
                path=dialect.endpoint,
                key=None,
                headers=[("X-Cashu", TOKEN)],
            )
            change = cost_of(answered)["metadata"]["routstr"]
            (owned,) = node.payments.given
            assert change["change_msats"] == (owned - int(MINT_FEE)) // 1_000 * 1_000
            assert (answered.header("x-cashu") is None) == stream
            assert ("change" in change) == stream

    async def test_the_output_stays_inside_what_a_small_balance_pays(
        self, dialect: Dialect, stream: bool
    ) -> None:
        async with running() as node:
            node.books.posted = 200
            answered = await node.ask(body(dialect, stream=stream), path=dialect.endpoint)
            if dialect is MESSAGES:  # it names its limit always: too dear a one is refused
                assert answered.status == 402
                assert not node.upstream.requests
                return
            assert answered.status == 200
            sent = node.upstream.requests[0].json
            limit = sent[dialect.parse(b'{"model":"m","messages":[]}').wording.limits[0]]
            assert answered.header("x-routstr-max-tokens") == str(limit)
            assert node.books.settled.cost <= 200


@each_dialect
class TestEveryStream:
    async def test_that_breaks_is_charged_for_what_came(self, dialect: Dialect) -> None:
        async with running() as node:
            node.upstream.next(chat(shape=Shape(stop_after=4, ending="reset")))
            answered = await node.ask(body(dialect, stream=True), path=dialect.endpoint)
            assert 0 < node.books.settled.completion_tokens < 6
            name, last = events(answered)[-1]
            assert last["error"]["code"]
            assert name in {"", "error"}
            assert cost_of(answered)["cost"]["total_msats"] == node.books.settled.cost

    async def test_an_error_inside_is_told_in_the_dialect_s_words(self, dialect: Dialect) -> None:
        async with running() as node:
            node.upstream.next(error_in_stream(after=4))
            answered = await node.ask(body(dialect, stream=True), path=dialect.endpoint)
            _, last = events(answered)[-1]
            assert "What was delivered is charged" in last["error"]["message"]

    async def test_is_the_same_however_it_is_cut(self, dialect: Dialect) -> None:
        async with running() as node:
            whole = await node.ask(body(dialect, stream=True), path=dialect.endpoint)
        for border in (1, 7, 64):
            async with running() as node:
                node.upstream.next(chat(shape=Shape(border=border)))
                again = await node.ask(body(dialect, stream=True), path=dialect.endpoint)
                assert said(dialect, again) == WORDS
                assert cost_of(again)["cost"] == cost_of(whole)["cost"]

    async def test_whoever_leaves_pays_for_what_the_provider_reports(
        self, dialect: Dialect
    ) -> None:
        gate = asyncio.Event()
        async with running() as node:
            node.upstream.next(chat(shape=Shape(gate_after=4, gate=gate)))
            call = Call(node.app, body(dialect, stream=True), path=dialect.endpoint)
            task = call.start()
            await call.until(b"This")
            call.left.set()
            gate.set()
            await task
            assert node.books.settled.cost == GOOD


@pytest.mark.parametrize(
    "told",
    [{}, {"error": {"message": "no", "code": 500}}, {"error": "broken"}],
)
@each_dialect
async def test_an_answer_that_is_none_costs_nothing(dialect: Dialect, told: dict[str, Any]) -> None:
    async with running() as node:
        node.upstream.next(answer(200, told))
        answered = await node.ask(body(dialect), path=dialect.endpoint)
        assert answered.status >= 500
        assert node.books.was_released


async def test_older_completions_get_ids_and_chunks_of_their_own() -> None:
    async with running() as node:
        node.upstream.next(answer(200, {"choices": [{"text": "Hi"}]}))
        whole = await node.ask(body(COMPLETIONS), path="/completions")
        assert whole.json()["id"].startswith("cmpl-")
    async with running() as node:
        node.upstream.next(chat(Reply(usage={"prompt_tokens": -1}), Shape(usage_at="nowhere")))
        streamed = await node.ask(body(COMPLETIONS, stream=True), path="/v1/completions/")
        assert cost_of(streamed)["object"] == "text_completion"
        assert events(streamed)[-1] == ("", "[DONE]")
