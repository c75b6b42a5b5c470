"""S9: what goes over a limit is told so, the connection ends, and nothing is held or kept."""

import asyncio
import json
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio

from tests.security.wire import BODY, Served, chunked, head, serving, whole
from tests.unit.proxy.harness import HELLO

pytestmark = pytest.mark.asyncio(loop_scope="module")

HEADER_BYTES = 16 * 1024
DEEP = b"[" * 50_000 + b"]" * 50_000
DIGITS = b"9" * 5_000


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def served() -> AsyncIterator[Served]:
    async with serving(header_bytes=HEADER_BYTES) as served:
        yield served


async def pour(served: Served, start: bytes, more: bytes) -> tuple[bytes, int]:
    """Send on and on until the node hangs up: what it said, and how much it was sent."""
    wire = await served.connect()
    said = asyncio.create_task(wire.rest())
    sent = 0
    wire.writer.write(start)
    try:
        while not said.done() and sent < 100 * HEADER_BYTES:
            wire.writer.write(more)
            sent += len(more)
            await wire.writer.drain()
            await asyncio.sleep(0)
    except ConnectionError:
        pass
    answer = await said
    wire.writer.close()
    return answer, sent


ENDLESS = {
    "one field": (head()[:-2] + b"X: ", b"y" * 1_000),
    "fields": (head()[:-2], b"x: y\r\n" * 150),
    "a path": (b"GET /", b"y" * 1_000),
    "empty lines": (b"", b"\r\n" * 500),
    "what stands behind the body": (
        head("Transfer-Encoding: chunked") + chunked(BODY)[:-2], b"x: y\r\n" * 150,
    ),
    "an extension of a chunk": (head("Transfer-Encoding: chunked") + b"5;", b"y" * 1_000),
}  # fmt: skip


@pytest.mark.parametrize(("start", "more"), ENDLESS.values(), ids=ENDLESS)
async def test_s09_nothing_of_a_head_may_be_endless(
    served: Served, start: bytes, more: bytes
) -> None:
    paid = served.paid
    answer, sent = await pour(served, start, more)
    assert answer.startswith(b"HTTP/1.1 431 ") or answer == b"", "the end may come before it"
    assert sent < 100 * HEADER_BYTES, "the node went on listening"
    assert served.paid == paid
    assert served.node.books.held == 0


def _bodies() -> Iterator[tuple[str, bytes, int]]:
    chat = {"model": "good", "messages": HELLO}
    text = json.dumps(chat).encode()[:-1]
    yield "nested deeply", text + b', "x": ' + DEEP[:20_000] + DEEP[-20_000:] + b"}", 400
    yield "a number of many digits", text + b', "seed": ' + DIGITS + b"}", 400
    yield "a limit of many digits", text + b', "max_tokens": ' + DIGITS + b"}", 400
    yield "a power of ten", text + b', "max_tokens": 1e400}', 400
    yield "a body too large", text + b', "x": "' + b"y" * 64 * 1024 + b'"}', 413


@pytest.mark.parametrize(
    ("body", "status"), [pytest.param(body, status, id=name) for name, body, status in _bodies()]
)
async def test_s09_a_body_over_a_limit_is_refused_before_anything_is_held(
    served: Served, body: bytes, status: int
) -> None:
    paid = served.paid
    answer = await served.tell(whole(body, "Connection: close"))
    assert answer.startswith(b"HTTP/1.1 %d " % status)
    assert b'"type":"invalid_request_error"' in answer
    assert served.paid == paid
    assert served.node.books.held == 0


async def test_s09_of_too_many_connections_those_that_ask_for_nothing_go() -> None:
    async with serving(connections_max=20) as served:
        idle = [await served.connect() for _ in range(40)]
        answer = await served.tell(whole(BODY, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        assert served.connected <= 20
        for wire in idle:
            wire.writer.close()
