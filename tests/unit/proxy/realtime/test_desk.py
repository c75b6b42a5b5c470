"""How much is held for a response, and when."""

from devkit.upstream.realtime import Script
from tests.unit.proxy.realtime.conversing import (
    BEGINNING,
    FIRST,
    MANUAL,
    OUTPUT,
    RESPOND,
    USUAL,
    WORST_INPUT,
    WORST_OUTPUT,
    place,
)


async def test_a_response_is_held_for_before_the_provider_is_connected_and_then_charged() -> None:
    async with place() as node:
        caller = node.call(script := Script())
        await caller.until("session.created")
        assert node.books.held == FIRST
        caller.say(MANUAL, RESPOND)
        done = await caller.until("response.done")
        assert done["response"]["usage"]["cost"]["total_msats"] == USUAL
        assert done["response"]["usage"]["input_tokens"] == 20
        assert node.charges == [USUAL]
        caller.leave()
        await caller.end()
        assert node.books.posted == 1_000_000 - USUAL
        line = node.lines.records[0]
        assert (line.endpoint, line.status, line.model) == ("/v1/realtime", 101, "talks")
        assert (line.cost_msat, line.input_tokens, line.output_tokens) == (USUAL, 20, 16)
        assert [event["type"] for event in script.heard] == ["session.update", "response.create"]


async def test_the_hold_is_as_large_as_the_limits_of_the_session_and_the_response() -> None:
    async with place() as node:
        caller = node.call(Script())
        caller.say(MANUAL)
        await caller.until("session.updated")
        caller.say(RESPOND)
        await caller.until("response.done")
        caller.say({"type": "response.create", "response": {"max_output_tokens": 10}})
        await caller.until("response.done", 2)
        caller.leave()
        await caller.end()
        assert node.books.amounts[2] == BEGINNING * WORST_INPUT + 10 * WORST_OUTPUT + 1


async def test_more_input_needs_a_larger_hold() -> None:
    async with place() as node:
        caller = node.call(Script())
        item = {
            "type": "message",
            "role": "user",
            "content": [{"type": "input_text", "text": "x" * 4_000}],
        }
        caller.say({"type": "conversation.item.create", "item": item})
        await caller.until("conversation.item.done")
        assert node.books.held == 8_192 * WORST_INPUT + OUTPUT * WORST_OUTPUT + 1
        caller.leave()
        await caller.end()
        assert node.charges == []


async def test_without_them_nothing_is_held_between_responses() -> None:
    async with place() as node:
        caller = node.call(Script())
        caller.say(MANUAL)
        await caller.until("session.updated")
        for number in (1, 2):
            caller.say(RESPOND)
            await caller.until("response.done", number)
            assert node.books.held == 0
        caller.leave()
        await caller.end()
        assert node.charges == [USUAL] * 2
