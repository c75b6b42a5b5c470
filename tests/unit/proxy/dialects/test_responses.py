"""What is particular to ``/v1/responses``."""

import json

import pytest

from devkit.upstream import Shape, answer, chat
from devkit.upstream.http import Exchange
from routstr.payment.tokens import output_estimate
from routstr.proxy.dialects.responses import RESPONSES
from tests.unit.proxy.dialects.speaking import body, cost_of, events
from tests.unit.proxy.harness import running

HEAD = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}


async def test_the_last_event_keeps_its_name_and_number_and_tells_the_cost() -> None:
    async with running() as node:
        answered = await node.ask(body(RESPONSES, stream=True), path=RESPONSES.endpoint)
        name, last = events(answered)[-1]
        assert name == last["type"] == "response.completed"
        assert last["sequence_number"] == len(events(answered)) - 1
        assert last["response"]["usage"]["output_tokens"] == 6
        assert last["response"]["usage"]["cost"] > 0
        assert last["response"]["model"] == "good"
        assert last["usage"]["cost"]["total_msats"] == 31


async def test_cached_input_is_a_part_of_the_input() -> None:
    usage = {
        "input_tokens": 1_000,
        "input_tokens_details": {"cached_tokens": 900},
        "output_tokens": 5,
    }
    output = [{"type": "message", "content": [{"type": "output_text", "text": "Hi"}]}]
    async with running() as node:
        node.upstream.next(answer(200, {"output": output, "usage": usage, "error": None}))
        answered = await node.ask(body(RESPONSES), path=RESPONSES.endpoint)
        assert node.books.settled.prompt_tokens == 1_000
        cost = answered.json()["usage"]["cost"]
        assert cost["cache_read_input_tokens"] == 900


async def test_calls_and_reasoning_are_counted_when_nothing_is_reported() -> None:
    output = [
        {"type": "reasoning", "summary": [{"type": "summary_text", "text": "Hm."}]},
        {"type": "function_call", "name": "look", "arguments": '{"place":"Zug"}'},
    ]
    async with running() as node:
        node.upstream.next(answer(200, {"output": output}))
        await node.ask(body(RESPONSES), path=RESPONSES.endpoint)
        text = 'Hm.look{"place":"Zug"}'
        assert node.books.settled.completion_tokens == output_estimate(text)


@pytest.mark.parametrize("last", ["response.incomplete", "response.failed"])
async def test_a_response_that_did_not_complete_is_charged_as_it_reports(last: str) -> None:
    usage = {"input_tokens": 12, "output_tokens": 2, "input_tokens_details": {}}
    told: list[dict[str, object]] = [
        {"type": "response.output_text.delta", "delta": "Hi"},
        {"type": last, "response": {"id": "resp_1", "usage": usage, "output": []}},
    ]

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, HEAD)
        pieces = [f"event: {one['type']}\ndata: {json.dumps(one)}\n\n".encode() for one in told]
        await exchange.chunks(pieces)

    async with running() as node:
        node.upstream.next(play)
        answered = await node.ask(body(RESPONSES, stream=True), path=RESPONSES.endpoint)
        assert events(answered)[-1][0] == last
        assert node.books.settled.cost == 1 + 12 + 2 * 3


async def test_a_stream_without_its_last_event_gets_one_of_the_node_s_own() -> None:
    async with running() as node:
        node.upstream.next(chat(shape=Shape(stop_after=3)))
        answered = await node.ask(body(RESPONSES, stream=True), path=RESPONSES.endpoint)
        assert cost_of(answered)["type"] == "response.cost"


async def test_an_error_event_is_told_in_the_node_s_words() -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, HEAD)
        delta = {"type": "response.output_text.delta", "delta": "Hi"}
        error = {"type": "error", "code": "server_error", "message": "It broke."}
        await exchange.chunks([f"data: {json.dumps(one)}\n\n".encode() for one in (delta, error)])

    async with running() as node:
        node.upstream.next(play)
        answered = await node.ask(body(RESPONSES, stream=True), path=RESPONSES.endpoint)
        name, last = events(answered)[-1]
        assert (name, last["type"]) == ("error", "error")
        assert "It broke." in last["message"]


@pytest.mark.parametrize("name", ["previous_response_id", "conversation", "background", "prompt"])
async def test_what_the_body_does_not_show_is_not_sold(name: str) -> None:
    async with running() as node:
        asked = {**body(RESPONSES), name: True if name == "background" else "resp_1"}
        answered = await node.ask(asked, path=RESPONSES.endpoint)
        assert answered.status == 400
        assert answered.json()["error"]["details"]["param"] == name
        assert not node.books.holds


async def test_a_limit_that_it_does_not_know_pays_for_nothing() -> None:
    async with running() as node:
        await node.ask(body(RESPONSES, max_tokens=1), path=RESPONSES.endpoint)
        (hold,) = node.books.holds.values()
        assert hold.wanted > 1_000 * 3
