"""Who gets a conversation: refusals are HTTP answers, told before anything is held."""

from collections.abc import Iterable

import pytest

from devkit.upstream.realtime import Script
from routstr.proxy.exchange import Exchange
from routstr.proxy.wire import Credentials
from tests.unit.proxy.harness import KEY
from tests.unit.proxy.realtime.conversing import MANUAL, RESPOND, USUAL, place

CODE = "invalid_request_error"


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
