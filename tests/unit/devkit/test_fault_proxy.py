from collections.abc import AsyncIterator

import aiohttp
import pytest
from aiohttp import web
from pytest_socket import socket_allow_hosts
from yarl import URL

from devkit.fault_proxy import FaultProxy
from devkit.faults import broken, busy, lost
from devkit.ports import LOOPBACK


@pytest.fixture(autouse=True)
def _loopback() -> None:
    socket_allow_hosts([LOOPBACK], allow_unix_socket=True)


class PlayedMint:
    """Answers each call with what it heard."""

    def __init__(self) -> None:
        self.heard: list[str] = []

    async def serve(self, request: web.BaseRequest) -> web.Response:
        body = await request.text()
        self.heard.append(f"{request.method} {request.raw_path} {body}".strip())
        return web.json_response({"heard": self.heard[-1]}, headers={"Retry-After": "7"})


@pytest.fixture
async def mint() -> PlayedMint:
    return PlayedMint()


@pytest.fixture
async def proxy(mint: PlayedMint) -> AsyncIterator[FaultProxy]:
    runner = web.ServerRunner(web.Server(mint.serve), shutdown_timeout=0.05)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    async with FaultProxy(f"http://{LOOPBACK}:{runner.addresses[0][1]}") as standing:
        yield standing
    await runner.cleanup()


@pytest.fixture
async def node() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def status(node: aiohttp.ClientSession, proxy: FaultProxy, path: str) -> int | None:
    """What the node hears; None when it gets no answer."""
    try:
        async with node.post(proxy.url + path) as response:
            return response.status
    except aiohttp.ClientError:
        return None


async def test_a_call_passes_with_all_that_belongs_to_it(
    proxy: FaultProxy, mint: PlayedMint, node: aiohttp.ClientSession
) -> None:
    url = URL(f"{proxy.url}/v1/swap?a=%2F", encoded=True)
    async with node.post(url, data=b'{"inputs": []}') as response:
        assert await response.json() == {"heard": 'POST /v1/swap?a=%2F {"inputs": []}'}
        assert response.headers["Retry-After"] == "7"
    (call,) = proxy.calls
    assert (call.path, call.number, call.handled, call.status) == ("/v1/swap", 1, True, 200)
    assert not call.faulty


async def test_only_the_call_that_was_named_goes_wrong(
    proxy: FaultProxy, mint: PlayedMint, node: aiohttp.ClientSession
) -> None:
    proxy.plan("/v1/swap", broken(handled=False), number=2)
    assert [await status(node, proxy, "/v1/swap") for _ in range(3)] == [200, 500, 200]
    assert await status(node, proxy, "/v1/restore") == 200
    assert len(mint.heard) == 3
    assert [call.faulty for call in proxy.calls] == [False, True, False, False]


async def test_a_lasting_fault_lasts_until_the_reset(
    proxy: FaultProxy, node: aiohttp.ClientSession
) -> None:
    proxy.plan("/v1/swap", busy(handled=False), number=2, lasting=True)
    assert [await status(node, proxy, "/v1/swap") for _ in range(3)] == [200, 429, 429]
    proxy.reset()
    assert proxy.calls == []
    assert await status(node, proxy, "/v1/swap") == 200
    assert proxy.calls[0].number == 1


async def test_the_first_plan_for_a_call_counts(
    proxy: FaultProxy, node: aiohttp.ClientSession
) -> None:
    proxy.plan("/v1/swap", busy(handled=False))
    proxy.plan("/v1/swap", broken(handled=False), lasting=True)
    assert [await status(node, proxy, "/v1/swap") for _ in range(2)] == [429, 500]


@pytest.mark.parametrize("handled", [True, False])
async def test_a_lost_answer_cuts_the_connection(
    proxy: FaultProxy, mint: PlayedMint, node: aiohttp.ClientSession, handled: bool
) -> None:
    proxy.plan("/v1/swap", lost(handled=handled))
    assert await status(node, proxy, "/v1/swap") is None
    assert len(mint.heard) == handled
    (call,) = proxy.calls
    assert (call.status, call.handled, call.faulty) == (None, handled, True)


async def test_keysets_count_together(proxy: FaultProxy, node: aiohttp.ClientSession) -> None:
    for name in ("00aa", "01bb"):
        await status(node, proxy, f"/v1/keys/{name}")
    assert [(call.path, call.number) for call in proxy.calls] == [
        ("/v1/keys/", 1),
        ("/v1/keys/", 2),
    ]


async def test_an_empty_path_is_every_path(
    proxy: FaultProxy, mint: PlayedMint, node: aiohttp.ClientSession
) -> None:
    proxy.plan("", lost(handled=False), lasting=True)
    assert [await status(node, proxy, path) for path in ("/v1/swap", "/v1/keysets")] == [None, None]
    assert mint.heard == []
