import asyncio
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import uvicorn

from routstr.cli.doorman import AT_ONCE, Doorman, Visitor

uvloop = pytest.importorskip("uvloop")

_CROWD = AT_ONCE + 20


@pytest.fixture
def loop() -> Iterator[Any]:
    """The event loop that nodes have, which takes one connection in each of its turns."""
    made = uvloop.new_event_loop()
    yield made
    made.close()


async def _app(_scope: object, _receive: object, send: Callable[..., Any]) -> None:
    await send({"type": "http.response.start", "status": 204, "headers": []})
    await send({"type": "http.response.body"})


@asynccontextmanager
async def _crowd(*, doorman: bool, family: int = socket.AF_INET) -> AsyncIterator[Any]:
    """A server, and clients that were connected before it looked; yields what is inside."""
    config = uvicorn.Config(_app, http=Visitor, lifespan="off", log_config=None)
    config.load()
    state = uvicorn.server.ServerState()

    def protocol() -> Visitor:
        return Visitor(config, state, {})

    def brought() -> Visitor:
        visitor = protocol()
        visitor.brought = True
        return visitor

    listener = socket.socket(family)
    listener.bind(("::1" if family == socket.AF_INET6 else "127.0.0.1", 0))
    server = await asyncio.get_running_loop().create_server(protocol, sock=listener, backlog=512)
    with pytest.MonkeyPatch.context() as patch:
        door = Doorman(server.sockets, brought) if doorman else None
        patch.setattr(Visitor, "doorman", door)
        clients = [socket.create_connection(listener.getsockname()[:2]) for _ in range(_CROWD)]
        try:
            yield state, clients
        finally:
            for one in clients:
                one.close()
            server.close()
            if door is not None:
                door.close()
            with suppress(OSError), socket.socket(family) as late:
                assert late.connect_ex(listener.getsockname()) != 0
            for left in list(state.connections):
                left.transport.close()


async def _turns(state: Any, wanted: int) -> int:
    for turn in range(10 * wanted):
        if len(state.connections) >= wanted:
            return turn
        await asyncio.sleep(0)
    raise AssertionError(f"{len(state.connections)} of {wanted} came in")


def test_a_crowd_is_let_in_at_once_not_one_in_each_turn(loop: Any) -> None:
    async def count(*, doorman: bool) -> int:
        async with _crowd(doorman=doorman) as (state, _):
            return await _turns(state, _CROWD)

    assert loop.run_until_complete(count(doorman=False)) >= _CROWD
    assert loop.run_until_complete(count(doorman=True)) < 10


@pytest.mark.parametrize("family", [socket.AF_INET, socket.AF_INET6])
def test_who_was_brought_along_is_served_and_known_by_his_address(loop: Any, family: int) -> None:
    async def ask() -> None:
        async with _crowd(doorman=True, family=family) as (state, clients):
            await _turns(state, _CROWD)
            assert sum(one.brought for one in state.connections) >= AT_ONCE
            seen = {one.client for one in state.connections}
            assert seen == {one.getsockname()[:2] for one in clients}
            for one in clients:
                one.sendall(b"GET / HTTP/1.1\r\nHost: node\r\n\r\n")
            for _ in range(100):
                await asyncio.sleep(0)
            for one in clients:
                one.settimeout(5)
                assert one.recv(100).startswith(b"HTTP/1.1 204 ")

    if family == socket.AF_INET6 and not socket.has_ipv6:
        pytest.skip("there is no IPv6")
    loop.run_until_complete(ask())


def test_nobody_is_let_in_when_the_door_is_closed(loop: Any) -> None:
    let_in: list[asyncio.Protocol] = []

    def protocol() -> asyncio.Protocol:
        let_in.append(asyncio.Protocol())
        return let_in[-1]

    async def knock(*, closed: bool) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            doorman = Doorman([listener], protocol)
            if closed:
                doorman.close()
            with socket.create_connection(listener.getsockname()):
                doorman.let_in()
                for _ in range(10):
                    await asyncio.sleep(0)
            doorman.close()

    loop.run_until_complete(knock(closed=True))
    assert let_in == []
    loop.run_until_complete(knock(closed=False))
    assert len(let_in) == 1


def test_who_has_gone_before_he_was_let_in_troubles_nobody(loop: Any) -> None:
    troubles: list[object] = []
    loop.set_exception_handler(lambda _loop, context: troubles.append(context))

    async def leave() -> None:
        async with _crowd(doorman=True) as (state, clients):
            for one in clients:
                one.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                one.close()  # with a reset
            for _ in range(10 * _CROWD):
                await asyncio.sleep(0)
            assert not state.connections

    loop.run_until_complete(leave())
    assert troubles == []
