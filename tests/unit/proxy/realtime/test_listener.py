"""What passes to the provider, and what happens when nobody pays for it."""

import asyncio
from typing import Any

from devkit.upstream.realtime import Script
from tests.unit.proxy.harness import Books
from tests.unit.proxy.realtime.conversing import (
    FIRST,
    MANUAL,
    RESPOND,
    SPEECH,
    USUAL,
    place,
    sound,
)


async def test_who_cannot_pay_for_a_response_is_told_so_and_may_go_on() -> None:
    async with place(books=Books(posted=FIRST + 10)) as node:
        caller = node.call(script := Script())
        caller.say(MANUAL)
        await caller.until("session.updated")
        caller.say({"type": "response.create", "event_id": "mine"})
        await caller.until("response.done")
        caller.say({"type": "response.create", "event_id": "second"})
        error = (await caller.until("error"))["error"]
        assert (error["type"], error["code"]) == ("insufficient_quota", "insufficient_balance")
        assert error["event_id"] == "second"
        assert [event["type"] for event in script.heard].count("response.create") == 1
        small = {"type": "response.create", "response": {"max_output_tokens": 10}}
        caller.say(small)
        await caller.until("response.done", 2)
        caller.leave()
        await caller.end()


async def test_who_cannot_pay_for_what_may_begin_by_itself_is_heard_no_more() -> None:
    async with place(books=Books(posted=FIRST + 100)) as node:
        gate = asyncio.Event()
        caller = node.call(script := Script(gate=gate))
        caller.say(SPEECH)
        error = (await caller.until("error"))["error"]
        assert error["code"] == "insufficient_balance"
        caller.say(sound(), sound())
        gate.set()
        await caller.end()
        assert len(caller.of("response.done")) == 1, "what was paid for is served"
        assert caller.closed == (4402, "insufficient_balance")
        assert node.charges == [USUAL]
        assert len(script.heard) == 1


async def test_an_event_that_nobody_knows_is_refused_and_the_rest_goes_on() -> None:
    async with place() as node:
        caller = node.call(script := Script())
        strange: list[Any] = ["{", "[]", {"type": "fine_tune", "event_id": "x"}]
        caller.say(*strange, MANUAL, RESPOND)
        await caller.until("response.done")
        codes = [event["error"]["code"] for event in caller.of("error")]
        assert codes == ["invalid_event"] * 3
        assert len(script.heard) == 2
        caller.leave()
        await caller.end()
