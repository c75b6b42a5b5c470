import asyncio
import json
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.types import Message

from routstr.balance import live
from routstr.balance.live import LiveBalances
from routstr.core.cors import Cors
from tests.unit.auth.keyring import Keyring, keyring

OWN = [("host", "node"), ("origin", "http://node")]


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


@pytest.fixture
def balances(ring: Keyring) -> LiveBalances:
    return LiveBalances(ring.world.db, ring.auth, Cors(["https://friend.example"]))


class Visitor:
    """A browser's end of one connection."""

    def __init__(self, balances: LiveBalances, headers: Sequence[tuple[str, str]] = OWN) -> None:
        app = FastAPI()
        app.include_router(live.router)
        app.state.live = balances
        scope = {
            "type": "websocket", "path": "/live", "query_string": b"", "subprotocols": [],
            "headers": [(name.encode(), value.encode()) for name, value in headers],
        }  # fmt: skip
        self._inbox: asyncio.Queue[Message] = asyncio.Queue()
        self._outbox: asyncio.Queue[Message] = asyncio.Queue()
        self._inbox.put_nowait({"type": "websocket.connect"})
        self.task = asyncio.create_task(app(scope, self._inbox.get, self._outbox.put))

    def say(self, text: str) -> None:
        self._inbox.put_nowait({"type": "websocket.receive", "text": text})

    async def hear(self) -> Message:
        async with asyncio.timeout(5):
            return await self._outbox.get()

    async def told(self) -> dict[str, Any]:
        message = await self.hear()
        assert message["type"] == "websocket.send", message
        return dict(json.loads(message["text"]))

    async def enter(self, key: str) -> dict[str, Any]:
        """Come in with a key, and hear the first balance."""
        assert (await self.hear())["type"] == "websocket.accept"
        self.say(json.dumps({"api_key": key}))
        return await self.told()

    async def leave(self) -> None:
        self._inbox.put_nowait({"type": "websocket.disconnect", "code": 1001})
        async with asyncio.timeout(5):
            await self.task


async def test_a_balance_is_told_at_once_and_at_each_change(
    ring: Keyring, balances: LiveBalances
) -> None:
    payer = await ring.key(8)
    first, second = Visitor(balances), Visitor(balances)
    told = await first.enter(payer.key)
    assert told == {
        "type": "balance", "balance": 8_000, "reserved": 0, "total": 8_000,
        "total_spent": 0, "total_requests": 0,
    }  # fmt: skip
    assert await second.enter(payer.key) == told
    await balances.look()  # nothing has changed: nothing is told
    await ring.spend(payer, 500)
    await balances.look()
    for visitor in (first, second):
        changed = await visitor.told()
        assert (changed["balance"], changed["total_requests"]) == (7_500, 1)
    await first.leave()
    await second.leave()
    assert balances._accounts == {}


async def test_a_key_that_is_rotated_is_sent_away_at_the_next_change(
    ring: Keyring, balances: LiveBalances
) -> None:
    payer = await ring.key(8)
    visitor = Visitor(balances)
    await visitor.enter(payer.key)
    await ring.profiles.rotate(payer.key, None)
    await balances.look()
    assert (await visitor.told())["error"]["code"] == "key_not_found"
    assert (await visitor.hear())["code"] == 1008


@pytest.mark.parametrize(
    ("text", "code"),
    [('{"api_key": "sk-nobody"}', "key_not_found"), ("hello", "invalid_event"),
     ("x" * 20_000, "invalid_event"), ("[" * 9_000, "invalid_event")],
)  # fmt: skip
async def test_what_is_no_key_is_told_and_sent_away(
    balances: LiveBalances, text: str, code: str
) -> None:
    visitor = Visitor(balances)
    await visitor.hear()
    visitor.say(text)
    assert (await visitor.told())["error"]["code"] == code
    closed = await visitor.hear()
    assert (closed["type"], closed["code"]) == ("websocket.close", 1008)
    await visitor.task


async def test_only_the_first_message_is_read(ring: Keyring, balances: LiveBalances) -> None:
    visitor = Visitor(balances)
    await visitor.enter((await ring.key(8)).key)
    visitor.say("and more")
    assert (await visitor.told())["error"]["code"] == "invalid_event"


@pytest.mark.parametrize(
    ("headers", "code"),
    [(OWN, "websocket.accept"), ([("host", "node")], "websocket.accept"),
     ([("host", "node"), ("origin", "https://friend.example")], "websocket.accept"),
     ([("host", "node"), ("origin", "https://node.evil.example")], "websocket.close"),
     ([("host", "node"), ("origin", "null")], "websocket.close")],
)  # fmt: skip
async def test_a_foreign_page_is_not_let_in(
    balances: LiveBalances, headers: Sequence[tuple[str, str]], code: str
) -> None:
    visitor = Visitor(balances, headers)
    assert (await visitor.hear())["type"] == code
    await visitor.leave()


async def test_one_key_has_only_so_many_connections(
    ring: Keyring, balances: LiveBalances, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "WATCHERS_MAX", 1)
    monkeypatch.setattr(live, "CONNECTIONS_MAX", 2)
    key = (await ring.key(8)).key
    inside, refused = Visitor(balances), Visitor(balances)
    await inside.enter(key)
    assert (await refused.enter(key))["error"]["code"] == "concurrency_limit_exceeded"
    assert (await refused.hear())["code"] == 1013
    waiting, outside = Visitor(balances), Visitor(balances)
    await waiting.hear()
    assert (await outside.hear())["type"] == "websocket.close"
    await waiting.leave()
    await inside.leave()


async def test_who_says_nothing_is_not_waited_for(
    balances: LiveBalances, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(live, "FIRST_MESSAGE_SECONDS", 0.01)
    visitor = Visitor(balances)
    await visitor.hear()
    async with asyncio.timeout(5):
        await visitor.task


async def test_changed_settings_send_everybody_to_what_serves_now(
    ring: Keyring, balances: LiveBalances
) -> None:
    visitor = Visitor(balances)
    await visitor.enter((await ring.key(8)).key)
    balances.close()
    assert (await visitor.hear())["code"] == 1012
    assert (await Visitor(balances).hear())["type"] == "websocket.close"
