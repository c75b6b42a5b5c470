"""How nodes that behave and that do not are found to be."""

import json

import msgspec
import pytest
from aiohttp import web

from devkit.socks import SocksServer
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.discovery import probe as probe_module
from routstr.discovery.identity import Identity
from routstr.discovery.probe import ANSWER_BYTES_MAX, Health, Probe, own_key
from tests.unit.discovery.nodes_played import Answering, open_nodes, says

BOB = Identity(Secret("11" * 32))
NODE = "http://node.example.com"
ONION = f"http://{'a' * 56}.onion"


def only(path: str, body: object = "fine") -> Answering:
    def answer(request: web.Request) -> web.StreamResponse:
        return web.json_response(body) if request.path == path else web.Response(status=500)

    return answer


def redirecting(_request: web.Request) -> web.StreamResponse:
    raise web.HTTPFound("http://127.0.0.1:1/")


def giant(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'"' + b"x" * ANSWER_BYTES_MAX + b'"')


def packed(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b"\x1f\x8b", headers={"Content-Encoding": "gzip"})


def broken(_request: web.Request) -> web.StreamResponse:
    return web.Response(body=b'{"a":' + b"[" * 50_000)


async def look(play: Answering, *urls: str) -> tuple[int | None, str, object]:
    async with open_nodes() as (nodes, session):
        nodes.plays["node.example.com"] = play
        found = await Probe(session, tor=False).look(urls or (NODE,))
    return found.status_code, found.endpoint, msgspec.json.decode(found.json)


@pytest.mark.parametrize(
    ("play", "found"),
    [
        (says(name="Bob"), (200, "info", {"name": "Bob"})),
        (only("/v1/models", {"data": []}), (200, "models", {"data": []})),
        (only("/"), (200, "root", "fine")),
        (only("/nothing"), (500, "error", None)),
        (redirecting, (302, "error", None)),
        (giant, (200, "info", None)),
        (packed, (200, "info", None)),
        (broken, (200, "info", None)),
    ],
    ids=["info", "models", "root", "failing", "redirecting", "giant", "packed", "broken"],
)
async def test_how_a_node_answers(play: Answering, found: object) -> None:
    assert await look(play) == found


async def test_a_base_that_ends_in_v1_is_the_same_node() -> None:
    assert (await look(says(name="Bob"), f"{NODE}/v1"))[1] == "info"


async def test_without_tor_an_onion_service_is_unknown_unless_it_is_found_elsewhere() -> None:
    assert await look(says(), ONION) == (None, "unknown", None)
    assert await look(says(name="Bob"), ONION, NODE) == (200, "info", {"name": "Bob"})


async def test_an_onion_service_is_asked_through_tor() -> None:
    host = ONION.removeprefix("http://")
    async with SocksServer({}) as tor, open_nodes(Settings(tor_proxy_url=tor.url)) as opened:
        nodes, session = opened
        nodes.plays[host] = says(name="Bob")
        tor.places[host] = nodes.port
        found = await Probe(session, tor=True).look((ONION,))
        assert (found.status_code, found.endpoint) == (200, "info")
        assert tor.asked == [(host, 80)]
        tor.play = "refuses"
        gone = await Probe(session, tor=True).look((f"http://{'b' * 56}.onion",))
        assert (gone.status_code, gone.endpoint) == (None, "error")


async def test_nobody_there_and_too_slow_are_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(probe_module, "CALL_SECONDS", 1e-6)
    assert await look(says()) == (None, "error", None)
    assert await look(says(), "http://nobody.example.com") == (None, "error", None)


async def test_a_name_that_leads_to_this_machine_is_not_asked() -> None:
    async with open_nodes(allow_loopback=False) as (nodes, session):
        nodes.plays["node.example.com"] = says(name="Bob")
        found = await Probe(session, tor=False).look((NODE,))
    assert (found.endpoint, nodes.asked) == ("error", [])


@pytest.mark.parametrize(
    ("told", "key"),
    [
        ({"npub": BOB.npub}, BOB.pubkey),
        ({"npub": BOB.pubkey}, BOB.pubkey),
        ({"npub": ""}, ""),
        ({"npub": "npub1" + "q" * 58}, ""),
        ({"npub": 7}, ""),
        ([], ""),
    ],
)
def test_the_key_that_a_node_names(told: object, key: str) -> None:
    assert own_key(Health(200, "info", msgspec.Raw(json.dumps(told).encode()))) == key
    assert own_key(Health(None, "error")) == ""
