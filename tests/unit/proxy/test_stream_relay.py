import asyncio
import json
from dataclasses import replace
from typing import Any

import pytest

from devkit.upstream import (
    PLAYS,
    Exchange,
    Play,
    Reply,
    Shape,
    answer,
    chat,
    endless,
    error_in_stream,
    silent,
)
from devkit.upstream.chat import sse
from routstr.errors import DatabaseUnavailable
from routstr.ledger.entries import Settled, Settlement
from tests.unit.core.asgi import Answer
from tests.unit.proxy.cancelling import cancelled_at
from tests.unit.proxy.harness import HELLO, LIMITS, Books, Call, Node, running
from tests.unit.upstream.waiting import until

GOOD = 1 + 12 + 6 * 3  # msat: the request, 12 input tokens, 6 output tokens
STREAM_HEAD = {"Content-Type": "text/event-stream", "Transfer-Encoding": "chunked"}


def events(answered: Answer) -> list[Any]:
    """The data of each event: JSON as plain data, ``[DONE]`` as text."""
    parts = answered.body.decode().replace("\r\n", "\n").split("\n\n")
    found = [part.removeprefix("data: ") for part in parts if part]
    return [part if part == "[DONE]" else json.loads(part) for part in found]


def said(answered: Answer) -> str:
    return "".join(
        choice.get("delta", {}).get("content", "")
        for event in events(answered)
        if isinstance(event, dict)
        for choice in event.get("choices", [])
    )


def cost_of(answered: Answer) -> Any:
    """The one cost chunk."""
    (chunk,) = [event for event in events(answered) if "cost" in event and event != "[DONE]"]
    return chunk


def calling(node: Node, **more: object) -> Call:
    return Call(node.app, {"model": "good", "messages": HELLO, "stream": True, **more})


def held_back(after: int = 3) -> tuple[asyncio.Event, Play]:
    """A stream that waits after so many events until the test lets it go on."""
    gate = asyncio.Event()
    return gate, chat(shape=Shape(gate_after=after, gate=gate))


def raw_stream(*pieces: bytes) -> Play:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, STREAM_HEAD)
        await exchange.chunks(list(pieces))

    return play


async def test_a_stream_passes_and_ends_with_its_cost() -> None:
    async with running() as node:
        answered = await node.chat(stream=True)
        assert answered.status == 200
        assert answered.header("content-type") == "text/event-stream; charset=utf-8"
        assert answered.header("cache-control") == "no-store"
        assert answered.header("x-accel-buffering") == "no"
        assert said(answered) == "This is a played answer."
        *content, chunk, done = events(answered)
        assert done == "[DONE]"
        assert all("usage" not in event for event in content)
        assert chunk["choices"] == []
        assert {chunk[name] for name in ("id", "object", "model", "created")} == {
            content[0][name] for name in ("id", "object", "model", "created")
        }
        assert chunk["provider"] == "played"
        assert chunk["usage"]["total_tokens"] == 18
        assert chunk["usage"]["cost"]["total_msats"] == chunk["cost"]["total_msats"] == GOOD
        assert chunk["metadata"]["routstr"]["remaining_balance_msats"] == 1_000_000 - GOOD
        assert node.books.posted == 1_000_000 - GOOD
        assert node.upstream.requests[0].json["stream_options"] == {"include_usage": True}
        assert node.line.cost_msat == GOOD


async def test_the_first_event_is_sent_before_the_second_exists() -> None:
    async with running() as node:
        gate, play = held_back(after=1)
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'"role"')
        assert not gate.is_set()
        gate.set()
        await task
        assert call.answer.complete


async def test_the_charge_is_made_before_the_last_bytes() -> None:
    async with running() as node:
        call = calling(node)
        task = call.start()
        await call.until(b"remaining_balance_msats")
        assert node.books.settled.cost == GOOD
        await task


@pytest.mark.parametrize(
    "model", ["odd-borders", "single-bytes", "crlf", "comments", "usage-in-last-content"]
)
async def test_the_form_of_the_stream_does_not_matter(model: str) -> None:
    async with running() as node:
        answered = await node.chat(model, stream=True)
        assert said(answered) == "This is a played answer."
        assert b"\n:" not in answered.body
        assert node.books.charged == {1: GOOD}
        assert answered.body.endswith(b"data: [DONE]\n\n")


async def test_without_done_from_the_provider_none_is_sent() -> None:
    async with running() as node:
        answered = await node.chat("no-done", stream=True)
        assert cost_of(answered)["cost"]["total_msats"] == GOOD
        assert b"[DONE]" not in answered.body
        assert answered.complete


@pytest.mark.parametrize(
    "model", ["no-usage", "usage-negative", "usage-huge", "usage-nan", "usage-text", "usage-list"]
)
async def test_a_missing_or_impossible_report_is_estimated(model: str) -> None:
    async with running() as node:
        answered = await node.chat(model, stream=True)
        end = node.books.settled
        assert end.estimated
        assert end.prompt_tokens > 0
        assert end.completion_tokens == 6
        assert said(answered) == "This is a played answer."
        chunk = cost_of(answered)
        assert chunk["metadata"]["routstr"]["estimated"] is True
        assert chunk["usage"]["completion_tokens"] == 6
        assert (chunk["id"], chunk["model"]) == ("chatcmpl-played", f"played/{model}")
        assert events(answered)[-1] == "[DONE]"


async def test_a_usage_told_before_the_output_does_not_make_it_free() -> None:
    early = b'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":1}}\n\n'
    word = b'data: {"choices":[{"index":0,"delta":{"content":" another"}}]}\n\n'
    async with running() as node:
        node.upstream.next(raw_stream(early, word * 40, b"data: [DONE]\n\n"))
        await node.chat(stream=True)
        assert node.books.settled.completion_tokens >= 40
        assert node.books.settled.estimated


async def test_a_running_usage_in_every_event_is_charged_once() -> None:
    pieces = [
        b'data: {"id":"c","choices":[{"index":0,"delta":{"content":" a"}}],'
        b'"usage":{"prompt_tokens":12,"completion_tokens":%d}}\n\n' % count
        for count in range(1, 7)
    ]
    async with running() as node:
        node.upstream.next(raw_stream(*pieces, b"data: [DONE]\n\n"))
        answered = await node.chat(stream=True)
        assert node.books.charged == {1: GOOD}
        assert not node.books.settled.estimated
        assert said(answered) == " a" * 6
        assert answered.body.count(b'"usage"') == 1


async def test_an_exaggerated_stream_is_charged_up_to_the_hold() -> None:
    usage = {"prompt_tokens": 10**9, "completion_tokens": 10**9}
    async with running() as node:
        node.upstream.next(chat(Reply(usage=usage)))
        answered = await node.chat(stream=True)
        assert node.books.charged == node.books.amounts
        assert cost_of(answered)["cost"]["total_msats"] == node.books.amounts[1]


@pytest.mark.parametrize("model", ["dies-mid-stream", "closes-mid-stream", "half-event"])
async def test_a_stream_that_breaks_is_charged_for_what_came(model: str) -> None:
    async with running() as node:
        answered = await node.chat(model, stream=True)
        assert answered.complete
        assert said(answered).startswith("This is")
        end = node.books.settled
        assert end.estimated
        assert 2 <= end.completion_tokens <= 3
        *_, chunk, error = events(answered)
        assert chunk["cost"]["total_msats"] == node.books.charged[1]
        assert error["error"]["type"] == "upstream_error"
        assert "What was delivered is charged." in error["error"]["message"]
        assert "othing was charged" not in error["error"]["message"]
        assert error["request_id"] == node.line.request_id
        assert b"[DONE]" not in answered.body
        assert node.line.error == "upstream_request_failed"


async def test_a_stream_that_falls_silent_is_ended_and_charged() -> None:
    async with running() as node:
        _, play = held_back()
        node.upstream.next(play)
        answered = await node.chat(stream=True)
        *_, chunk, error = events(answered)
        assert chunk["cost"]["total_msats"] == node.books.charged[1]
        assert error["error"]["code"] == "upstream_timeout"
        assert node.books.settled.estimated
        await until(lambda: node.upstream.exchanges[0].client_left)


async def test_an_error_event_follows_the_cost_in_the_nodes_words() -> None:
    async with running() as node:
        node.upstream.next(error_in_stream(after=3))
        answered = await node.chat(stream=True)
        *_, chunk, error = events(answered)
        assert chunk["cost"]["total_msats"] == node.books.charged[1]
        assert error["error"] == {
            "message": "The server had an error. (What was delivered is charged.)",
            "type": "upstream_error",
            "code": "upstream_rejected",
            "details": {"upstream_status": 502, "upstream_type": "server_error"},
        }


async def test_after_an_error_the_usage_is_not_waited_for_long() -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, STREAM_HEAD)
        word = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
        await exchange.chunks([word, b'data: {"error":{"message":"Cut."}}\n\n'], last=False)
        await asyncio.sleep(5)

    async with running(limits=replace(LIMITS, idle_s=5, drain_s=0.1)) as node:
        node.upstream.next(play)
        async with asyncio.timeout(2):
            answered = await node.chat(stream=True)
        assert events(answered)[-1]["error"]["message"].startswith("Cut.")
        assert node.books.settled.completion_tokens == 1


async def test_a_provider_may_tell_its_usage_after_an_error() -> None:
    word = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
    error = b'data: {"error":{"message":"Cut."}}\n\n'
    usage = b'data: {"choices":[],"usage":{"prompt_tokens":12,"completion_tokens":6}}\n\n'
    async with running() as node:
        node.upstream.next(raw_stream(word, error, usage, b"data: [DONE]\n\n"))
        answered = await node.chat(stream=True)
        assert node.books.charged == {1: GOOD}
        *_, chunk, told, done = events(answered)
        assert (chunk["cost"]["total_msats"], done) == (GOOD, "[DONE]")
        assert told["error"]["message"].startswith("Cut.")


@pytest.mark.parametrize(
    ("play", "status"),
    [
        (raw_stream(b'data: {"error":{"message":"No.","code":429}}\n\n'), 429),
        (raw_stream(b": wait\n\n", b'data: {"error":{"message":"No."}}\n\n'), 502),
        (raw_stream(), 502),
        (raw_stream(b": only\n\n", b": comments\n\n"), 502),
        (raw_stream(b"data: [DONE]\n\n"), 502),
        (chat(shape=Shape(stop_after=0)), 502),
        (chat(shape=Shape(stop_after=0, ending="reset")), 502),
        (raw_stream(b"x" * 100_000), 502),
    ],
)
async def test_a_stream_that_fails_before_its_first_event_is_free(play: Play, status: int) -> None:
    async with running() as node:
        node.upstream.next(play)
        answered = await node.chat(stream=True)
        assert answered.status == status
        assert answered.json()["error"]["type"] == "upstream_error"
        assert "othing was charged" in answered.json()["error"]["message"]
        assert node.books.was_released


async def test_a_stream_that_is_silent_from_the_start_is_free() -> None:
    async with running(limits=replace(LIMITS, first_byte_s=0.1, idle_s=0.1)) as node:
        _, play = held_back(after=0)
        node.upstream.next(silent(), play)
        assert [(await node.chat(stream=True)).status for _ in range(2)] == [504, 504]
        assert node.books.ends == {1: None, 2: None}


async def test_an_answer_of_no_words_is_charged_as_reported() -> None:
    usage = b'data: {"id":"c","choices":[],"usage":{"prompt_tokens":12,"completion_tokens":0}}\n\n'
    async with running() as node:
        node.upstream.next(raw_stream(usage, b"data: [DONE]\n\n"))
        answered = await node.chat(stream=True)
        assert answered.status == 200
        assert cost_of(answered)["cost"]["total_msats"] == 13
        assert not node.books.settled.estimated


async def test_an_endless_stream_is_ended() -> None:
    async with running(limits=replace(LIMITS, answer_bytes=20_000)) as node:
        node.upstream.next(endless())
        answered = await node.chat(stream=True)
        assert answered.complete
        assert len(answered.body) < 400_000
        assert node.books.charged[1] <= node.books.amounts[1]
        assert "too large" in events(answered)[-1]["error"]["message"]


async def test_a_stream_that_takes_too_long_is_ended() -> None:
    async with running(limits=replace(LIMITS, total_s=0.15)) as node:
        node.upstream.next(chat(Reply(words=(" on",) * 100), Shape(interval_s=0.02)))
        answered = await node.chat(stream=True)
        assert events(answered)[-1]["error"]["code"] == "upstream_timeout"
        assert 0 < node.books.settled.completion_tokens < 20


@pytest.mark.parametrize(("pause_s", "connections"), [(0.05, 1), (5, 2)])
async def test_the_connection_serves_on_if_the_stream_ends_soon(
    pause_s: float, connections: int
) -> None:
    async def play(exchange: Exchange) -> None:
        await exchange.head(200, STREAM_HEAD)
        word = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
        await exchange.chunks([word, b"data: [DONE]\n\n"], last=False)
        await asyncio.sleep(pause_s)
        await exchange.chunks([])

    async with running() as node:
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b"[DONE]")
        assert node.books.settled.completion_tokens == 1, "the client waits for nothing more"
        await task
        await node.chat()
        used = {id(exchange._writer) for exchange in node.upstream.exchanges}
        assert len(used) == connections


# The client leaves


async def test_whoever_leaves_is_charged_what_the_provider_then_reports() -> None:
    async with running(limits=replace(LIMITS, drain_s=2)) as node:
        gate, play = held_back()
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" is"')
        call.left.set()
        await asyncio.sleep(0.05)
        assert not task.done()
        assert node.books.held > 0
        gate.set()
        await task
        assert node.books.charged == {1: GOOD}
        assert not node.books.settled.estimated
        assert node.line.status == 200


async def test_once_the_usage_is_told_nothing_more_is_awaited_for_whoever_left() -> None:
    async with running(limits=replace(LIMITS, drain_s=5, idle_s=5)) as node:
        gate = asyncio.Event()

        async def play(exchange: Exchange) -> None:
            await exchange.head(200, STREAM_HEAD)
            word = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
            await exchange.chunks([word], last=False)
            await gate.wait()
            usage = {"prompt_tokens": 12, "completion_tokens": 6}
            await exchange.chunks([sse({"choices": [], "usage": usage})], last=False)
            await asyncio.sleep(5)

        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" a"')
        call.left.set()
        await asyncio.sleep(0.15)
        gate.set()
        await asyncio.wait({task}, timeout=2)
        assert task.done()
        assert node.books.charged == {1: GOOD}


async def test_whoever_leaves_a_slow_stream_is_charged_an_estimate_in_time() -> None:
    async with running() as node:
        _, play = held_back()
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" is"')
        call.left.set()
        began = asyncio.get_running_loop().time()
        await task
        assert asyncio.get_running_loop().time() - began < LIMITS.drain_s + 1
        end = node.books.settled
        assert end.estimated
        assert end.prompt_tokens > 0
        assert end.completion_tokens == 2
        await until(lambda: node.upstream.exchanges[0].client_left)


@pytest.mark.parametrize("stream", [True, False])
async def test_whoever_leaves_before_the_first_byte_pays_for_the_prompt(*, stream: bool) -> None:
    async with running(limits=replace(LIMITS, first_byte_s=5)) as node:
        node.upstream.next(silent())
        call = calling(node, stream=stream)
        task = call.start()
        await until(lambda: node.upstream.exchanges)
        call.left.set()
        await task
        end = node.books.settled
        assert end.estimated
        assert end.prompt_tokens > 0
        assert end.completion_tokens == 0
        assert node.books.posted < 1_000_000
        assert call.answer.messages == []
        assert node.line.status == 499
        await until(lambda: node.upstream.exchanges[0].client_left)


@pytest.mark.parametrize("stream", [True, False])
async def test_whoever_leaves_before_the_first_byte_pays_for_the_answer_if_it_comes(
    *, stream: bool
) -> None:
    async with running(limits=replace(LIMITS, drain_s=2)) as node:
        gate = asyncio.Event()
        node.upstream.next(chat(shape=Shape(gate=gate)))
        call = calling(node, stream=stream)
        task = call.start()
        await until(lambda: node.upstream.exchanges)
        await asyncio.sleep(0.1)
        call.left.set()
        await asyncio.sleep(0.1)
        gate.set()
        await task
        assert node.books.charged == {1: GOOD}


@pytest.mark.parametrize("stream", [True, False])
async def test_whoever_leaves_a_provider_that_fails_pays_nothing(*, stream: bool) -> None:
    async with running(limits=replace(LIMITS, drain_s=2)) as node:
        gate = asyncio.Event()

        async def fails(exchange: Exchange) -> None:
            await gate.wait()
            exchange.reset()

        node.upstream.next(fails)
        call = calling(node, stream=stream)
        task = call.start()
        await until(lambda: node.upstream.exchanges)
        await asyncio.sleep(0.1)
        call.left.set()
        await asyncio.sleep(0.1)
        gate.set()
        await task
        assert node.books.was_released


async def test_whoever_leaves_a_provider_that_only_reports_an_error_pays_nothing() -> None:
    async with running(limits=replace(LIMITS, drain_s=2)) as node:
        gate = asyncio.Event()

        async def fails(exchange: Exchange) -> None:
            await exchange.head(200, STREAM_HEAD)
            await exchange.chunks([b": wait\n\n"], last=False)
            await gate.wait()
            await exchange.chunks([b'data: {"error":{"message":"No."}}\n\n'])

        node.upstream.next(fails)
        call = calling(node)
        task = call.start()
        await until(lambda: node.upstream.exchanges)
        await asyncio.sleep(0.1)
        call.left.set()
        await asyncio.sleep(0.1)
        gate.set()
        await task
        assert node.books.was_released


@pytest.mark.parametrize("after", range(9))
async def test_leaving_after_any_event_is_neither_free_nor_too_dear(after: int) -> None:
    async with running(limits=replace(LIMITS, drain_s=0.05)) as node:
        _, play = held_back(after=after)
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await until(lambda: node.upstream.exchanges)
        if after:
            await until(lambda: call.answer.body.count(b"\n\n") >= min(after, 8))
        call.left.set()
        await task
        assert node.books.settled.prompt_tokens > 0
        assert 0 < node.books.charged[1] <= GOOD + 6


async def test_a_client_that_stops_reading_counts_as_gone() -> None:
    async with running(limits=replace(LIMITS, stall_s=0.1, drain_s=2)) as node:
        gate, play = held_back()
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'"This"')
        call.reads.clear()
        gate.set()
        await asyncio.wait({task}, timeout=3)
        assert task.done()
        assert node.books.charged == {1: GOOD}


async def test_a_client_that_does_not_read_the_end_holds_up_nothing() -> None:
    async with running(limits=replace(LIMITS, stall_s=0.1)) as node:
        word = b'data: {"choices":[{"index":0,"delta":{"content":" a"}}]}\n\n'
        gate = asyncio.Event()

        async def play(exchange: Exchange) -> None:
            await exchange.head(200, STREAM_HEAD)
            await exchange.chunks([word], last=False)
            await gate.wait()
            await exchange.chunks([b"data: [DONE]\n\n"])

        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" a"')
        call.reads.clear()
        gate.set()
        await asyncio.wait({task}, timeout=3)
        assert task.done()
        assert node.books.settled.completion_tokens == 1


async def test_a_failed_provider_is_left_at_once_whatever_the_client_does() -> None:
    async with running(limits=replace(LIMITS, idle_s=0.1, stall_s=5)) as node:
        _, play = held_back()
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" is"')
        call.reads.clear()
        await until(lambda: node.upstream.exchanges[0].client_left)
        assert not task.done()
        call.reads.set()
        await task
        assert call.answer.complete


# The task is cancelled


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["good", "no-usage", "refuse-500", "error-200", "half-event"])
async def test_cancelled_at_any_await_no_hold_stays_open(model: str, *, stream: bool) -> None:
    async with running() as node:
        for at in range(1, 200):
            node.books.__init__()  # type: ignore[misc]
            call, steps = calling(node, model=model, stream=stream), [0]
            task = asyncio.create_task(cancelled_at(call.run(), {at}, steps))
            await asyncio.wait({task})
            assert node.books.held == 0, f"a hold outlived a cancellation at await {at}"
            assert len(node.books.ends) == len(node.books.holds)
            if call.answer.messages and call.answer.status == 200:
                assert node.books.charged[1] > 0, "something was served for nothing"
            if steps[0] < at:
                assert at > 7, "hardly anything was cancelled"
                return
            assert task.cancelled()
    raise AssertionError("the request never ended")


@pytest.mark.parametrize("gap", [1, 2, 3])
async def test_cancelled_twice_no_hold_stays_open(gap: int) -> None:
    async with running() as node:
        for at in range(1, 200):
            node.books.__init__()  # type: ignore[misc]
            steps = [0]
            call = calling(node)
            task = asyncio.create_task(cancelled_at(call.run(), {at, at + gap}, steps))
            await asyncio.wait({task})
            assert node.books.held == 0
            if steps[0] < at:
                return
    raise AssertionError("the request never ended")


async def test_a_node_that_stops_charges_what_was_served_at_once() -> None:
    async with running(limits=replace(LIMITS, drain_s=5)) as node:
        _, play = held_back()
        node.upstream.next(play)
        call = calling(node)
        task = call.start()
        await call.until(b'" is"')
        task.cancel()
        await asyncio.wait({task}, timeout=1)
        assert task.cancelled()
        assert node.books.settled.completion_tokens == 2
        await until(lambda: node.upstream.exchanges[0].client_left)


class FailingBooks(Books):
    """Fails to settle, as long as it is told to."""

    failing = 0

    async def settle(self, settlement: Settlement) -> Settled:
        if self.failing:
            self.failing -= 1
            raise DatabaseUnavailable
        return await super().settle(settlement)


async def test_a_stream_is_delivered_with_its_cost_while_the_ledger_keeps_the_charge() -> None:
    async with running(books=FailingBooks()) as node:
        assert isinstance(node.books, FailingBooks)
        node.books.failing = 1
        answered = await node.chat(stream=True)
        assert answered.complete
        cost = cost_of(answered)
        assert cost["cost"]["total_msats"] == GOOD == node.line.cost_msat
        assert cost["usage"]["remaining_balance_msats"] is None
        assert node.line.error is None


async def test_an_answer_is_delivered_with_its_cost_while_the_ledger_keeps_the_charge() -> None:
    async with running(books=FailingBooks()) as node:
        assert isinstance(node.books, FailingBooks)
        node.books.failing = 1
        answered = await node.chat()
        assert answered.status == 200
        body = answered.json()
        assert body["cost"]["total_msats"] == GOOD
        assert body["cost"]["remaining_balance_msats"] is None


@pytest.mark.parametrize("model", sorted(set(PLAYS) - {"silent", "slow", "endless", "babble"}))
async def test_whatever_the_provider_does_the_books_agree_with_the_client(model: str) -> None:
    async with running() as node:
        answered = await node.chat(model, stream=True)
        assert answered.complete
        end = node.books.only_end()
        if end is None:
            assert answered.status >= 400
            assert node.books.posted == 1_000_000
        else:
            charged = node.books.charged[1]
            assert cost_of(answered)["cost"]["total_msats"] == charged == node.line.cost_msat
            assert cost_of(answered)["usage"]["remaining_balance_msats"] == node.books.posted
            assert charged > 0


async def test_a_json_answer_to_a_stream_is_relayed_as_what_it_is() -> None:
    async with running() as node:
        choice = {"message": {"content": "x"}}
        usage = {"prompt_tokens": 12, "completion_tokens": 6}
        node.upstream.next(answer(200, {"choices": [choice], "usage": usage}))
        answered = await node.chat(stream=True)
        assert answered.json()["choices"] == [choice]
        assert node.books.charged == {1: GOOD}
