"""Messages and responses through a provider of chat completions: what the relay sees of them."""

import json
from typing import Any

import pytest
from msgspec.structs import replace

from devkit.upstream import Shape, answer, chat, refuse
from routstr.core.rendering import Protocol
from routstr.errors import InvalidParameter
from routstr.money import ZERO, Msat
from routstr.payment.cost import Cost
from routstr.payment.metering import Receipt
from routstr.payment.tokens import output_estimate
from routstr.payment.usage import Usage
from routstr.proxy.dialects.base import Dialect, Service
from routstr.proxy.dialects.messages import MESSAGES
from routstr.proxy.dialects.responses import RESPONSES
from routstr.proxy.dialects.translated import TRANSLATED
from routstr.proxy.fields import encode, read_fields
from routstr.proxy.sse import StreamScanner
from tests.unit.core.asgi import Answer
from tests.unit.proxy.dialects.speaking import WORDS, body, cost_of, said
from tests.unit.proxy.dialects.speaking import events as sent
from tests.unit.proxy.harness import Node, running
from tests.unit.proxy.translation.playing import chunk, events, message_of, response_of, sse

BOTH = [TRANSLATED[MESSAGES.endpoint], TRANSLATED[RESPONSES.endpoint]]
(TO_MESSAGES, TO_RESPONSES) = BOTH
CHAT_ONLY = "gemini"
"""A type of provider that speaks neither endpoint."""
SERVICE = Service("sold", "played", "req-1")
RECEIPT = Receipt(
    cost=Cost(Msat(31), Msat(1), Msat(12), Msat(18), ZERO, ZERO),
    charged=Msat(31),
    uncollected=ZERO,
    balance=Msat(69),
    usage=Usage(prompt=7, completion=6, cache_read=5, reasoning=2),
    usd=None,
)
GUESSED = replace(RECEIPT, usage=Usage(12, 6, reported=False))
TOLD = {"prompt_tokens": 12, "completion_tokens": 6, "total_tokens": 18}
CHUNKS = [
    chunk({"role": "assistant", "content": ""}),
    chunk({"content": "This is"}),
    chunk({"content": " an answer."}),
    chunk({}, "stop"),
    {**chunk(), "choices": [], "usage": TOLD},
]


def signed(dialect: Dialect, answer: dict[str, Any], receipt: Receipt = RECEIPT) -> Any:
    fields = read_fields(json.dumps(answer).encode())
    assert fields is not None
    dialect.sign(fields, answer.get("usage"), receipt, SERVICE)
    return json.loads(encode(fields))


def completion(**message: Any) -> dict[str, Any]:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": "stop"}
    return {
        "id": "chatcmpl-1",
        "object": "chat.completion",
        "created": 5,
        "model": "tiny-1",
        "choices": [choice],
        "usage": TOLD,
    }


def streamed(
    dialect: Dialect, data: bytes, receipt: Receipt = RECEIPT
) -> tuple[StreamScanner, list[dict[str, Any]]]:
    scanner = dialect.scanner(1 << 20)
    passed = scanner.feed(data) + scanner.end()
    return scanner, events(passed + dialect.closing(scanner, receipt, SERVICE))


@pytest.mark.parametrize("dialect", BOTH)
def test_it_is_the_endpoint_s_to_the_client_and_chat_s_to_the_provider(dialect: Dialect) -> None:
    native = MESSAGES if dialect is TO_MESSAGES else RESPONSES
    assert (dialect.endpoint, dialect.protocol) == (native.endpoint, native.protocol)
    assert dialect.path == "chat/completions"
    assert TO_MESSAGES.protocol is Protocol.ANTHROPIC


@pytest.mark.parametrize("dialect", BOTH)
def test_a_body_is_a_chat_completion_with_the_node_s_limit(dialect: Dialect) -> None:
    limit = "max_tokens" if dialect is TO_MESSAGES else "max_output_tokens"
    given = json.dumps({**body(dialect, stream=True), limit: 100}).encode()
    request = dialect.parse(given)
    asked = json.loads(dialect.encode(request, "tiny-1", 60))
    assert asked == {
        "model": "tiny-1",
        "messages": [{"role": "user", "content": "Hello there"}],
        "max_tokens": 60,
        "stream": True,
        "stream_options": {"include_usage": True},
    }
    assert json.loads(dialect.encode(request, "other", None))["max_tokens"] == 100, "unchanged"
    assert request.body == json.loads(given)


def test_a_request_without_a_limit_gets_the_one_that_is_paid_for() -> None:
    request = TO_RESPONSES.parse(b'{"model": "m", "input": "Hi"}')
    assert json.loads(TO_RESPONSES.encode(request, "tiny-1", 60))["max_tokens"] == 60


def test_what_the_provider_cannot_do_is_refused_when_it_would_be_asked() -> None:
    request = TO_RESPONSES.parse(b'{"model": "m", "input": "Hi", "store": true}')
    with pytest.raises(InvalidParameter, match="chat completions only"):
        TO_RESPONSES.encode(request, "tiny-1", None)


def test_a_message_with_its_cost() -> None:
    told = signed(TO_MESSAGES, completion(content="Hello!"))
    assert (told["id"], told["model"], told["type"]) == ("msg_1", "sold", "message")
    assert told["content"] == [{"type": "text", "text": "Hello!"}]
    assert "choices" not in told
    usage = told["usage"]
    assert (usage["input_tokens"], usage["cache_read_input_tokens"]) == (7, 5)
    assert usage["cost"]["total_msats"] == told["metadata"]["routstr"]["cost"]["total_msats"] == 31
    assert "prompt_tokens" not in usage


def test_a_response_with_its_cost() -> None:
    told = signed(TO_RESPONSES, completion(content="Hello!"))
    assert (told["id"], told["model"], told["object"]) == ("resp_1", "sold", "response")
    assert told["output"][0]["content"][0]["text"] == "Hello!"
    assert told["usage"]["input_tokens"] == 12
    assert told["usage"]["input_tokens_details"]["cached_tokens"] == 5
    assert told["usage"]["cost"]["total_msats"] == 31


def test_who_served_the_provider_is_told() -> None:
    told = signed(TO_MESSAGES, {**completion(content="Hi"), "provider": "another"})
    assert told["provider"] == "played:another"


@pytest.mark.parametrize("dialect", BOTH)
def test_an_answer_without_a_name_gets_the_request_s(dialect: Dialect) -> None:
    answer = completion(content="Hi")
    del answer["id"]
    assert signed(dialect, answer)["id"].endswith("_req-1")


@pytest.mark.parametrize("dialect", BOTH)
def test_what_was_not_counted_is_estimated_from_what_was_said(dialect: Dialect) -> None:
    fields = read_fields(json.dumps(completion(content="Hello!", reasoning="Hm.")).encode())
    assert fields is not None
    assert dialect.is_answer(fields)
    assert dialect.output_tokens(fields) == output_estimate("Hello!Hm.")
    scanner = dialect.scanner(1 << 20)
    scanner.feed(sse(CHUNKS[:-1]))
    assert dialect.streamed_tokens(scanner) == output_estimate("This is an answer.")


def test_a_streamed_message_with_its_cost_after_its_end() -> None:
    scanner, told = streamed(TO_MESSAGES, sse(CHUNKS))
    assert scanner.usage == Usage(12, 6)
    *message, cost = told
    assert message_of(message)["content"] == [{"type": "text", "text": "This is an answer."}]
    assert message_of(message)["usage"]["input_tokens"] == 7
    assert cost["type"] == "cost"
    assert cost["model"] == "sold"
    assert cost["usage"]["cache_read_input_tokens"] == 5
    assert cost["metadata"]["routstr"]["cost"]["total_msats"] == 31
    assert TO_MESSAGES.ended(scanner) == b""


def test_a_streamed_response_with_its_cost_in_its_last_event() -> None:
    scanner, told = streamed(TO_RESPONSES, sse(CHUNKS))
    response = response_of(told)
    assert response["output"][0]["content"][0]["text"] == "This is an answer."
    assert response["model"] == "sold"
    assert response["usage"]["input_tokens"] == 12
    assert response["usage"]["cost_sats"] == 0
    assert told[-1]["metadata"]["routstr"]["cost"]["total_msats"] == 31
    assert TO_RESPONSES.ended(scanner) == b""


@pytest.mark.parametrize("dialect", BOTH)
def test_a_stream_that_broke_off_has_no_end_but_its_cost(dialect: Dialect) -> None:
    _, told = streamed(dialect, sse(CHUNKS[:3], done=False), GUESSED)
    names = [event["type"] for event in told]
    assert not {"message_stop", "message_delta", "response.completed"} & set(names)
    assert names[-1] == ("cost" if dialect is TO_MESSAGES else "response.cost")
    assert told[-1]["metadata"]["routstr"]["estimated"] is True


@pytest.mark.parametrize("dialect", BOTH)
def test_a_stream_that_only_counted_is_an_empty_answer(dialect: Dialect) -> None:
    _, told = streamed(dialect, sse([CHUNKS[-1]]))
    if dialect is TO_MESSAGES:
        assert message_of(told[:-1])["content"] == []
    else:
        assert response_of(told)["output"] == []


@pytest.mark.parametrize("dialect", BOTH)
def test_the_client_has_left_when_all_that_is_missing_is_the_end(dialect: Dialect) -> None:
    scanner = dialect.scanner(1 << 20)
    scanner.feed(sse(CHUNKS[:-1], done=False))
    assert scanner.closing is None
    scanner.feed(sse(CHUNKS[-1:], done=False))
    assert scanner.closing is not None


@pytest.mark.parametrize("dialect", BOTH)
def test_errors_are_told_in_the_endpoint_s_words(dialect: Dialect) -> None:
    broken = dialect.broken(b'{"error":{"message":"It broke.","code":"x"}}')
    assert broken.startswith(b"event: error\n")
    assert b"It broke." in broken


async def asked(node: Node, dialect: Dialect, **more: Any) -> Answer:
    return await node.ask(body(dialect, **more), path=dialect.endpoint)


@pytest.mark.parametrize("dialect", BOTH)
async def test_a_provider_of_chat_completions_serves_the_endpoint(dialect: Dialect) -> None:
    async with running(adapter=CHAT_ONLY) as node:
        whole = await asked(node, dialect)
        assert said(dialect, whole) == WORDS
        (seen,) = node.upstream.requests
        assert seen.path.endswith("/chat/completions")
        assert node.books.settled.cost == cost_of(whole)["usage"]["cost"]["total_msats"] == 31


@pytest.mark.parametrize("dialect", BOTH)
@pytest.mark.parametrize("shape", [Shape(), Shape(usage_at="last content", done=False, border=7)])
async def test_it_streams(dialect: Dialect, shape: Shape) -> None:
    async with running(adapter=CHAT_ONLY) as node:
        node.upstream.next(chat(shape=shape))
        answered = await asked(node, dialect, stream=True)
        assert said(dialect, answered) == WORDS
        assert node.books.settled.cost == cost_of(answered)["usage"]["cost"]["total_msats"] == 31


@pytest.mark.parametrize("dialect", BOTH)
async def test_a_stream_that_breaks_ends_with_its_cost_and_an_error(dialect: Dialect) -> None:
    async with running(adapter=CHAT_ONLY) as node:
        node.upstream.next(chat(shape=Shape(stop_after=4, ending="reset")))
        answered = await asked(node, dialect, stream=True)
        *_, cost, error = [event for _, event in sent(answered)]
        assert cost["type"] in {"cost", "response.cost"}
        assert error["type"] == "error"
        assert 0 < node.books.settled.cost < 31


@pytest.mark.parametrize("dialect", BOTH)
async def test_a_refusal_of_the_provider_is_told_in_the_endpoint_s_words(dialect: Dialect) -> None:
    async with running(adapter=CHAT_ONLY) as node:
        node.upstream.next(refuse(429))
        answered = await asked(node, dialect)
        assert answered.status == 429
        assert ("type" in answered.json()) is (dialect is TO_MESSAGES)
        assert node.books.was_released


async def test_what_no_provider_can_do_is_refused_before_money_is_held() -> None:
    async with running(adapter=CHAT_ONLY) as node:
        answered = await asked(node, TO_RESPONSES, store=True)
        assert answered.status == 400
        assert answered.json()["error"]["details"] == {"param": "store"}
        assert not node.books.holds
        assert not node.upstream.requests


@pytest.mark.parametrize("dialect", BOTH)
async def test_a_provider_of_unknown_type_that_lacks_the_endpoint_is_asked_in_chat(
    dialect: Dialect,
) -> None:
    async with running() as node:
        node.upstream.next(answer(404, {"detail": "Not Found"}))
        assert said(dialect, await asked(node, dialect)) == WORDS
        own, chats = dialect.endpoint, "/v1/chat/completions"
        assert [one.path for one in node.upstream.requests] == [own, chats]
        assert said(dialect, await asked(node, dialect, stream=True)) == WORDS
        assert [one.path for one in node.upstream.requests[2:]] == [chats], "it is remembered"
        assert [int(end.cost) for end in node.books.ends.values() if end] == [31, 31]


async def test_nothing_is_concluded_when_chat_is_not_there_either() -> None:
    async with running() as node:
        node.upstream.next(answer(404, {}), answer(404, {}))
        assert (await asked(node, TO_MESSAGES)).status == 404
        await asked(node, TO_MESSAGES)
        paths = [one.path.removeprefix("/v1/") for one in node.upstream.requests]
        assert paths == ["messages", "chat/completions", "messages"]


async def test_a_model_that_is_not_there_is_no_missing_endpoint() -> None:
    async with running() as node:
        error = {"message": "No such model.", "code": "model_not_found"}
        node.upstream.next(answer(404, {"error": error}))
        assert (await asked(node, TO_MESSAGES)).status == 404
        assert len(node.upstream.requests) == 1


async def test_what_cannot_be_said_in_chat_is_refused_when_nothing_else_is_there() -> None:
    async with running() as node:
        node.upstream.next(answer(404, {}))
        answered = await asked(node, TO_RESPONSES, store=True)
        assert answered.status == 400
        assert answered.json()["error"]["details"] == {"param": "store"}
        assert node.books.was_released
