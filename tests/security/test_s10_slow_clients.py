"""S10: clients that write or read slowly are let go of, and others are served meanwhile.

As ``slowhttptest`` does it: slow heads (-H), slow bodies (-B), slow reading (-X).
"""

import asyncio
import socket
from contextlib import suppress
from dataclasses import replace

import pytest

from devkit.upstream import Reply, chat
from tests.security.wire import BODY, Served, head, serving, whole
from tests.unit.proxy.harness import LIMITS
from tests.unit.upstream.waiting import until

LOOK_S = 0.15
PAUSE_S = LOOK_S / 5
SLOW = 60
"""How many slow clients there are."""


Way = tuple[bytes, bytes]
"""What such a client sends at once, and then a piece of now and then."""

WAYS: dict[str, Way] = {
    "heads": (head()[:-2], b"x: y\r\n"),
    "first lines": (b"POST /", b"v"),
    "nothing": (b"", b""),
    "bodies that nobody waits for": (
        head("Content-Length: 60000", line="GET /nothing HTTP/1.1"), b"x",
    ),
}  # fmt: skip


async def trickle(served: Served, way: Way) -> None:
    """Until the node hangs up."""
    start, more = way
    wire = await served.connect()
    try:
        wire.writer.write(start)
        while not wire.reader.at_eof():
            wire.writer.write(more)
            await wire.writer.drain()
            with suppress(TimeoutError):
                async with asyncio.timeout(PAUSE_S):
                    await wire.reader.read(10_000)
    except ConnectionError:
        pass
    finally:
        wire.writer.close()


@pytest.mark.parametrize("way", WAYS.values(), ids=WAYS)
async def test_s10_who_writes_slowly_is_let_go_of_while_others_are_served(
    way: Way,
) -> None:
    async with serving(look_s=LOOK_S) as served:
        slow = [asyncio.create_task(trickle(served, way)) for _ in range(SLOW)]
        await until(lambda: served.connected >= SLOW / 2)
        answer = await served.tell(whole(BODY, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        await until(lambda: served.connected == 0, seconds=5)
        assert served.paid == 1
        assert served.node.books.held == 0
        await asyncio.gather(*slow)


async def test_s10_who_reads_nothing_is_let_go_of_and_pays_for_what_was_made() -> None:
    async with serving(look_s=LOOK_S, limits=replace(LIMITS, answer_bytes=1 << 30)) as served:
        words = (" " + "long" * 250,) * 8_000
        served.node.upstream.next(chat(Reply(words=words, obey_limit=False)))
        wire = await served.connect()
        raw: socket.socket = wire.writer.get_extra_info("socket")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
        wire.writer.transport.pause_reading()  # type: ignore[attr-defined]
        wire.writer.write(whole(BODY[:-1] + b', "stream": true}'))
        await until(lambda: served.node.books.ends, seconds=5)
        assert served.node.books.charged[1] > 0
        answer = await served.tell(whole(BODY, "Connection: close"))
        assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
        await until(lambda: served.connected == 0, seconds=5)
        wire.writer.transport.abort()
