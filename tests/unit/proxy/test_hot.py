import asyncio
import gc
import logging
from typing import Any

import pytest

from devkit.upstream import Shape, chat
from routstr.core.middleware import RequestLimits
from routstr.core.request_id import REQUEST_ID
from routstr.proxy.dialects.choices import CHAT
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import HotRoutes
from routstr.proxy.wire import Credentials
from tests.unit.core.asgi import Answer, http_scope
from tests.unit.proxy.harness import HELLO, KEY, Call, not_hot, running
from tests.unit.upstream.waiting import until

GOOD = {"model": "good", "messages": HELLO}


@pytest.mark.parametrize(
    "path",
    ["/v1/chat/completions", "/v1/chat/completions/", "/chat/completions", "/chat/completions/"],
)
async def test_a_hot_route_answers_under_all_its_names(path: str) -> None:
    async with running() as node:
        assert (await node.ask(GOOD, path=path)).status == 200
        assert node.line.endpoint == CHAT.endpoint


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/chat/completions"),
        ("DELETE", "/v1/chat/completions"),
        ("OPTIONS", "/v1/chat/completions"),
        ("POST", "/v1/chat/completions/more"),
        ("POST", "/v1/models"),
        ("GET", "/"),
    ],
)
async def test_everything_else_is_the_applications(method: str, path: str) -> None:
    async with running() as node:
        answered = await node.ask(GOOD, method=method, path=path)
        assert answered.body == b"the application"
        assert node.lines.records == []


async def test_what_is_not_http_is_the_applications() -> None:
    seen: list[str] = []

    async def application(scope: Any, _receive: Any, _send: Any) -> None:
        seen.append(scope["type"])

    async with running() as node:
        app = HotRoutes(application, {}, node.around)
        for kind in ("lifespan", "websocket"):
            scope = {"type": kind, "path": CHAT.endpoint}
            await app(scope, None, None)  # type: ignore[arg-type]
        assert seen == ["lifespan", "websocket"]


# CORS


async def test_a_browser_may_ask_first() -> None:
    async with running() as node:
        answered = await node.ask(
            method="OPTIONS",
            headers=[
                ("Origin", "https://chat.example"),
                ("Access-Control-Request-Method", "POST"),
                ("Access-Control-Request-Headers", "authorization,content-type"),
            ],
        )
        assert answered.status == 204
        assert answered.header("access-control-allow-origin") == "*"
        assert answered.header("access-control-allow-headers") == "authorization,content-type"
        assert answered.header("x-routstr-request-id") == node.line.request_id
        assert node.line.method == "OPTIONS"


@pytest.mark.parametrize("stream", [True, False])
@pytest.mark.parametrize("model", ["good", "unknown", "refuse-500"])
async def test_every_answer_may_be_read_by_a_browser(model: str, *, stream: bool) -> None:
    async with running() as node:
        answered = await node.chat(model, stream=stream)
        assert answered.header("access-control-allow-origin") == "*"
        exposed = answered.header("access-control-expose-headers") or ""
        assert "x-routstr-cost-msats" in exposed
        assert "x-routstr-request-id" in exposed


@pytest.mark.parametrize(
    ("origin", "allowed"), [("https://good.example", True), ("https://evil.example", False)]
)
async def test_named_origins_only(origin: str, *, allowed: bool) -> None:
    async with running(origins=["https://good.example"]) as node:
        answered = await node.ask(GOOD, headers=[("Origin", origin)])
        expected = origin if allowed else None
        assert answered.header("access-control-allow-origin") == expected
        assert "Origin" in (answered.header("vary") or "")


# limits


async def test_large_headers_are_refused_and_the_connection_is_closed() -> None:
    async with running() as node:
        for headers in ([("X-Large", "x" * 20_000)], [(f"X-{n}", "1") for n in range(60)]):
            answered = await node.ask(GOOD, headers=headers)
            assert answered.status == 431
            assert answered.header("connection") == "close"
            assert answered.json()["error"]["code"] == "headers_too_large"
        assert node.upstream.requests == []


@pytest.mark.parametrize("announced", [True, False])
async def test_a_large_body_is_refused_and_the_connection_is_closed(*, announced: bool) -> None:
    async with running(request_limits=RequestLimits(1_000, 10_000, 50)) as node:
        headers = [("Content-Length", "5000")] if announced else []
        chunks = [b"x" * 500] * 10
        answered = await node.ask(headers=headers, chunks=chunks)
        assert answered.status == 413
        assert answered.header("connection") == "close"
        assert answered.json()["error"]["code"] == "request_too_large"
        assert node.books.holds == {}


async def test_a_packed_body_is_refused() -> None:
    async with running() as node:
        answered = await node.ask(raw=b"\x1f\x8b", headers=[("Content-Encoding", "gzip")])
        assert answered.status == 415
        assert answered.header("connection") == "close"


async def test_a_body_in_pieces_is_one_request() -> None:
    raw = b'{"model":"good","messages":[]}'
    async with running() as node:
        answered = await node.ask(chunks=[raw[:5], b"", raw[5:]])
        assert answered.status == 200
        assert answered.header("connection") is None


async def test_a_client_that_leaves_inside_its_request_leaves_nothing_behind() -> None:
    async with running() as node:
        call = Call(node.app, chunks=[b'{"model":'], ends=False)
        task = call.start()
        await asyncio.sleep(0.01)
        call.left.set()
        await task
        assert call.answer.messages == []
        assert node.line.status == 499
        assert node.books.holds == {}
        assert node.app.active == 0


# headers to the provider


async def test_the_clients_identity_stays_here() -> None:
    private = {
        "Cookie": "planted",
        "X-Forwarded-For": "planted",
        "X-Real-IP": "planted",
        "X-Api-Key": "planted",
        "User-Agent": "planted",
        "Proxy-Authorization": "planted",
        "TE": "planted",
        "Connection": "planted",
    }
    async with running() as node:
        await node.ask(GOOD, headers=[*private.items(), ("X-Title", "Chat"), ("planted", "1")])
        (request,) = node.upstream.requests
        shown = repr(request.headers)
        assert "planted" not in shown
        assert KEY not in shown
        assert request.header("X-Title") == "Chat"
        assert request.header("Accept-Encoding") == "identity"
        names = [name.lower() for name, _ in request.headers]
        assert len(names) == len(set(names)), "a header was sent twice"


async def test_forward_headers_pass() -> None:
    async with running(forward=["X-Trace"]) as node:
        await node.ask(GOOD, headers=[("X-Trace", "t-1"), ("X-Other", "o")])
        assert node.upstream.requests[0].header("X-Trace") == "t-1"
        assert node.upstream.requests[0].header("X-Other") is None


# the node's own side


async def test_one_line_tells_the_whole_request() -> None:
    async with running() as node:
        answered = await node.chat(stream=True)
        line = node.line
        assert line.request_id == answered.header("x-routstr-request-id")
        assert (line.endpoint, line.method, line.status) == (CHAT.endpoint, "POST", 200)
        assert (line.key_id, line.model) == ("key-1", "good")
        assert (line.input_tokens, line.output_tokens, line.cost_msat) == (12, 6, 31)
        assert line.response_bytes == len(answered.body)
        assert line.duration_ms > 0
        assert line.error is None


async def test_request_ids_are_the_nodes_own_and_new() -> None:
    async with running() as node:
        for _ in range(2):
            await node.ask(GOOD, headers=[("x-routstr-request-id", "mine")])
        first, second = (record.request_id for record in node.lines.records)
        assert first != second
        assert "mine" not in {first, second}


async def test_log_lines_inside_a_request_carry_its_id() -> None:
    seen: list[str | None] = []

    async def serve(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> None:
        seen.append(REQUEST_ID.get())

    async with running() as node:
        node.app = HotRoutes(not_hot, {CHAT.endpoint: serve}, node.around)
        await node.ask(GOOD)
        assert seen == [node.line.request_id]
        assert REQUEST_ID.get() is None


async def test_what_nobody_foresaw_is_logged_and_not_shown(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def serve(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> None:
        raise LookupError("planted")

    async with running() as node:
        node.app = HotRoutes(not_hot, {CHAT.endpoint: serve}, node.around)
        with caplog.at_level(logging.ERROR):
            answered = await node.ask(GOOD)
        assert answered.status == 500
        assert answered.json()["error"]["code"] == "internal_error"
        assert b"planted" not in answered.body
        (record,) = caplog.records
        assert record.exc_info is not None
        assert node.line.error == "internal_error"


async def test_a_draining_node_finishes_what_runs_and_takes_nothing_new() -> None:
    async with running() as node:
        gate = asyncio.Event()
        node.upstream.next(chat(shape=Shape(gate_after=2, gate=gate)))
        call = Call(node.app, {**GOOD, "stream": True})
        task = call.start()
        await call.until(b'"This"')
        node.app.drain()
        assert node.app.active == 1
        refused = await node.chat()
        assert refused.status == 503
        assert refused.json()["error"]["code"] == "shutting_down"
        assert refused.header("retry-after") == "5"
        assert refused.header("connection") == "close"
        gate.set()
        await task
        assert call.answer.body.endswith(b"data: [DONE]\n\n")
        assert node.app.active == 0
        assert node.books.charged == {1: 31}


async def test_requests_under_way_are_counted_however_they_end() -> None:
    async with running() as node:
        gate = asyncio.Event()
        node.upstream.next(*[chat(shape=Shape(gate=gate))] * 3)
        calls = [Call(node.app, GOOD) for _ in range(3)]
        tasks = [call.start() for call in calls]
        await until(lambda: len(node.upstream.exchanges) == 3)
        assert node.app.active == 3
        tasks[0].cancel()
        gate.set()
        await asyncio.wait(tasks)
        assert node.app.active == 0
        assert len(node.lines.records) == 3


async def test_a_scope_is_not_changed() -> None:
    async with running() as node:
        scope = http_scope("POST", CHAT.endpoint, [("Authorization", f"Bearer {KEY}")])
        before = repr(scope)
        answer = Answer()

        async def receive() -> Any:
            await asyncio.sleep(0)
            return {"type": "http.request", "body": b'{"model":"good"}', "more_body": False}

        async def send(message: Any) -> None:
            answer.messages.append(message)

        await node.app(scope, receive, send)
        assert answer.status == 200
        assert repr(scope) == before


@pytest.mark.parametrize("stream", [True, False])
async def test_requests_leave_no_work_for_the_garbage_collector(*, stream: bool) -> None:
    async with running() as node:
        for _ in range(3):
            await node.chat(stream=stream)
        await asyncio.sleep(0)
        gc.collect()
        gc.disable()
        try:
            call = Call(node.app, {**GOOD, "stream": stream})
            await call.run()
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            left = [type(thing) for thing in gc.garbage]
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert [kind for kind in left if kind.__module__.startswith("routstr")] == []
