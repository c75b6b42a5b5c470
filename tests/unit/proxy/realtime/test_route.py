"""Who gets a conversation: refusals are HTTP answers, told before anything is held."""

from collections.abc import Iterable
from typing import Any

import pytest

from devkit.upstream import answer, refuse, silent
from devkit.upstream.realtime import Script
from routstr.proxy.exchange import Exchange
from routstr.proxy.realtime.endpoint import SESSIONS_PER_KEY_MAX
from routstr.proxy.wire import Credentials
from tests.unit.proxy.harness import KEY, TOKEN, Books
from tests.unit.proxy.realtime.conversing import MANUAL, RESPOND, USUAL, place

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


@pytest.mark.parametrize(
    ("origins", "origin", "allowed"),
    [
        (["*"], "https://anywhere.example", True),
        (["https://good.example"], "https://good.example", True),
        (["https://good.example"], "https://evil.example", False),
        (["https://good.example"], None, True),
    ],
)
async def test_s22_pages_of_other_origins_get_no_connection(
    origins: Iterable[str], origin: str | None, *, allowed: bool
) -> None:
    async with place(origins=origins) as node:
        headers = [("Origin", origin)] if origin else []
        caller = node.call(Script(), headers=headers)
        if allowed:
            await caller.until("session.created")
            caller.leave()
        await caller.end()
        if not allowed:
            assert caller.refusal == (403, CODE, "forbidden_origin")
            assert node.books.holds == {}


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


async def test_a_browser_s_key_comes_as_a_subprotocol_and_goes_nowhere() -> None:
    async with place() as node:
        offered = ["realtime", f"openai-insecure-api-key.{KEY}", "openai-beta.realtime-v1"]
        caller = node.call(Script(), key=None, protocols=offered)
        caller.say(MANUAL, RESPOND)
        await caller.until("response.done")
        caller.leave()
        await caller.end()
        assert caller.messages[0]["subprotocol"] == "realtime"
        headers = dict(caller.messages[0]["headers"])
        assert b"x-routstr-request-id" in headers
        asked = node.upstream.exchanges[0].request
        assert KEY not in str(asked)
        assert asked.header("openai-beta") == "realtime=v1"
        assert asked.header("sec-websocket-protocol") is None
        assert node.charges == [USUAL]


async def test_a_client_that_offers_nothing_gets_no_subprotocol() -> None:
    async with place() as node:
        caller = node.call(Script())
        await caller.until("session.created")
        assert caller.messages[0]["subprotocol"] is None
        caller.leave()
        await caller.end()


@pytest.mark.parametrize(
    ("play", "status", "code"),
    [
        (refuse(401), 502, "upstream_request_failed"),
        (refuse(404), 404, "upstream_rejected"),
        (refuse(429), 429, "UPSTREAM_RATE_LIMIT"),
        (refuse(500), 500, "upstream_rejected"),
        (silent(), 504, "upstream_timeout"),
    ],
)
async def test_a_provider_that_refuses_costs_nothing(play: Any, status: int, code: str) -> None:
    async with place() as node:
        node.upstream.next(play)
        caller = node.call()
        await caller.end()
        assert (caller.refusal[0], caller.refusal[2]) == (status, code)
        assert node.charges == []


async def test_a_redirect_is_not_followed() -> None:
    async with place() as node:
        node.upstream.next(answer(302, b"", {"Location": f"{node.upstream.base_url}/elsewhere"}))
        caller = node.call()
        await caller.end()
        assert caller.refusal[0] == 502
        assert len(node.upstream.exchanges) + len(node.upstream.questions) == 1


async def test_a_draining_node_takes_no_conversation() -> None:
    async with place() as node:
        node.draining = True
        caller = node.call()
        await caller.end()
        assert caller.refusal == (503, "service_unavailable", "shutting_down")


async def test_other_paths_and_requests_are_the_application_s() -> None:
    async with place() as node:
        caller = node.call(path="/v1/elsewhere")
        await caller.end()
        assert caller.messages[-1]["body"] == b"the application"
        assert node.lines.records == []


async def test_what_nobody_foresaw_is_told_to_nobody(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> None:
        raise LookupError("planted")

    async with place(serve=serve) as node:
        caller = node.call()
        await caller.end()
        assert caller.refusal == (500, "api_error", "internal_error")
        assert "planted" not in str(caller.messages)
        assert len(caplog.records) == 1
