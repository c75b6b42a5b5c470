"""Who gets a conversation about what: refusals are HTTP answers, before anything is held."""

from typing import Any

import pytest

from devkit.upstream.realtime import Script
from routstr.core.clock import ManualClock
from routstr.proxy.realtime.endpoint import SESSIONS_PER_KEY_MAX
from tests.unit.proxy.harness import KEY, TOKEN, Books
from tests.unit.proxy.limits.gating import gate_of, limits
from tests.unit.proxy.realtime.conversing import MANUAL, RESPOND, place

CODE = "invalid_request_error"


@pytest.mark.parametrize(
    ("asked", "refusal"),
    [
        ({"query": ""}, (400, CODE, "invalid_parameter")),
        ({"query": "model="}, (400, CODE, "invalid_parameter")),
        ({"query": "model=a&model=b"}, (400, CODE, "invalid_parameter")),
        ({"query": "model=talks&call_id=x"}, (400, CODE, "invalid_parameter")),
        ({"query": "intent=transcription"}, (400, CODE, "invalid_parameter")),
        ({"query": "model=nobody"}, (400, "invalid_model", "model_not_found")),
        ({"query": "model=words"}, (400, CODE, "no_price")),
        ({"key": None}, (401, CODE, "missing_api_key")),
        ({"key": "sk-unknown"}, (401, CODE, "invalid_api_key")),
        ({"key": None, "headers": [("X-Cashu", TOKEN)]}, (400, CODE, "invalid_request")),
        ({"headers": [("X-Max-Cost-Msat", "1")]}, (400, CODE, "max_cost_exceeded")),
        ({"headers": [("X-Filler", "x" * 20_000)]}, (431, CODE, "headers_too_large")),
        ({"protocols": [f"openai-insecure-api-key.{KEY}"]}, (400, CODE, "invalid_request")),
    ],
)
async def test_what_is_refused(asked: dict[str, Any], refusal: tuple[int, str, str]) -> None:
    async with place() as node:
        caller = node.call(**asked)
        await caller.end()
        assert caller.refusal == refusal
        assert node.books.holds == {}
        assert node.upstream.exchanges == []
        (line,) = node.lines.records
        assert (line.status, line.error) == (refusal[0], refusal[2])


async def test_s22_the_connections_of_one_key_are_bounded() -> None:
    async with place(books=Books(posted=10**9)) as node:
        callers = [node.call(Script()) for _ in range(SESSIONS_PER_KEY_MAX)]
        for caller in callers:
            await caller.until("session.created")
        more = node.call()
        await more.end()
        assert more.refusal == (429, "rate_limit_error", "concurrency_limit_exceeded")
        callers[0].leave()
        await callers[0].end()
        again = node.call(Script())
        await again.until("session.created")
        for caller in (*callers[1:], again):
            caller.leave()
            await caller.end()
        refused, *spoken = node.lines.records
        for line in spoken:
            assert line.first_byte_ms is not None
            assert 0 <= line.first_byte_ms <= line.duration_ms
        assert refused.status == 429


async def test_a_client_that_offers_nothing_gets_no_subprotocol() -> None:
    async with place() as node:
        caller = node.call(Script())
        await caller.until("session.created")
        assert caller.messages[0]["subprotocol"] is None
        caller.leave()
        await caller.end()


async def test_conversations_are_under_the_limits_of_payers() -> None:
    gate = gate_of(ManualClock(), limits("key", tokens=40, at_once=1), limits("address"))
    async with place(gate=gate) as node:
        caller = node.call(Script())
        caller.say(MANUAL, RESPOND)
        await caller.until("response.done")
        second = node.call()
        await second.end()
        assert second.refusal[2] == "concurrency_limit_exceeded"
        caller.say(RESPOND)
        await caller.until("response.done", 2)
        caller.leave()
        await caller.end()
        await gate.close()
        third = node.call()
        await third.end()
        assert third.refusal[2] == "rate_limit_exceeded", "72 tokens were used"
