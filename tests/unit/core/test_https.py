from typing import Any

import pytest
from starlette.types import Message, Receive, Scope, Send

from routstr.core.https import HSTS, HttpsOnly, secure_cookies
from routstr.core.settings import Settings
from tests.unit.core.asgi import http_scope

FAR = ("198.51.100.7", 1)


async def pass_through(
    host: str | None,
    scheme: str = "http",
    client: tuple[str, int] | None = FAR,
    *,
    path: str = "/v1/balance/info",
    required: bool = True,
) -> tuple[str, bool, bool]:
    """Who served; whether the browser is told to stay; whether cookies are for HTTPS only."""
    seen: list[tuple[str, bool]] = []
    sent: list[Message] = []

    def serving(name: str) -> Any:
        async def serve(scope: Scope, _receive: Receive, send: Send) -> None:
            seen.append((name, secure_cookies(scope)))
            await send({"type": "http.response.start", "status": 200, "headers": [(b"a", b"b")]})
            await send({"type": "http.response.body", "body": b"x"})

        return serve

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [] if host is None else [("Host", host)]
    scope = {**http_scope("GET", path, headers), "scheme": scheme, "client": client}
    kind = "websocket" if scheme.startswith("ws") else "http"
    app = HttpsOnly(serving("app"), serving("refusal"), required=required)
    await app({**scope, "type": kind}, pass_through, send)  # type: ignore[arg-type]
    ((name, secure),) = seen
    assert (b"a", b"b") in sent[0]["headers"]
    assert sent[1] == {"type": "http.response.body", "body": b"x"}
    return name, HSTS in sent[0]["headers"], secure


@pytest.mark.parametrize(
    ("host", "client"),
    [
        ("node.example", FAR),
        ("192.168.1.7:8000", FAR),
        ("notlocalhost", FAR),
        ("localhost.example", FAR),
        ("x.onion.example", FAR),
        ("[::ffff:10.0.0.1]", FAR),
        ("[bad", FAR),
        ("", FAR),
        (None, FAR),
        ("node.example", ("10.0.0.2", 1)),
        ("node.example", ("no address", 1)),
    ],
)
async def test_plain_http_from_elsewhere_is_refused(
    host: str | None, client: tuple[str, int]
) -> None:
    assert await pass_through(host, client=client) == ("refusal", False, False)
    assert (await pass_through(host, "ws", client))[0] == "refusal"


@pytest.mark.parametrize(
    "host",
    ["localhost", "LOCALHOST:8000", "127.0.0.1:8000", "127.7.7.7", "[::1]:80", "a.localhost",
     "abc.onion", "abc.onion.:80"],
)  # fmt: skip
async def test_hosts_of_a_machine_and_onion_services_are_served_whoever_asks(host: str) -> None:
    assert await pass_through(host) == ("app", False, False)
    assert await pass_through(host, "https") == ("app", False, True)


@pytest.mark.parametrize("client", [None, ("127.0.0.1", 1), ("::1", 1), ("::ffff:127.0.0.1", 1)])
async def test_a_proxy_on_this_machine_is_served_and_its_cookies_stay_on_https(
    client: tuple[str, int] | None,
) -> None:
    assert await pass_through("node.example", client=client) == ("app", False, True)
    assert await pass_through("localhost", client=client) == ("app", False, False)


@pytest.mark.parametrize("path", ["/health", "/health/live", "/metrics", "/assets/style.css"])
async def test_watchers_inside_may_ask_what_needs_no_key(path: str) -> None:
    assert (await pass_through("10.0.0.7:8000", path=path))[0] == "app"


@pytest.mark.parametrize("required", [True, False])
async def test_who_came_over_https_stays_with_it(required: bool) -> None:
    seen = await pass_through("node.example", "https", required=required)
    assert seen == ("app", True, True)


async def test_nothing_is_refused_unless_it_is_wanted() -> None:
    assert await pass_through("node.example", required=False) == ("app", False, False)


@pytest.mark.parametrize(
    ("given", "required"),
    [
        ({}, False),
        ({"http_url": "http://node.example"}, False),
        ({"http_url": "https://node.example"}, True),
        ({"http_url": "https://node.example", "routstr_env": "development"}, False),
        ({"http_url": "https://node.example", "require_https": False}, False),
        ({"require_https": True}, True),
    ],
)
def test_a_node_in_production_with_an_https_address_wants_it(
    given: dict[str, Any],
    required: bool,
) -> None:
    assert Settings(**given).require_https is required
