"""What is particular to Anthropic's messages."""

import json

import pytest

from devkit.upstream import answer, refuse
from devkit.upstream.http import Exchange
from routstr.payment.tokens import output_estimate
from routstr.proxy.dialects.messages import MESSAGES
from tests.unit.proxy.dialects.speaking import body, cost_of, events
from tests.unit.proxy.harness import running

HEAD = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}


def event(data: dict[str, object]) -> bytes:
    return f"event: {data['type']}\ndata: {json.dumps(data)}\n\n".encode()


def told(**start: int) -> list[bytes]:
    """A stream that restates its input at the end, cached parts and all."""
    usage = {"input_tokens": 100, "output_tokens": 1, **start}
    message = {"id": "msg_1", "type": "message", "role": "assistant", "content": [], "usage": usage}
    text = {"type": "text_delta", "text": "Hi"}
    return [
        event({"type": "message_start", "message": message}),
        event({"type": "content_block_delta", "index": 0, "delta": text}),
        event({"type": "message_delta", "delta": {}, "usage": {**usage, "output_tokens": 7}}),
        event({"type": "message_stop"}),
    ]


async def test_what_a_stream_says_twice_is_counted_once() -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, HEAD)
        await exchange.chunks(told(cache_read_input_tokens=40, cache_creation_input_tokens=20))

    async with running() as node:
        node.upstream.next(play)
        answered = await node.ask(body(MESSAGES, stream=True), path=MESSAGES.endpoint)
        settled = node.books.settled
        assert (settled.prompt_tokens, settled.completion_tokens) == (160, 7)
        names = [name for name, _ in events(answered)]
        assert names == [
            *("message_start", "content_block_delta", "message_delta", "message_stop"),
            "cost",
        ]
        assert cost_of(answered)["usage"]["cost"]["cache_read_input_tokens"] == 40


async def test_the_provider_s_events_pass_untouched() -> None:
    pieces = told()

    async def play(exchange: Exchange) -> None:
        await exchange.head(200, HEAD)
        await exchange.chunks(pieces)

    async with running() as node:
        node.upstream.next(play)
        answered = await node.ask(body(MESSAGES, stream=True), path=MESSAGES.endpoint)
        assert answered.body.startswith(b"".join(pieces))


async def test_tools_and_thinking_are_counted_when_nothing_is_reported() -> None:
    content = [
        {"type": "thinking", "thinking": "Let me see."},
        {"type": "tool_use", "id": "toolu_1", "name": "look", "input": {"place": "Zug"}},
    ]
    async with running() as node:
        node.upstream.next(answer(200, {"type": "message", "content": content}))
        await node.ask(body(MESSAGES), path=MESSAGES.endpoint)
        text = 'Let me see.look{"place":"Zug"}'
        assert node.books.settled.completion_tokens == output_estimate(text)


async def test_errors_are_told_as_its_clients_expect() -> None:
    async with running() as node:
        node.upstream.next(refuse(429))
        answered = await node.ask(body(MESSAGES), path=MESSAGES.endpoint)
        assert answered.status == 429
        assert answered.json()["type"] == "error"
        assert answered.json()["error"]["message"]


@pytest.mark.parametrize(
    ("wrong", "param"),
    [({"messages": "hello"}, "messages"), ({"container": "c"}, "container")],
)
async def test_what_cannot_be_priced_is_refused(wrong: dict[str, object], param: str) -> None:
    async with running() as node:
        answered = await node.ask({**body(MESSAGES), **wrong}, path=MESSAGES.endpoint)
        assert answered.status == 400
        assert answered.json()["error"]["details"]["param"] == param
        assert not node.books.holds


async def test_a_key_may_come_as_x_api_key() -> None:
    async with running() as node:
        bearer = await node.ask(body(MESSAGES), path=MESSAGES.endpoint, key=None)
        assert bearer.status == 402
        key = "sk-" + "k" * 8
        refused = await node.ask(
            body(MESSAGES), path=MESSAGES.endpoint, key=None, headers=[("x-api-key", key)]
        )
        assert refused.status == 401
