"""Connections through Tor, played by a SOCKS server; nothing here leaves this machine."""

import errno
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver

from devkit.socks import Play, SocksServer
from routstr.core import tor
from routstr.core.addresses import ForbiddenAddress
from routstr.core.http import outgoing_session, upstream_session
from routstr.core.settings import Settings

ONION = f"{'a' * 56}.onion"


@asynccontextmanager
async def far_away() -> AsyncIterator[SocksServer]:
    """Tor, and behind it an onion service and a public server, which are one."""

    async def answer(request: web.Request) -> web.StreamResponse:
        if request.path == "/redirect":
            raise web.HTTPFound("http://elsewhere.example/")
        if request.headers.get("Upgrade") == "websocket":
            socket = web.WebSocketResponse()
            await socket.prepare(request)
            await socket.send_str(await socket.receive_str())
            return socket
        return web.Response(text=f"{request.host} got {len(await request.read())}")

    app = web.Application(client_max_size=1 << 24)
    app.router.add_route("*", "/{path:.*}", answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    port = runner.addresses[0][1]
    async with SocksServer({ONION: port, "mint.example": port}) as server:
        yield server
    await runner.cleanup()


def chosen(server: SocksServer, **more: Any) -> Settings:
    return Settings(tor_proxy_url=server.url, mint_operation_timeout_seconds=5, **more)


async def test_an_onion_service_is_reached_by_its_name_and_kept() -> None:
    async with far_away() as server, outgoing_session(chosen(server)) as session:
        for size in (0, 200_000):
            async with session.post(f"http://{ONION}/keys", data=bytes(size)) as answer:
                assert await answer.text() == f"{ONION} got {size}"
        with pytest.raises(aiohttp.ClientError, match="redirect"):
            await session.get(f"http://{ONION}/redirect")
        assert server.asked == [(ONION, 80)], "one connection for all"


async def test_providers_and_their_conversations_go_the_same_way() -> None:
    async with far_away() as server:
        for checked in (True, False):
            async with upstream_session(chosen(server), checked=checked) as session:
                async with session.get(f"http://{ONION}:81/v1") as answer:
                    assert answer.status == 200
                async with session.ws_connect(f"http://{ONION}/v1/realtime") as socket:
                    await socket.send_str("hello")
                    assert await socket.receive_str() == "hello"
        assert server.asked == [(ONION, 81), (ONION, 80)] * 2


class NoNames(AbstractResolver):
    """A name server that must not be asked about anybody."""

    async def resolve(self, host: str, port: int = 0, _family: Any = 0) -> list[Any]:
        raise OSError(errno.EACCES, f"{host} was looked up")

    async def close(self) -> None: ...


async def test_with_tor_all_public_names_are_asked_of_tor_and_of_nobody_else() -> None:
    async with far_away() as server:
        settings = chosen(server, tor_all=True)
        async with outgoing_session(settings, resolver=NoNames()) as session:
            async with session.get("http://mint.example/v1/info") as answer:
                assert await answer.text() == "mint.example got 0"
            for inner in ("10.0.0.1", "127.0.0.1", "192.168.1.1:8080"):
                with pytest.raises(aiohttp.ClientConnectorError, match="not a public address"):
                    await session.get(f"http://{inner}/")
            for own in ("localhost", "database", "node.internal"):
                with pytest.raises(aiohttp.ClientConnectorError, match="looked up"):
                    await session.get(f"http://{own}/")
        assert server.asked == [("mint.example", 80)]
        assert server.addresses == []


async def test_with_tor_all_the_providers_of_this_machine_are_reached_directly() -> None:
    async with far_away() as server, upstream_session(chosen(server, tor_all=True)) as session:
        async with session.get(f"http://127.0.0.1:{server.places[ONION]}/v1") as answer:
            assert answer.status == 200
        assert server.asked == []


async def test_without_tor_all_only_onions_go_through_it() -> None:
    async with far_away() as server, outgoing_session(chosen(server), resolver=NoNames()) as direct:
        with pytest.raises(aiohttp.ClientConnectorError, match="looked up"):
            await direct.get("http://mint.example/")
        assert server.asked == []


@pytest.mark.parametrize("play", ["refuses", "wants a password", "hangs", "hangs up", "garbage"])
async def test_when_tor_fails_nothing_was_sent(play: Play, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tor, "CONNECT_SECONDS", 0.1)
    async with far_away() as server, outgoing_session(chosen(server)) as session:
        server.play = play
        with pytest.raises(aiohttp.ClientConnectorError, match="Tor: "):
            await session.get(f"http://{ONION}/")
        server.play = "honest"
        async with session.get(f"http://{ONION}/") as answer:
            assert answer.status == 200


async def test_a_service_that_goes_away_is_a_lost_connection() -> None:
    async with far_away() as server, outgoing_session(chosen(server)) as session:
        server.play = "cut off"
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"http://{ONION}/")
        with pytest.raises(aiohttp.ClientConnectionError):
            await session.get(f"https://{ONION}/")


async def test_a_service_without_tls_is_no_connection_over_https() -> None:
    async with far_away() as server, outgoing_session(chosen(server)) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="Tor: "):
            await session.get(f"https://{ONION}/")


async def test_without_tor_an_onion_service_is_not_looked_for_elsewhere() -> None:
    async with outgoing_session(Settings(tor_proxy_url="")) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="TOR_PROXY_URL") as caught:
            await session.get(f"http://{ONION}/")
        assert isinstance(caught.value.os_error, ForbiddenAddress)
    closed = Settings(tor_proxy_url="socks5://127.0.0.1:9")
    async with outgoing_session(closed) as session:
        with pytest.raises(aiohttp.ClientConnectorError, match="Tor: "):
            await session.get(f"http://{ONION}/")


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        ("socks5://127.0.0.1:9050", "socks5://127.0.0.1:9050"),
        (" SOCKS5h://Tor/ ", "socks5://tor:9050"),
        ("socks5://[::1]:9150", "socks5://[::1]:9150"),
        ("", ""),
    ],
)
def test_the_socks_port_has_one_spelling(given: str, kept: str) -> None:
    assert Settings(tor_proxy_url=given).tor_proxy_url == kept


@pytest.mark.parametrize(
    "given", ["http://127.0.0.1:9050", "127.0.0.1:9050", "socks4://tor", "socks5://a:b@tor",
              "socks5://", "socks5://tor/x", "socks5://tor:0"],
)  # fmt: skip
def test_what_is_no_socks_port_of_tor_is_refused(given: str) -> None:
    with pytest.raises(ValueError, match="must be the SOCKS port of Tor"):
        Settings(tor_proxy_url=given)


def test_nothing_goes_through_tor_without_a_way_to_it() -> None:
    with pytest.raises(ValueError, match="TOR_ALL: got true; needs TOR_PROXY_URL"):
        Settings(tor_all=True, tor_proxy_url="")
