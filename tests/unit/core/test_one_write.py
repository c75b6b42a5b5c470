import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from routstr.core.one_write import ARRIVED, WHOLE, OneWriteProtocol

Serve = Callable[[Scope, Receive, Send], Awaitable[None]]
ASK = b"POST /a%20b?c=d HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
DATE = (b"date", b"today")


class Line(asyncio.Transport):
    """Keeps what is written, and whether it was closed."""

    def __init__(self) -> None:
        super().__init__()
        self.written: list[bytes] = []
        self.closed = False
        self.reading = True

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written.append(bytes(data))

    def is_closing(self) -> bool:
        return self.closed

    def close(self) -> None:
        self.closed = True

    def pause_reading(self) -> None:
        self.reading = False

    def resume_reading(self) -> None:
        self.reading = True


class Client:
    """One connection to an application."""

    def __init__(self, serve: Serve, *, keep_alive_s: float = 5) -> None:
        self.line = Line()
        config = uvicorn.Config(serve, log_config=None, timeout_keep_alive=keep_alive_s)  # type: ignore[arg-type]
        config.load()
        config.loaded_app = serve
        self.state = ServerState()
        self.state.default_headers = [DATE]
        self.protocol = OneWriteProtocol(config, self.state, {})
        self.protocol.connection_made(self.line)

    async def send(self, data: bytes = ASK) -> list[bytes]:
        """Ask, and tell what was written until nothing happens any more."""
        self.line.written.clear()
        self.protocol.data_received(data)
        for _ in range(10):
            await asyncio.sleep(0)
        return [*self.line.written]


@asynccontextmanager
async def connected(serve: Serve, *, keep_alive_s: float = 5) -> AsyncIterator[Client]:
    client = Client(serve, keep_alive_s=keep_alive_s)
    try:
        yield client
    finally:
        client.protocol.connection_lost(None)
        await asyncio.gather(*client.state.tasks, return_exceptions=True)


def start(*headers: tuple[bytes, bytes], status: int = 200) -> Message:
    return {"type": "http.response.start", "status": status, "headers": headers}


def body(data: bytes, *, more: bool = False) -> Message:
    return {"type": "http.response.body", "body": data, "more_body": more}


def answering(*messages: Message) -> Serve:
    async def serve(_scope: Scope, _receive: Receive, send: Send) -> None:
        for message in messages:
            await send(message)

    return serve


LENGTH = (b"Content-Length", b"5")


async def test_a_head_goes_with_the_first_bytes_after_it() -> None:
    serve = answering(start(LENGTH, (b"X-A", b"1")), body(b"hel", more=True), body(b"lo"))
    async with connected(serve) as client:
        head = b"HTTP/1.1 200 OK\r\ndate: today\r\ncontent-length: 5\r\nx-a: 1\r\n\r\n"
        assert await client.send() == [head + b"hel", b"lo"]


async def test_pieces_of_unknown_length_are_chunks() -> None:
    serve = answering(start(), body(b"one", more=True), body(b"", more=True), body(b"0123456789"))
    async with connected(serve) as client:
        first, last = await client.send()
        assert first.endswith(b"transfer-encoding: chunked\r\n\r\n3\r\none\r\n")
        assert last == b"a\r\n0123456789\r\n0\r\n\r\n"


async def test_a_head_that_nothing_follows_waits_for_no_more_than_one_turn() -> None:
    go = asyncio.Event()

    async def serve(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(LENGTH))
        await go.wait()
        await send(body(b"later"))

    async with connected(serve) as client:
        [head] = await client.send()
        assert head.endswith(b"\r\n\r\n")
        go.set()
        for _ in range(3):
            await asyncio.sleep(0)
        assert client.line.written == [head, b"later"]


async def test_an_empty_body_lets_its_head_go() -> None:
    async with connected(answering(start((b"content-length", b"0")), body(b""))) as client:
        [written] = await client.send()
        assert written.endswith(b"content-length: 0\r\n\r\n")


@pytest.mark.parametrize(("method", "status"), [(b"HEAD", 200), (b"POST", 204), (b"POST", 304)])
async def test_an_answer_without_a_body_has_none(method: bytes, status: int) -> None:
    async with connected(answering(start(status=status), body(b""))) as client:
        [written] = await client.send(ASK.replace(b"POST", method))
        assert written.endswith(b"date: today\r\n\r\n")


async def test_requests_sent_at_once_are_answered_in_their_order() -> None:
    async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
        await asyncio.sleep(0)
        await send(start((b"content-length", b"1")))
        await send(body(scope["query_string"]))

    async with connected(serve) as client:
        asked = b"".join(ASK.replace(b"c=d", b"%d" % number) for number in (1, 2, 3))
        assert [one[-1:] for one in await client.send(asked)] == [b"1", b"2", b"3"]
        assert (client.line.reading, client.state.total_requests) == (True, 3)


async def test_an_answer_that_is_left_alone_before_anything_was_sent_is_a_500(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async with connected(answering(start(LENGTH))) as client:
        [written] = await client.send()
        assert written.startswith(b"HTTP/1.1 500 ")
        assert (written.count(b"HTTP/1.1"), client.line.closed) == (1, True)
    assert "without starting" in caplog.text


async def test_closing_loses_no_head(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send(start(LENGTH))
        await asyncio.sleep(0)
        await asyncio.sleep(0)

    async with connected(serve) as client:
        [head] = await client.send()
        assert (head.endswith(b"content-length: 5\r\n\r\n"), client.line.closed) == (True, True)
    assert "without completing" in caplog.text


@pytest.mark.parametrize(
    "messages", [(body(b"x"),), (start(), start(), body(b"")), ({"type": "http.response.odd"},)]
)
async def test_what_an_application_may_not_send_is_no_answer(
    messages: tuple[Message, ...], caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(answering(*messages)) as client:
        [written] = await client.send()
        assert (written[:13], written.count(b"HTTP/1.1")) == (b"HTTP/1.1 500 ", 1)
    assert "Exception in ASGI" in caplog.text


async def test_who_has_gone_is_written_nothing_more() -> None:
    go = asyncio.Event()

    async def serve(_scope: Scope, receive: Receive, send: Send) -> None:
        await receive()
        await send(start(LENGTH))
        await go.wait()
        await send(body(b"hello"))

    client = Client(serve)
    client.protocol.data_received(ASK)
    await asyncio.sleep(0)
    client.protocol.connection_lost(ConnectionResetError())
    go.set()
    await asyncio.gather(*client.state.tasks)
    assert client.line.written == []


@pytest.mark.parametrize(
    "headers",
    [
        [(b"x", b"1\r\nset-cookie: y")],
        [(b"x", b"1\n")],
        [(b"x", b"\x00")],
        [(b"x y", b"1")],
        [(b"x:", b"1")],
        [(b"", b"1")],
    ],
)
async def test_what_would_be_read_as_another_head_is_not_sent(
    headers: list[tuple[bytes, bytes]], caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(answering(start(*headers), body(b"hello"))) as client:
        written = b"".join(await client.send())
        assert written == b"" or written.startswith(b"HTTP/1.1 500 ")
        assert b"set-cookie" not in written
        assert client.line.closed
    assert "Invalid HTTP header" in caplog.text


@pytest.mark.parametrize("data", [b"hell", b"hello!"])
async def test_a_body_is_as_long_as_it_was_said(
    data: bytes, caplog: pytest.LogCaptureFixture
) -> None:
    async with connected(answering(start(LENGTH), body(data))) as client:
        await client.send()
        assert client.line.closed
    assert "Content-Length" in caplog.text


async def test_a_failure_before_the_answer_is_a_500(caplog: pytest.LogCaptureFixture) -> None:
    async def serve(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise ValueError("no")

    async with connected(serve) as client:
        [written] = await client.send()
        assert written.startswith(b"HTTP/1.1 500 ")
        assert client.line.closed
    assert "Exception in ASGI" in caplog.text


async def test_a_client_is_told_when_its_connection_ends() -> None:
    serve = answering(start((b"content-length", b"0")), body(b""))
    async with connected(serve) as client:
        [written] = await client.send(ASK.replace(b"Host", b"Connection: close\r\nHost"))
        assert (b"\r\nconnection: close\r\n" in written, client.line.closed) == (True, True)


async def test_a_server_may_end_the_connection() -> None:
    serve = answering(start((b"content-length", b"0"), (b"connection", b"close")), body(b""))
    async with connected(serve) as client:
        [written] = await client.send()
        assert (written.count(b"connection: close"), client.line.closed) == (1, True)


async def test_paths_are_told_as_sent_and_as_meant() -> None:
    seen: list[tuple[str, bytes, bytes]] = []

    async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
        seen.append((scope["path"], scope["raw_path"], scope["query_string"]))
        await send(start((b"content-length", b"0")))
        await send(body(b""))

    long = b"/" + b"x" * 3_000
    async with connected(serve) as client:
        await client.send()
        await client.send(ASK.replace(b"/a%20b?c=d", long))
    assert seen == [("/a b", b"/a%20b", b"c=d"), (long.decode(), long, b"")]


async def test_a_silent_connection_is_closed_and_one_that_is_used_is_not() -> None:
    serve = answering(start((b"content-length", b"0")), body(b""))
    async with connected(serve, keep_alive_s=0.05) as client:
        await client.send()
        await asyncio.sleep(0.03)
        await client.send()
        await asyncio.sleep(0.03)
        used = client.line.closed
        for _ in range(50):
            await asyncio.sleep(0.02)
            if client.line.closed:
                break
        assert (used, client.line.closed) == (False, True)


async def test_a_connection_that_waits_for_an_answer_is_not_silent() -> None:
    go = asyncio.Event()

    async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
        if scope["query_string"] == b"wait":
            await go.wait()
        await send(start((b"content-length", b"0")))
        await send(body(b""))

    async with connected(serve, keep_alive_s=0.02) as client:
        await client.send()
        await client.send(ASK.replace(b"c=d", b"wait"))
        await asyncio.sleep(0.05)
        assert not client.line.closed
        go.set()


async def test_a_body_that_is_there_is_given_at_once_and_then_a_departure_is_waited_for() -> None:
    seen: list[object] = []

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope.pop(ARRIVED)())
        gone = asyncio.ensure_future(receive())
        await asyncio.sleep(0)
        seen.append(gone.done())
        await send(start((b"content-length", b"0")))
        await send(body(b""))
        seen.append((await gone)["type"])

    async with connected(serve) as client:
        [written] = await client.send(ASK.replace(b"Host", b"Expect: 100-continue\r\nHost"))
    assert seen == [b"hi", False, "http.disconnect"]
    assert written.startswith(b"HTTP/1.1 200 ")


async def test_a_body_of_which_something_is_missing_is_not_there() -> None:
    seen: list[object] = []

    async def serve(scope: Scope, receive: Receive, send: Send) -> None:
        seen.append(scope[ARRIVED]())
        pieces = [await receive(), await receive()]
        seen.append([(piece["body"], piece["more_body"]) for piece in pieces])
        await send(start((b"content-length", b"0")))
        await send(body(b""))

    async with connected(serve) as client:
        await client.send(ASK[:-1])
        await client.send(b"i")
    assert seen == [None, [(b"h", True), (b"i", False)]]


async def test_a_whole_answer_is_what_its_messages_would_be() -> None:
    told: list[bool] = []

    async def serve(scope: Scope, _receive: Receive, _send: Send) -> None:
        told.append(scope[WHOLE](200, [LENGTH, (b"X-Y", b"1")], b"hello"))
        told.append(scope.get(WHOLE) is None)

    async with connected(serve) as client:
        at_once = [await client.send() for _ in range(2)]
    async with connected(answering(start(LENGTH, (b"X-Y", b"1")), body(b"hello"))) as client:
        in_messages = [await client.send() for _ in range(2)]
    assert at_once == in_messages
    assert told == [True, True] * 2


async def test_a_whole_answer_that_would_be_read_as_more_than_one_is_a_500() -> None:
    async def serve(scope: Scope, _receive: Receive, _send: Send) -> None:
        scope[WHOLE](200, [LENGTH, (b"x", b"1\r\nset-cookie: y")], b"hello")

    async with connected(serve) as client:
        [written] = await client.send()
    assert written.startswith(b"HTTP/1.1 500 ")


async def test_a_whole_answer_is_not_sent_where_it_would_wait_or_another_has_begun() -> None:
    told: list[bool] = []

    async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
        whole = scope[WHOLE]
        client.protocol.pause_writing()
        told.append(whole(200, [LENGTH], b"hello"))
        client.protocol.resume_writing()
        await send(start(LENGTH))
        told.append(whole(200, [LENGTH], b"other"))
        await send(body(b"hello"))
        client.protocol.connection_lost(None)
        told.append(whole(200, [LENGTH], b"other"))

    client = Client(serve)
    [written] = await client.send()
    assert written.endswith(b"\r\n\r\nhello")
    assert told == [False, False, False]
