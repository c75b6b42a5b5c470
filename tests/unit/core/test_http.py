import asyncio
import gzip
import socket
from collections.abc import AsyncIterator
from dataclasses import dataclass, field

import aiohttp
import pytest
from aiohttp import web
from aiohttp.abc import AbstractResolver, ResolveResult

from routstr.core.addresses import ForbiddenAddress
from routstr.core.http import RedirectRefused, outgoing_session, upstream_session
from routstr.core.settings import Settings

SETTINGS = Settings(mint_operation_timeout_seconds=5, tor_proxy_url="")
LONG_HEADER = "cashuB" + "x" * 30_000


class Names(AbstractResolver):
    """A name server of the test's own; each list of addresses answers one question."""

    def __init__(self, *answers: list[str]) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    async def resolve(
        self, host: str, port: int = 0, _family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        self.asked.append(host)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=socket.AF_INET6 if ":" in address else socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
            for address in answer
        ]

    async def close(self) -> None: ...


@dataclass
class Server:
    """A server on this machine that remembers what it was asked."""

    port: int = 0
    requests: list[web.Request] = field(default_factory=list)

    def url(self, path: str = "/", host: str = "127.0.0.1") -> str:
        return f"http://{host}:{self.port}{path}"

    async def answer(self, request: web.Request) -> web.Response:
        self.requests.append(request)
        match request.path:
            case "/redirect":
                return web.Response(status=302, headers={"Location": self.url("/inside")})
            case "/cookie":
                return web.Response(headers={"Set-Cookie": "id=1; Path=/"})
            case "/gzip":
                packed = gzip.compress(b"0" * 100_000)
                return web.Response(body=packed, headers={"Content-Encoding": "gzip"})
            case "/long":
                return web.Response(headers={"X-Cashu": LONG_HEADER})
            case "/slow":
                await asyncio.sleep(30)
        return web.Response(text="ok")


@pytest.fixture
async def server() -> AsyncIterator[Server]:
    server = Server()
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", server.answer)
    runner = web.AppRunner(app, shutdown_timeout=0.1)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    assert isinstance(site._server, asyncio.Server)
    server.port = site._server.sockets[0].getsockname()[1]
    yield server
    await runner.cleanup()


async def refused(url: str, *, allow_loopback: bool = False, names: Names | None = None) -> str:
    """What the guard says; it must be an error before any connection."""
    async with outgoing_session(SETTINGS, allow_loopback=allow_loopback, resolver=names) as session:
        with pytest.raises(aiohttp.ClientConnectorError) as caught:
            await session.get(url)
    assert isinstance(caught.value.os_error, ForbiddenAddress)
    return str(caught.value.os_error)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "[::ffff:127.0.0.1]"])
async def test_this_machine_is_not_contacted(server: Server, host: str) -> None:
    assert "not a public address" in await refused(server.url(host=host))
    assert server.requests == []


@pytest.mark.parametrize(
    "address", ["10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "::1", "fd00::1"]
)
async def test_a_name_for_an_inner_address_is_not_contacted(address: str) -> None:
    names = Names([address])

    assert address in await refused("http://mint.example", names=names)
    assert names.asked == ["mint.example"]


@pytest.mark.parametrize("url", ["http://10.0.0.1", "https://[fe80::1]", "http://192.168.1.1"])
async def test_allowing_this_machine_allows_no_other(url: str) -> None:
    await refused(url, allow_loopback=True)


@pytest.mark.parametrize("host", ["2130706433", "127.1", "0x7f.1", "0177.0.0.1"])
async def test_odd_spellings_of_an_address_are_not_contacted(server: Server, host: str) -> None:
    names = Names(["127.0.0.1"])  # what a system's resolver makes of them
    async with outgoing_session(SETTINGS, resolver=names) as session:
        with pytest.raises((aiohttp.ClientConnectorError, aiohttp.InvalidURL)):
            await session.get(server.url(host=host))

    assert server.requests == []


async def test_a_mint_on_this_machine_can_be_allowed(server: Server) -> None:
    async with outgoing_session(SETTINGS, allow_loopback=True) as session:
        for host in ("127.0.0.1", "localhost"):
            async with session.get(server.url(host=host)) as response:
                assert await response.text() == "ok"


async def test_only_the_checked_addresses_of_a_name_are_connected_to(server: Server) -> None:
    names = Names(["10.255.255.1", "127.0.0.1", "192.168.255.1"])
    async with (
        outgoing_session(SETTINGS, allow_loopback=True, resolver=names) as session,
        session.get(server.url(host="mint.example")) as response,
    ):
        assert await response.text() == "ok"

    assert names.asked == ["mint.example"], "resolved once, and connected to that answer"


async def test_a_name_that_changes_its_mind_is_checked_again(server: Server) -> None:
    names = Names(["127.0.0.1"], ["10.0.0.1"])
    async with outgoing_session(SETTINGS, allow_loopback=True, resolver=names) as session:
        url = server.url(host="mint.example")
        async with session.get(url, headers={"Connection": "close"}) as response:
            assert response.status == 200
        assert isinstance(session.connector, aiohttp.TCPConnector)
        session.connector.clear_dns_cache()
        with pytest.raises(aiohttp.ClientConnectorError, match=r"10\.0\.0\.1"):
            await session.get(url)

    assert len(server.requests) == 1


async def test_an_onion_address_is_not_told_to_a_name_server() -> None:
    names = Names(["1.1.1.1"])

    assert "Tor" in await refused("http://abcdef.onion", names=names)
    assert names.asked == []


async def test_a_redirect_is_refused_and_not_followed(server: Server) -> None:
    async with outgoing_session(SETTINGS, allow_loopback=True) as session:
        with pytest.raises(RedirectRefused):
            await session.get(server.url("/redirect"))

    assert [request.path for request in server.requests] == ["/redirect"]


async def test_a_call_has_an_end(server: Server) -> None:
    settings = Settings(mint_operation_timeout_seconds=0.05)
    async with outgoing_session(settings, allow_loopback=True) as session:
        with pytest.raises(TimeoutError):
            await session.get(server.url("/slow"))


@pytest.mark.parametrize("kind", ["outgoing", "upstream"])
async def test_nothing_of_the_environment_or_of_earlier_calls_is_used(
    server: Server, kind: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")
    session = (
        outgoing_session(SETTINGS, allow_loopback=True)
        if kind == "outgoing"
        else upstream_session(SETTINGS)
    )
    async with session:
        for _ in range(2):
            async with session.get(server.url("/cookie")) as response:
                assert response.status == 200

    assert ["Cookie" in request.headers for request in server.requests] == [False, False]


@pytest.mark.parametrize("kind", ["outgoing", "upstream"])
async def test_a_compressed_body_is_not_blown_up(server: Server, kind: str) -> None:
    session = (
        outgoing_session(SETTINGS, allow_loopback=True)
        if kind == "outgoing"
        else upstream_session(SETTINGS)
    )
    async with session, session.get(server.url("/gzip")) as response:
        assert len(await response.read()) < 1_000


async def test_a_mint_is_asked_for_plain_answers(server: Server) -> None:
    async with (
        outgoing_session(SETTINGS, allow_loopback=True) as session,
        session.get(server.url()),
    ):
        pass

    assert server.requests[0].headers["Accept-Encoding"] == "identity"
    assert server.requests[0].headers["User-Agent"] == "routstr"


async def test_a_provider_may_send_long_headers_and_is_told_nothing_on_our_own_account(
    server: Server,
) -> None:
    async with upstream_session(SETTINGS) as session:
        async with session.get(server.url("/long")) as response:
            assert response.headers["X-Cashu"] == LONG_HEADER
        assert session.connector is not None
        assert session.connector.limit == 0

    assert set(server.requests[0].headers) == {"Host"}
