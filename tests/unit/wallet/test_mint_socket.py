import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer

from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_socket import MESSAGE_BYTES_MAX, QuoteSocket


class Teller:
    """A mint's end of the connection: says what it is told to say."""

    def __init__(self) -> None:
        self.heard: list[dict[str, Any]] = []
        self.says: asyncio.Queue[str | None] = asyncio.Queue()

    async def answer(self, request: web.Request) -> web.StreamResponse:
        if request.path != "/base/v1/ws":
            return web.Response(status=404)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        speaking = asyncio.create_task(self._speak(socket))
        async for message in socket:
            self.heard.append(json.loads(message.data))
        speaking.cancel()
        return socket

    async def _speak(self, socket: web.WebSocketResponse) -> None:
        while (text := await self.says.get()) is not None:
            await socket.send_str(text)
        await socket.close()

    def tell(self, quote: str, state: str) -> None:
        params = {"subId": "x", "payload": {"quote": quote, "state": state, "amount": 8}}
        self.say({"jsonrpc": "2.0", "method": "subscribe", "params": params})

    def say(self, message: object) -> None:
        self.says.put_nowait(json.dumps(message))


@pytest.fixture
def teller() -> Teller:
    return Teller()


@pytest.fixture
async def url(teller: Teller) -> AsyncIterator[str]:
    app = web.Application()
    app.router.add_get("/{tail:.*}", teller.answer)
    server = TestServer(app, host="127.0.0.1")
    await server.start_server(shutdown_timeout=0.05)
    yield str(server.make_url("/base"))
    await server.close()


async def test_it_asks_for_a_quote_as_the_protocol_wants(
    session: aiohttp.ClientSession, url: str, teller: Teller
) -> None:
    async with QuoteSocket(session, url) as socket:
        await socket.watch("first")
        await socket.watch("second")
        teller.tell("second", "PAID")
        assert await asyncio.wait_for(socket.next(), 5) == "second"
    one, two = teller.heard
    assert (one["jsonrpc"], one["method"], one["id"], two["id"]) == ("2.0", "subscribe", 1, 2)
    assert one["params"]["kind"] == "bolt11_mint_quote"
    assert (one["params"]["filters"], two["params"]["filters"]) == (["first"], ["second"])
    assert one["params"]["subId"] != two["params"]["subId"]


async def test_answers_and_quotes_that_are_unpaid_are_passed_over(
    session: aiohttp.ClientSession, url: str, teller: Teller
) -> None:
    async with QuoteSocket(session, url) as socket:
        teller.say({"jsonrpc": "2.0", "id": 1, "result": {"status": "OK", "subId": "x"}})
        teller.tell("first", "UNPAID")
        teller.tell("second", "ISSUED")
        assert await asyncio.wait_for(socket.next(), 5) == "second"


@pytest.mark.parametrize(
    "message", ["{", "[]", '{"error": {"code": -32000, "message": "no"}, "id": 1}']
)
async def test_what_is_not_as_agreed_ends_it(
    session: aiohttp.ClientSession, url: str, teller: Teller, message: str
) -> None:
    async with QuoteSocket(session, url) as socket:
        teller.says.put_nowait(message)
        with pytest.raises(MintUnclear):
            await asyncio.wait_for(socket.next(), 5)


@pytest.mark.parametrize("message", [None, "x" * (MESSAGE_BYTES_MAX + 1)])
async def test_a_connection_that_ends_is_noticed(
    session: aiohttp.ClientSession, url: str, teller: Teller, message: str | None
) -> None:
    async with QuoteSocket(session, url) as socket:
        teller.says.put_nowait(message)
        with pytest.raises(MintDown):
            await asyncio.wait_for(socket.next(), 5)
        with pytest.raises(MintDown):
            await socket.watch("quote")


async def test_a_mint_without_it_is_no_connection(session: aiohttp.ClientSession, url: str) -> None:
    for where in (url + "/elsewhere", "http://127.0.0.1:9"):
        with pytest.raises(MintDown):
            async with QuoteSocket(session, where):
                pass
