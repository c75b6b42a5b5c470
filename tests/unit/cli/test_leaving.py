import asyncio
import ctypes
import socket
import struct
import sys

import pytest
import uvicorn

from routstr.cli import leaving
from routstr.cli.leaving import LeavingServer, refuse_handshakes


class Unable:
    def setsockopt(self, *_: object) -> None:
        raise OSError


def may_filter() -> bool:
    """Whether this user may filter what comes to a socket: some systems let nobody but root."""
    accept_all = ctypes.create_string_buffer(struct.pack("HBBI", 0x06, 0, 0, 0xFFFF_FFFF))
    program = struct.pack("HP", 1, ctypes.addressof(accept_all))
    with socket.socket() as one:
        try:
            one.setsockopt(socket.SOL_SOCKET, 26, program)  # SO_ATTACH_FILTER
        except PermissionError:
            return False
    return True


@pytest.mark.skipif(sys.platform != "linux", reason="filters of sockets are Linux's")
def test_no_handshake_is_begun_while_those_connected_go_on() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        address = listener.getsockname()
        with socket.create_connection(address, 1) as before:
            assert refuse_handshakes(listener) is may_filter()
            if not may_filter():
                return
            with pytest.raises(TimeoutError):
                socket.create_connection(address, 0.02)
            served, _ = listener.accept()
            with served:
                before.sendall(b"asked")
                assert served.recv(9) == b"asked"
                served.sendall(b"answered")
                assert before.recv(9) == b"answered"


def test_a_system_that_cannot_is_no_trouble() -> None:
    assert not refuse_handshakes(Unable())


class Noting(LeavingServer):
    def __init__(self) -> None:
        super().__init__(uvicorn.Config("none"))
        self.told: list[str] = []
        self.started = True
        self.servers = []

    def leave(self) -> None:
        self.told.append("leave")

    def drain(self) -> None:
        self.told.append("drain")


async def test_it_ends_by_itself_after_the_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(leaving, "_LAST_SECONDS", 0)
    server = Noting()
    server.notice_s = 0.02
    assert not await server.on_tick(1)
    server.handle_exit(15, None)
    assert not await server.on_tick(1)
    assert server.told == ["leave"]
    await asyncio.sleep(0.03)
    assert await server.on_tick(1)
    assert server.told == ["leave", "drain"]


async def test_without_a_notice_it_ends_at_once() -> None:
    server = Noting()
    server.handle_exit(15, None)
    assert server.told == ["drain"]
    assert await server.on_tick(1)
