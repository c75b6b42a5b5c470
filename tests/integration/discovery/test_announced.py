"""A real node is announced, changed, signed in to and withdrawn at relays on this machine."""

import asyncio
import base64
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import aiohttp
import msgspec

from devkit.node import Node, settings
from devkit.prices import write_models
from devkit.relay import NostrRelay
from routstr.core.clock import SystemClock
from routstr.core.secret import Secret
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.events import HTTP_AUTH, Draft
from routstr.discovery.identity import Identity

PASSWORD = "correct horse"
NOWHERE = "http://127.0.0.1:1"
LIMIT_S = 20.0
BOB = Identity(Secret("33" * 32))
EVE = Identity(Secret("44" * 32))


async def until(holds: Callable[[], object]) -> None:
    async with asyncio.timeout(LIMIT_S):
        while not holds():  # noqa: ASYNC110 - what another process does
            await asyncio.sleep(0.05)


def told(relay: NostrRelay, what: str) -> list[str]:
    return [tag[1] for event in relay.held(ANNOUNCEMENT) for tag in event["tags"] if tag[0] == what]


def named(relay: NostrRelay) -> str:
    return "".join(json.loads(event["content"])["name"] for event in relay.held(ANNOUNCEMENT))


def signed(me: Identity, url: str) -> dict[str, str]:
    draft = Draft(HTTP_AUTH, (("u", url), ("method", "POST")))
    event = msgspec.json.encode(me.sign(draft, SystemClock().now_ms() // 1_000))
    return {"Authorization": "Nostr " + base64.b64encode(event).decode()}


class Operator:
    """Asks as the operator."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session, self._url = session, url
        self._token = ""

    async def ask(self, method: str, path: str, body: object = None) -> Any:
        headers = {"Authorization": f"Bearer {self._token}"} if self._token else {}
        url = f"{self._url}/admin/api{path}"
        async with self._session.request(method, url, json=body, headers=headers) as answer:
            assert answer.status == 200, await answer.text()
            found = await answer.json()
            self._token = found.get("token", self._token)
            return found

    async def sees(self, state: str) -> Any:
        async with asyncio.timeout(LIMIT_S):
            while (shown := await self.ask("GET", "/nostr"))["state"] != state:  # noqa: ASYNC110
                await asyncio.sleep(0.05)
        return shown

    async def sign_in(self, headers: dict[str, str]) -> int:
        url = f"{self._url}/admin/api/login"
        async with self._session.post(url, headers=headers) as answer:
            return answer.status


async def test_a_node_is_found_changed_and_withdrawn(tmp_path: Path) -> None:
    async with NostrRelay() as one, NostrRelay() as two, aiohttp.ClientSession() as session:
        environment = {
            **settings(mints=[NOWHERE], upstream=f"{NOWHERE}/v1", models=write_models(
                tmp_path / "models.json", ["good"])),
            "ADMIN_PASSWORD": PASSWORD,
            "ADMIN_NPUB": BOB.npub,
            "RELAYS": f"{one.url},{two.url}",
        }  # fmt: skip
        node = await Node.start(tmp_path / "node", environment, healthy=False)
        try:
            await tell_the_story(node, Operator(session, node.url), one, two)
        finally:
            await node.stop(grace_s=5)


async def tell_the_story(node: Node, operator: Operator, one: NostrRelay, two: NostrRelay) -> None:
    await operator.ask("POST", "/login", {"password": PASSWORD})
    assert (await operator.ask("GET", "/nostr"))["state"] == "no_key"

    two.play = "refuse"
    npub = (await operator.ask("POST", "/nostr/key"))["npub"]
    await operator.ask("PATCH", "/settings", {"http_url": "https://node.example.com"})
    await until(lambda: told(one, "u") == ["https://node.example.com"])
    await until(lambda: two.received)
    assert told(one, "mint") == [NOWHERE]
    assert two.held(ANNOUNCEMENT) == []
    (first,) = one.held(ANNOUNCEMENT)

    two.play = "honest"
    await operator.ask("PATCH", "/settings", {"name": "Bob's", "description": "sells"})
    await until(lambda: named(one) == named(two) == "Bob's")
    (second,) = two.held(ANNOUNCEMENT)
    assert second["created_at"] > first["created_at"]
    assert second["pubkey"] == first["pubkey"]
    shown = await operator.sees("announced")
    assert shown["npub"] == npub
    assert shown["announcement"]["provider_id"] == first["pubkey"][:12]
    assert [relay["holds_announcement"] for relay in shown["relays"]] == [True, True]

    here = f"{node.url}/admin/api/login"
    assert await operator.sign_in(signed(EVE, here)) == 401
    header = signed(BOB, here)
    assert await operator.sign_in(header) == 200
    assert await operator.sign_in(header) == 401

    withdrawn = await node.speak("nostr", "withdraw", "--json")
    assert (withdrawn.status, withdrawn.json["stand"]) == (0, "withdrawn"), withdrawn
    await until(lambda: not told(one, "u") and not told(two, "u"))
    assert {event["kind"] for event in one.held(5)} == {5}
