import asyncio
import gc
import weakref

import pytest
from starlette.types import Message

from routstr.proxy.departure import Departure
from routstr.upstream.deadlines import Deadlines


class Client:
    def __init__(self) -> None:
        self.left = asyncio.Event()
        self.asked = 0

    async def receive(self) -> Message:
        self.asked += 1
        if self.asked == 1:
            return {"type": "http.request", "body": b"", "more_body": False}
        await self.left.wait()
        return {"type": "http.disconnect"}


def departure(client: Client, *, drain_s: float = 0.05) -> Departure:
    deadlines = Deadlines(sweep_s=0.01, linger_s=0.03)
    return Departure(client.receive, deadlines, patience_s=5, drain_s=drain_s)


async def test_nobody_listens_to_a_short_request() -> None:
    client = Client()
    with departure(client).deadline:
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    assert client.asked == 0


async def test_a_lingering_request_listens_and_notices() -> None:
    client = Client()
    watched = departure(client)
    asyncio.get_running_loop().call_later(0.06, client.left.set)
    with pytest.raises(TimeoutError), watched.deadline:
        await asyncio.sleep(5)
    assert watched.gone


async def test_leaving_leaves_the_provider_a_little_time() -> None:
    client, loop = Client(), asyncio.get_running_loop()
    watched = departure(client, drain_s=0.1)
    watched.listen()
    watched.listen()
    client.left.set()
    began = loop.time()
    with pytest.raises(TimeoutError), watched.deadline:
        await asyncio.sleep(5)
    assert 0.08 < loop.time() - began < 1
    assert client.asked == 2


async def test_leaving_twice_grants_no_second_time() -> None:
    watched = departure(Client())
    watched.leave()
    until = watched.deadline.never_after
    await asyncio.sleep(0.01)
    watched.leave()
    assert watched.deadline.never_after == until


async def test_stopping_ends_the_listening() -> None:
    client = Client()
    watched = departure(client)
    watched.listen()
    await asyncio.sleep(0)
    watched.stop()
    client.left.set()
    await asyncio.sleep(0.01)
    assert not watched.gone


async def test_who_stops_to_listen_is_freed_without_a_search_for_cycles() -> None:
    gc.disable()  # by as many streams as end between two searches, memory would grow
    try:
        client = Client()
        gone = weakref.ref(client)
        watched = departure(client)
        watched.listen()
        await asyncio.sleep(0)
        assert client.asked == 2
        watched.stop()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        del client, watched
        assert gone() is None
    finally:
        gc.enable()
