"""The client's side: what is sent, and who counts as gone."""

import asyncio
import json
from typing import Any

import pytest
from starlette.types import Message

from routstr.errors import InsufficientBalance, InvalidEvent
from routstr.proxy.exchange import Exchange
from routstr.proxy.realtime.client import ClientLeft, ClientSocket, refusing


class Server:
    """Keeps what it is given; ``stuck``: the client reads nothing; ``gone``: it has left."""

    def __init__(self, *messages: Message, stuck: bool = False, gone: bool = False) -> None:
        self.sent: list[Message] = []
        self._messages = list(messages)
        self._stuck, self._gone = stuck, gone
        scope: Any = {"type": "websocket"}
        self.socket = ClientSocket(Exchange(scope, self._receive, self._send, "id"), 0.01)

    async def _receive(self) -> Message:
        await asyncio.sleep(0)
        return self._messages.pop(0)

    async def _send(self, message: Message) -> None:
        if self._gone:
            raise OSError
        if self._stuck:
            await asyncio.sleep(60)
        self.sent.append(message)


async def test_texts_arrive_and_nothing_else_is_an_event() -> None:
    server = Server(
        {"type": "websocket.receive", "text": "{}"},
        {"type": "websocket.receive", "bytes": b"{}", "text": None},
        {"type": "websocket.disconnect", "code": 1000},
    )
    assert await server.socket.receive() == "{}"
    with pytest.raises(InvalidEvent):
        await server.socket.receive()
    with pytest.raises(ClientLeft):
        await server.socket.receive()


@pytest.mark.parametrize("how", ["stuck", "gone"])
async def test_who_reads_nothing_has_gone(how: str) -> None:
    server = Server(stuck=how == "stuck", gone=how == "gone")
    with pytest.raises(ClientLeft):
        await server.socket.accept(None)
    with pytest.raises(ClientLeft):
        await server.socket.send("{}")
    with pytest.raises(ClientLeft):
        await server.socket.close(1000, "")


async def test_an_error_is_told_once_with_the_event_that_it_is_about() -> None:
    server = Server()
    error = InsufficientBalance(details={"required": 5, "event_id": "mine"})
    await server.socket.tell(error)
    await server.socket.tell(error)
    (message,) = server.sent
    told = json.loads(message["text"])
    assert told["type"] == "error"
    assert told["error"]["code"] == "insufficient_balance"
    assert told["error"]["event_id"] == "mine"
    assert told["error"]["details"] == {"required": 5}


async def test_a_refusal_is_an_http_answer() -> None:
    sent: list[Message] = []

    async def send(message: Message) -> None:
        sent.append(message)

    refuse = refusing(send)
    await refuse({"type": "http.response.start", "status": 402, "headers": []})
    await refuse({"type": "websocket.accept"})
    assert [one["type"] for one in sent] == ["websocket.http.response.start", "websocket.accept"]


async def test_a_reason_is_short_enough_for_a_frame() -> None:
    server = Server()
    await server.socket.close(4402, "x" * 500)
    assert len(server.sent[0]["reason"]) <= 123
