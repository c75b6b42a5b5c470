"""The protocol on a line of the test's own; on real sockets it is met in ``tests/security``."""

import asyncio
import sys
from typing import Any

import pytest
import uvicorn
from starlette.types import Message, Receive, Scope, Send
from uvicorn.server import ServerState

from routstr.core.http_guard import PIPELINED_MAX, GuardedProtocol, room_for_connections

GET = b"GET / HTTP/1.1\r\nHost: node\r\n\r\n"
STREAM = b"GET /stream HTTP/1.1\r\nHost: node\r\n\r\n"
HEAD_MAX = 1_000


class Line(asyncio.Transport):
    """Keeps what is written; ``unread`` bytes of it wait for the client."""

    def __init__(self) -> None:
        super().__init__()
        self.written = b""
        self.ended = ""
        self.unread = 0

    def write(self, data: bytes | bytearray | memoryview) -> None:
        self.written += bytes(data)

    def close(self) -> None:
        self.ended = self.ended or "closed"

    def abort(self) -> None:
        self.ended = "aborted"

    def is_closing(self) -> bool:
        return bool(self.ended)

    def get_write_buffer_size(self) -> int:
        return self.unread

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        return default

    def pause_reading(self) -> None: ...

    def resume_reading(self) -> None: ...


class House:
    """The server around an application that keeps ``/stream`` open."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, bytes, list[tuple[bytes, bytes]]]] = []
        self.left = 0
        self.config = uvicorn.Config(
            self._app, log_config=None, interface="asgi3", h11_max_incomplete_event_size=HEAD_MAX
        )
        self.state = ServerState()
        self.config.load()

    def connect(self, connections_max: int = 10) -> tuple[Line, Any]:
        protocol: Any = GuardedProtocol(self.config, self.state, {})
        protocol.connections_max = connections_max
        line = Line()
        protocol.connection_made(line)
        return line, protocol

    async def _app(self, scope: Scope, receive: Receive, send: Send) -> None:
        message: Message = await receive()
        self.asked.append((scope["path"], message.get("body", b""), scope["headers"]))
        head: Message = {"type": "http.response.start", "status": 200, "headers": []}
        await send(head)
        if scope["path"] == "/stream":
            await send({"type": "http.response.body", "body": b"some", "more_body": True})
            await receive()
            self.left += 1
        await send({"type": "http.response.body", "body": b"all", "more_body": False})


@pytest.fixture
async def house() -> House:
    return House()


def look(protocol: Any) -> None:
    protocol._look_no_more()
    protocol._look()


async def settled() -> None:
    for _ in range(20):
        await asyncio.sleep(0)


async def test_a_head_without_end_is_refused_while_it_comes(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(GET[:-2])
    for _ in range(20):
        protocol.data_received(b"x: " + b"y" * 1_000 + b"\r\n")
    assert line.written.startswith(b"HTTP/1.1 431 Request Header Fields Too Large\r\n")
    assert b'"code":"headers_too_large"' in line.written
    assert line.ended == "closed"
    assert house.asked == []


async def test_heads_one_after_the_other_are_counted_apart(house: House) -> None:
    line, protocol = house.connect()
    for _ in range(20):
        protocol.data_received(GET[:-2] + b"x: " + b"y" * 900 + b"\r\n\r\n")
        await settled()
    assert line.written.count(b"HTTP/1.1 200 OK") == 20
    protocol.connection_lost(None)


async def test_too_many_requests_at_once_end_the_connection(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(GET * (PIPELINED_MAX + 2))
    await settled()
    assert line.ended == "closed"
    assert len(house.asked) <= 1


async def test_a_wish_for_another_protocol_is_left_unheard(house: House) -> None:
    line, protocol = house.connect()
    wish = b"POST /h2c HTTP/1.1\r\nHost: node\r\nConnection: close, Upgrade\r\nUpgrade: h2c\r\n"
    protocol.data_received(wish + b"Content-Length: 4\r\n\r\nbody")
    await settled()
    ((path, body, headers),) = house.asked
    assert (path, body) == ("/h2c", b"body")
    assert headers == [(b"host", b"node"), (b"content-length", b"4"), (b"connection", b"close")]
    assert line.ended == "closed", "which was asked for, too"


async def test_a_websocket_behind_an_answer_that_still_runs_is_refused(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(STREAM)
    await settled()
    wish = b"GET / HTTP/1.1\r\nHost: node\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n"
    protocol.data_received(wish)
    await settled()
    assert line.ended == "closed"
    assert line.written.count(b"HTTP/1.1") == 1
    assert house.left == 1


async def test_rubbish_behind_an_answer_that_runs_is_told_nothing(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(STREAM)
    await settled()
    protocol.data_received(b"\x00\x00")
    await settled()
    assert (line.ended, house.left) == ("closed", 1)
    assert b" 400 " not in line.written


DRIBBLED = b"GET / HTTP/1.1\r\nHost: node\r\nContent-Length: 9\r\n\r\n"


@pytest.mark.parametrize(
    ("sent", "told"), [(b"", b""), (GET[:10], b" 408 "), (GET + GET[:10], b" 408 ")]
)
async def test_a_connection_on_which_nothing_comes_ends(
    house: House, sent: bytes, told: bytes
) -> None:
    line, protocol = house.connect()
    if sent:
        protocol.data_received(sent)
        await settled()
    look(protocol)
    assert line.ended == "", "it has time"
    look(protocol)
    assert line.ended == "closed"
    assert told in line.written
    protocol.connection_lost(None)


async def test_between_two_requests_the_servers_own_time_counts(house: House) -> None:
    line, protocol = house.connect()
    for _ in range(2):
        protocol.data_received(GET)
        await settled()
        for _ in range(3):
            look(protocol)
        assert line.ended == ""
    protocol.timeout_keep_alive = 0
    protocol.timeout_keep_alive_handler()
    assert line.ended == "closed"
    protocol.connection_lost(None)


async def test_what_nobody_waits_for_may_not_come_for_ever(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(DRIBBLED)
    protocol.data_received(b"x")
    await settled()
    protocol.cycle.response_complete = True
    look(protocol)
    protocol.data_received(b"x")
    look(protocol)
    assert line.ended == "closed"
    protocol.connection_lost(None)


async def test_an_answer_that_takes_long_goes_on_while_it_is_read(house: House) -> None:
    line, protocol = house.connect()
    protocol.data_received(STREAM)
    await settled()
    for line.unread in (5, 4, 3, 2):
        look(protocol)
    assert line.ended == ""
    look(protocol)
    assert line.ended == "aborted", "nothing was read any more"
    protocol.connection_lost(None)
    await settled()
    assert house.left == 1


async def test_when_there_are_too_many_an_idle_one_goes(house: House) -> None:
    idle, _ = house.connect(connections_max=2)
    for _ in range(2):
        busy, protocol = house.connect(connections_max=2)
        protocol.data_received(STREAM)
        await settled()
        assert (busy.ended, b"some" in busy.written) == ("", True)
    assert (idle.ended, idle.written) == ("closed", b"")


async def test_when_all_are_busy_a_new_one_is_told_to_come_again(house: House) -> None:
    for _ in range(2):
        _, protocol = house.connect(connections_max=2)
        protocol.data_received(STREAM)
        await settled()
    late, _ = house.connect(connections_max=2)
    assert late.written.startswith(b"HTTP/1.1 429 Too Many Requests\r\n")
    assert b"retry-after: 1\r\n" in late.written
    assert late.ended == "closed"


@pytest.mark.skipif(sys.platform == "win32", reason="there is no such limit")
def test_there_is_room_for_as_many_as_files_can_be_opened() -> None:
    import resource  # noqa: PLC0415 - not on every system

    room = room_for_connections()
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    assert 2 * room < soft or soft == resource.RLIM_INFINITY
    assert room_for_connections() == room
