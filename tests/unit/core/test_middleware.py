import asyncio
import io
import json
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from types import SimpleNamespace

import pytest
from fastapi import APIRouter, FastAPI, Request
from starlette.responses import StreamingResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routstr.core.access_log import AccessLog
from routstr.core.clock import ManualClock
from routstr.core.cors import Cors
from routstr.core.log_writer import Console, LogWriter
from routstr.core.middleware import ManagementShell, RequestLimits, route_pattern
from routstr.core.rendering import UNCAUGHT, install_error_handlers
from routstr.core.request_id import REQUEST_ID
from routstr.core.settings import Settings
from routstr.errors import HeadersTooLarge, NothingToRefund
from tests.unit.core.asgi import Answer, ask, http_scope

LIMITS = RequestLimits(body_bytes=100, header_bytes=400, header_count=5, body_seconds=5)


class AccessLines:
    """Where the access lines of a test go."""

    def __init__(self) -> None:
        self._stream = io.StringIO()
        self._writer = LogWriter(None, Console(self._stream, text=False))
        self.access = AccessLog(self._writer, ManualClock())

    def lines(self) -> list[dict[str, object]]:
        self._writer.start()
        assert self._writer.close()
        return [json.loads(line) for line in self._stream.getvalue().splitlines()]


@dataclass
class Node:
    app: ASGIApp
    log: AccessLines

    async def ask(self, method: str, path: str, **request: object) -> Answer:
        return await ask(self.app, method, path, **request)  # type: ignore[arg-type]


def shell(
    app: ASGIApp, *, origins: tuple[str, ...] = ("*",), limits: RequestLimits = LIMITS
) -> Node:
    log = AccessLines()
    clock = ManualClock()
    inner = ManagementShell(app, limits=limits, cors=Cors(origins), access=log.access, clock=clock)
    return Node(inner, log)


def management() -> FastAPI:
    app = FastAPI()
    install_error_handlers(app)
    router = APIRouter()

    @router.get("/invoice/{invoice_id}/status")
    async def invoice(invoice_id: str) -> dict[str, str | None]:
        return {"id": invoice_id, "request_id": REQUEST_ID.get()}

    @router.post("/echo")
    async def echo(request: Request) -> int:
        return len(await request.body())

    @router.post("/json")
    async def parse(body: dict[str, int]) -> int:
        return len(body)

    @router.get("/empty")
    async def empty() -> None:
        raise NothingToRefund(headers={"Retry-After": "3"})

    @router.get("/bug")
    async def bug() -> None:
        raise ZeroDivisionError("secret text of a bug")

    @router.get("/torn")
    async def torn() -> StreamingResponse:
        def pieces() -> Iterator[bytes]:
            yield b"first"
            raise ZeroDivisionError

        return StreamingResponse(pieces())

    app.include_router(router, prefix="/v1")
    return app


@pytest.fixture
def node() -> Node:
    return shell(management())


async def test_every_response_has_an_id_of_its_own_that_the_client_cannot_choose(
    node: Node,
) -> None:
    chosen = [("x-routstr-request-id", "mine")]
    ids = []
    for path in ("/v1/invoice/7/status", "/nowhere", "/v1/empty", "/v1/bug"):
        answer = await node.ask("GET", path, headers=chosen)
        ids.append(answer.header("x-routstr-request-id"))
        assert answer.json()["request_id"] == ids[-1]

    assert len(set(ids)) == 4
    assert all(uuid.UUID(text).version == 4 for text in ids if text)
    assert REQUEST_ID.get() is None
    assert [line["request_id"] for line in node.log.lines()] == ids


async def test_the_access_line_names_the_route_and_not_what_was_in_the_path(node: Node) -> None:
    answer = await node.ask("GET", "/v1/invoice/claim-secret/status")
    await node.ask("GET", "/v1/lightning/claim-secret")
    await node.ask("GET", "/v1/empty")
    known, unknown, empty = node.log.lines()

    assert known["endpoint"] == "/v1/invoice/{invoice_id}/status"
    assert (known["method"], known["status"]) == ("GET", 200)
    assert known["response_bytes"] == len(answer.body)
    assert "error" not in known
    assert (unknown["endpoint"], unknown["error"]) == ("(none)", "not_found")
    assert (empty["status"], empty["error"]) == (400, "no_balance")
    assert "claim-secret" not in json.dumps([known, unknown, empty])


async def test_duration_is_measured() -> None:
    clock = ManualClock()

    async def app(_scope: Scope, _receive: Receive, send: Send) -> None:
        clock.advance(seconds=1.5)
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await send({"type": "http.response.body", "body": b""})

    log = AccessLines()
    await ask(
        ManagementShell(app, limits=LIMITS, cors=Cors(["*"]), access=log.access, clock=clock),
        "GET",
        "/",
    )

    assert log.lines()[0]["duration_ms"] == 1_500


async def test_an_error_keeps_its_headers(node: Node) -> None:
    answer = await node.ask("GET", "/v1/empty")

    assert answer.status == 400
    assert answer.header("retry-after") == "3"
    assert answer.header("cache-control") == "no-store"


async def test_an_uncaught_exception_is_logged_once_and_answered_without_its_text(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await node.ask("GET", "/v1/bug")

    assert answer.raised is None
    assert answer.status == 500
    assert answer.json()["error"]["message"] == UNCAUGHT
    assert answer.json()["detail"]["error"] == answer.json()["error"]
    assert b"secret text" not in answer.body
    (record,) = caplog.records
    assert record.exc_info
    assert record.exc_info[0] is ZeroDivisionError
    assert node.log.lines()[0]["error"] == "internal_error"


async def test_an_application_without_handlers_is_answered_for(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ZeroDivisionError

    node = shell(app)
    answer = await node.ask("GET", "/")

    assert (answer.status, answer.raised) == (500, None)
    assert len(caplog.records) == 1
    assert node.log.lines()[0]["status"] == 500


async def test_a_response_torn_in_the_middle_is_left_torn(
    node: Node, caplog: pytest.LogCaptureFixture
) -> None:
    answer = await node.ask("GET", "/v1/torn")

    assert isinstance(answer.raised, ZeroDivisionError), "the server must close the connection"
    assert not answer.complete
    assert answer.body == b"first"
    assert len(caplog.records) == 1


async def test_a_cancelled_request_is_a_line_with_the_status_of_a_client_that_left() -> None:
    async def app(_scope: Scope, _receive: Receive, _send: Send) -> None:
        await asyncio.sleep(60)

    node = shell(app)
    task = asyncio.create_task(node.ask("GET", "/"))
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task

    assert node.log.lines()[0]["status"] == 499


@pytest.mark.parametrize(
    "headers",
    [
        [(f"x-{number}", "1") for number in range(6)],
        [("x-long", "1" * 400)],
        [("x" * 401, "")],
    ],
)
async def test_too_many_or_too_long_headers_are_refused(
    node: Node, headers: list[tuple[str, str]]
) -> None:
    answer = await node.ask("POST", "/v1/echo", headers=headers)

    assert answer.status == 431
    assert answer.json()["error"]["code"] == "headers_too_large"
    assert answer.header("connection") == "close"
    assert answer.header("access-control-allow-origin") == "*"


async def test_headers_at_the_limits_pass(node: Node) -> None:
    headers = [("a", "1" * 395), *[("b", "")] * 4]

    assert (await node.ask("POST", "/v1/echo", headers=headers)).status == 200


async def test_a_body_that_announces_too_much_is_refused_unread(node: Node) -> None:
    for length in ("101", "9" * 5_000):
        node = shell(management(), limits=RequestLimits(100, 10_000, 5))
        answer = await node.ask("POST", "/v1/echo", headers=[("content-length", length)])

        assert answer.status == 413
        assert answer.json()["error"]["code"] == "request_too_large"
        assert answer.header("connection") == "close"


@pytest.mark.parametrize("path", ["/v1/echo", "/v1/json"])
@pytest.mark.parametrize("chunks", [[b" " * 101], [b" " * 60, b" " * 60, b" " * 60]])
async def test_a_body_that_turns_out_too_large_is_refused(
    node: Node, path: str, chunks: list[bytes]
) -> None:
    headers = [("content-type", "application/json")]
    answer = await node.ask("POST", path, headers=headers, chunks=chunks)

    assert answer.status == 413
    assert answer.raised is None
    assert answer.complete
    assert node.log.lines()[0]["error"] == "request_too_large"


async def test_an_answer_begun_before_its_body_grew_too_large_is_left_torn() -> None:
    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        try:
            await receive()
        finally:
            await send({"type": "http.response.body", "body": b"never sent"})

    node = shell(app)
    answer = await node.ask("POST", "/", chunks=[b"x" * 101])

    assert [message["type"] for message in answer.messages] == ["http.response.start"]
    assert node.log.lines()[0]["status"] == 200


async def test_a_body_at_the_limit_passes(node: Node) -> None:
    answer = await node.ask("POST", "/v1/echo", chunks=[b"x" * 50, b"x" * 50])

    assert (answer.status, answer.json()) == (200, 100)


async def test_a_body_that_takes_too_long_is_refused() -> None:
    messages: list[Message] = []

    async def receive() -> Message:
        await asyncio.sleep(60)
        raise AssertionError

    async def send(message: Message) -> None:
        messages.append(message)

    node = shell(management(), limits=RequestLimits(100, 400, 5, body_seconds=0.01))
    await node.app(http_scope("POST", "/v1/echo"), receive, send)

    assert messages[0]["status"] == 408
    assert node.log.lines()[0]["error"] == "request_timeout"


async def test_waiting_for_the_client_to_leave_takes_as_long_as_it_takes() -> None:
    left = asyncio.Event()
    seen: list[Message] = []

    async def app(_scope: Scope, receive: Receive, send: Send) -> None:
        assert (await receive())["type"] == "http.request"
        await send({"type": "http.response.start", "status": 200, "headers": []})
        seen.append(await receive())

    incoming = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> Message:
        if message := next(incoming, None):
            return message
        await left.wait()
        return {"type": "http.disconnect"}

    async def send(message: Message) -> None: ...

    node = shell(app, limits=RequestLimits(100, 400, 5, body_seconds=0.01))
    task = asyncio.ensure_future(node.app(http_scope("GET", "/"), receive, send))
    await asyncio.sleep(0.03)
    assert not task.done()
    left.set()
    await task

    assert seen == [{"type": "http.disconnect"}]


async def test_a_browser_may_call_and_read_the_headers(node: Node) -> None:
    answer = await node.ask("GET", "/v1/empty", headers=[("origin", "https://app.example")])

    assert answer.header("access-control-allow-origin") == "*"
    assert "x-routstr-request-id" in (answer.header("access-control-expose-headers") or "")


async def test_a_preflight_is_answered_before_anything_else(node: Node) -> None:
    headers = [("origin", "https://app.example"), ("access-control-request-method", "POST")]
    answer = await node.ask("OPTIONS", "/v1/echo", headers=headers)

    assert (answer.status, answer.body) == (204, b"")
    assert answer.header("access-control-allow-origin") == "*"
    assert answer.header("x-routstr-request-id")


async def test_only_a_listed_origin_is_named() -> None:
    node = shell(management(), origins=("https://app.example",))
    allowed = await node.ask("GET", "/v1/empty", headers=[("origin", "https://app.example")])
    other = await node.ask("GET", "/v1/empty", headers=[("origin", "https://other.example")])

    assert allowed.header("access-control-allow-origin") == "https://app.example"
    assert other.header("access-control-allow-origin") is None
    assert allowed.header("vary") == other.header("vary") == "Origin"


async def test_what_is_not_http_passes_untouched() -> None:
    seen: list[str] = []

    async def app(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append(scope["type"])

    node = shell(app)
    await node.app({"type": "lifespan"}, None, None)  # type: ignore[arg-type]

    assert seen == ["lifespan"]
    assert node.log.lines() == []


def test_the_limits_are_the_operators() -> None:
    settings = Settings(request_body_bytes_max=2_000, header_bytes_max=3_000, header_count_max=7)

    assert RequestLimits.of(settings) == RequestLimits(2_000, 3_000, 7)


def test_limits_can_be_asked_without_a_shell() -> None:
    LIMITS.refuse_large_head([(b"content-length", b"100")])
    with pytest.raises(HeadersTooLarge, match="5 headers, 400 bytes"):
        LIMITS.refuse_large_head([(b"a", b"b")] * 6)


def test_a_pattern_needs_a_route() -> None:
    assert route_pattern({"path": "/secret"}) == "(none)"
    route = SimpleNamespace(path_format="/b/{id}")
    scope = {"path": "/a/b/9", "route": route, "path_params": {"id": 9}}
    assert route_pattern(scope) == "/a/b/{id}"


@pytest.mark.parametrize("value", ["a", "b", "/", "a/b", "9%"])
def test_a_pattern_is_the_same_whatever_the_client_writes(value: str) -> None:
    route = SimpleNamespace(path_format="/b/{id}")
    scope = {"path": f"/a/b/{value}", "route": route, "path_params": {"id": value}}
    assert route_pattern(scope) == "/a/b/{id}"
