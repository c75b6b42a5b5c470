"""Conversations: what each response costs, and that every kind of end leaves no hold."""

import asyncio
from dataclasses import replace

import pytest

from devkit.upstream.realtime import Script
from routstr.proxy.realtime.session import SessionLimits
from tests.unit.proxy.harness import KEY, LIMITS, UPSTREAM_KEY, Books
from tests.unit.proxy.realtime.conversing import (
    FIRST,
    MANUAL,
    RESPOND,
    SPEECH,
    USUAL,
    place,
    sound,
)
from tests.unit.upstream.waiting import until


async def test_responses_that_begin_by_themselves_always_find_a_hold() -> None:
    async with place() as node:
        caller = node.call(Script())
        for number in (1, 2, 3):
            caller.say(sound(), SPEECH)
            await caller.until("response.done", number)
            assert node.books.held >= FIRST
        assert node.charges == [USUAL] * 3
        caller.leave()
        await caller.end()


async def test_a_balance_for_nothing_is_refused_before_the_provider_is_asked() -> None:
    async with place(books=Books(posted=FIRST - 1)) as node:
        caller = node.call()
        await caller.end()
        assert caller.refusal == (402, "insufficient_quota", "insufficient_balance")
        assert node.upstream.exchanges == []


async def test_two_responses_at_once_have_two_holds() -> None:
    async with place() as node:
        gate = asyncio.Event()
        caller = node.call(Script(gate=gate))
        caller.say(MANUAL)
        await caller.until("session.updated")
        caller.say(RESPOND, {"type": "response.create", "event_id": "mine"})
        error = (await caller.until("error"))["error"]
        assert error["event_id"] == "mine", "the provider takes one at a time"
        assert "planted" not in error["message"]
        await until(lambda: len(node.open_holds) == 1)
        gate.set()
        await caller.until("response.done")
        caller.leave()
        await caller.end()
        assert node.charges == [USUAL]


@pytest.mark.parametrize("automatic", [True, False])
async def test_a_client_that_leaves_inside_a_response_pays_what_it_has_cost(
    *, automatic: bool
) -> None:
    async with place() as node:
        caller = node.call(script := Script(stops="wait"))
        caller.say(*([SPEECH] if automatic else [MANUAL, RESPOND]))
        await caller.until("response.output_audio.delta")
        caller.leave()
        await caller.end()
        assert node.charges == [USUAL], "the provider reports cancelled responses, too"
        assert script.heard[-1]["type"] == "response.cancel"


async def test_a_client_that_reads_no_more_counts_as_gone() -> None:
    async with place() as node:
        caller = node.call(Script(stops="wait"))
        caller.say(MANUAL, RESPOND)
        await caller.until("response.created")
        caller.reads.clear()
        await caller.end()
        assert node.charges == [USUAL]


SEEN = 1 + 6 * 16 + 2 * 64
"""What was seen of a response: six tokens of words, a tenth of a second of speech."""


@pytest.mark.parametrize("stops", ["cut", "close", "silent", "garbage", "binary"])
async def test_a_provider_that_fails_inside_a_response_is_paid_for_what_was_seen(
    stops: str,
) -> None:
    async with place() as node:
        caller = node.call(Script(stops=stops))
        caller.say(MANUAL)
        await caller.until("session.updated")
        caller.say(RESPOND)
        await caller.end()
        (charge,) = node.charges
        assert charge == SEEN
        end = node.books.ends[1]
        assert end is not None
        assert end.estimated
        expected = {
            "close": (1000, ""),
            "silent": (4504, "upstream_timeout"),
            "cut": (4502, "upstream_unreachable"),
        }
        assert caller.closed == expected.get(stops, (4502, "upstream_request_failed"))


async def test_a_response_without_usage_is_estimated() -> None:
    async with place() as node:
        caller = node.call(Script(usage=None))
        caller.say(MANUAL, RESPOND)
        done = await caller.until("response.done")
        assert done["response"]["metadata"]["routstr"]["estimated"] is True
        (charge,) = node.charges
        assert charge == SEEN
        caller.leave()
        await caller.end()


@pytest.mark.parametrize(
    "usage",
    [
        {"input_tokens": -1, "output_tokens": 5},
        {"input_tokens": 10**12, "output_tokens": 10**12},
        {"input_tokens": 10**8, "output_tokens": 10**8},
        [1, 2],
    ],
)
async def test_a_lie_never_costs_more_than_was_held(usage: object) -> None:
    async with place() as node:
        caller = node.call(Script(usage=usage))
        caller.say(MANUAL, RESPOND)
        await caller.until("response.done")
        (charge,) = node.charges
        assert 0 < charge <= FIRST * 2
        assert node.books.posted >= 0
        caller.leave()
        await caller.end()


async def test_silence_on_both_sides_ends_it() -> None:
    async with place(bounds=SessionLimits(idle_s=0.1, look_s=0.02)) as node:
        caller = node.call(Script())
        await caller.end()
        assert caller.closed == (4408, "session_expired")
        assert node.charges == []


async def test_it_does_not_last_for_ever() -> None:
    async with place(bounds=SessionLimits(total_s=0.3, look_s=0.02)) as node:
        caller = node.call(Script(stops="wait"))
        caller.say(MANUAL, RESPOND)
        await caller.end()
        assert caller.closed == (4408, "session_expired")
        assert node.charges == [USUAL], "what was under way was cancelled and heard out"


async def test_a_session_that_is_cancelled_leaves_no_hold() -> None:
    async with place() as node:
        caller = node.call(Script(stops="wait"))
        caller.say(MANUAL, RESPOND)
        await caller.until("response.output_audio.delta")
        caller.task.cancel()
        await asyncio.wait({caller.task})
        assert len(node.charges) == 1


async def test_what_concerns_the_node_s_account_stays_here() -> None:
    async with place() as node:
        caller = node.call(
            Script(), headers=[("Cookie", "planted"), ("OpenAI-Beta", "realtime=v1")]
        )
        caller.say(MANUAL, RESPOND)
        await caller.until("response.done")
        caller.leave()
        await caller.end()
        assert "planted" not in str(caller.messages)
        asked = node.upstream.exchanges[0].request
        assert asked.path == "/v1/realtime?model=talks"
        assert asked.header("authorization") == f"Bearer {UPSTREAM_KEY}"
        assert asked.header("openai-beta") == "realtime=v1"
        assert "planted" not in str(asked.headers)
        assert KEY not in str(asked.headers)


async def test_a_provider_s_endless_response_is_ended() -> None:
    async with place(limits=replace(LIMITS, answer_bytes=4_000)) as node:
        caller = node.call(Script(stops="wait"))
        caller.say(MANUAL, RESPOND)
        await caller.end()
        assert caller.closed == (4502, "upstream_request_failed")
        assert len(node.charges) == 1
