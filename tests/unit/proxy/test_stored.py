import json
from collections.abc import Awaitable
from typing import Any, cast

import pytest

from devkit.upstream import refuse
from routstr.auth.objects import Bound
from routstr.proxy.exchange import Exchange
from routstr.proxy.stored import Noting
from routstr.proxy.wire import Credentials
from tests.unit.proxy.harness import KEY, PLAYED
from tests.unit.proxy.shelf import Shelf, listed

KEPT = {"r-1": Bound("r-1", PLAYED, "responses", ""), "f-1": Bound("f-1", PLAYED, "files", "")}
MINE = Credentials(f"Bearer {KEY}")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/v1/responses/r-1"),
        ("GET", "/responses/r-1/input_items?limit=5"),
        ("POST", "/v1/responses/r-1/cancel"),
    ],
)
async def test_what_is_kept_is_read_for_free(method: str, path: str) -> None:
    async with listed(shelf=Shelf(dict(KEPT))) as node:
        answered = await node.ask(raw=b"", path=path, method=method)
        assert answered.status == 200
        (request,) = node.upstream.requests
        assert (request.method, request.path) == (
            method,
            f"/v1/{path.removeprefix('/v1').strip('/')}",
        )
        assert node.books.holds == {}


async def test_what_is_deleted_is_forgotten_unless_the_provider_refuses() -> None:
    shelf = Shelf(dict(KEPT))
    async with listed(shelf=shelf) as node:
        node.upstream.next(refuse(500))
        path = "/v1/responses/r-1"
        assert (await node.ask(raw=b"", path=path, method="DELETE")).status == 500
        assert "r-1" in shelf.bound
        assert (await node.ask(raw=b"", path=path, method="DELETE")).status == 200
        assert "r-1" not in shelf.bound


@pytest.mark.parametrize(
    ("name", "key", "status"),
    [("r-2", KEY, 404), ("f-1", KEY, 404), ("r-1", None, 401), ("r-1?stream=true", KEY, 400)],
)
async def test_nobody_else_finds_it(name: str, key: str | None, status: int) -> None:
    async with listed(shelf=Shelf(dict(KEPT))) as node:
        path = f"/v1/responses/{name}"
        assert (await node.ask(raw=b"", path=path, method="GET", key=key)).status == status
        assert node.upstream.requests == []


async def noted(
    answers: list[bytes], body: bytes = b"{}", brought: Credentials = MINE, provider: str = PLAYED
) -> list[str]:
    """The ids that are noted when a provider answers with these pieces."""
    shelf, sent = Shelf(), list[bytes]()

    async def send(message: Any) -> None:
        sent.append(message.get("body", b""))

    def serve(exchange: Exchange, _credentials: Credentials, _body: bytes) -> Awaitable[None]:
        exchange.provider = provider or None

        async def answer() -> None:
            await exchange.start(200, [])
            for piece in answers:
                await exchange.write(piece)

        return answer()

    exchange = Exchange({"type": "http"}, cast("Any", None), send, "r")
    await Noting(cast("Any", shelf)).around(serve)(exchange, brought, body)
    assert sent == [b"", *answers]
    return list(shelf.bound)


CREATED = json.dumps({"type": "response.created", "response": {"id": "r-2"}}).encode()


async def test_who_makes_a_response_is_noted() -> None:
    assert await noted([b'{"output":[{"id":"msg"}],"id":"r-1"}']) == ["r-1"]
    assert await noted([b"event: response.created\ndata: " + CREATED + b"\n\n", b"more"]) == ["r-2"]


async def test_what_is_not_kept_is_not_noted() -> None:
    answer = [b'{"id":"r-1"}']
    assert await noted(answer, b'{"store": false}') == []
    assert await noted(answer, brought=Credentials(x_cashu="cashuB")) == []
    assert await noted(answer, brought=Credentials("Bearer sk-gone")) == []
    assert await noted(answer, provider="") == []
    assert await noted([b"no JSON"]) == []
    assert await noted([b"data: [DONE]\n\n"]) == []
