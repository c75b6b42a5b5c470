"""A Nostr relay on loopback (NIP-01, 09) that can misbehave.

``async with NostrRelay() as relay``: ``relay.url`` keeps events, replaces addressable ones and
answers. ``relay.play`` says what goes wrong instead; ``relay.extra`` is sent to whoever asks,
whatever they asked for, unchecked: for forged events.
"""

import asyncio
import json
from typing import Any, Final, Literal, Self

from aiohttp import WSMsgType, web

from devkit.ports import LOOPBACK

Play = Literal[
    "honest",
    "refuse",
    "silent",
    "garbage",
    "slow",
    "closing",
    "no websocket",
    "giant",
    "endless",
]
SLOW_S: Final = 0.05
GIANT_BYTES: Final = 2 * 1024 * 1024
_Raw = dict[str, Any]


class NostrRelay:
    """Serves one relay; ``events`` are what it holds, by id, unchecked."""

    def __init__(self, port: int = 0) -> None:
        self.play: Play = "honest"
        self.refusal = "blocked: not today"
        self.events: dict[str, _Raw] = {}
        self.received: list[_Raw] = []
        """Every event that was given to it, taken or not."""
        self.asked: list[list[_Raw]] = []
        """The filters of each question."""
        self.extra: list[_Raw] = []
        self._port = port
        self._deleted: dict[str, int] = {}

    @property
    def url(self) -> str:
        return f"ws://{LOOPBACK}:{self._port}"

    def held(self, kind: int) -> list[_Raw]:
        """The events of a kind that it holds, the newest first."""
        found = [event for event in self.events.values() if event["kind"] == kind]
        return sorted(found, key=lambda event: -event["created_at"])

    async def __aenter__(self) -> Self:
        app = web.Application()
        app.router.add_get("/", self._serve)
        self._runner = web.AppRunner(app, shutdown_timeout=0)
        await self._runner.setup()
        await web.TCPSite(self._runner, LOOPBACK, self._port).start()
        self._port = self._runner.addresses[0][1]
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._runner.cleanup()

    def keep(self, event: _Raw) -> str:
        """Store an event as a relay does; why not, if not."""
        address = _address(event)
        if event["created_at"] <= self._deleted.get(address, -1):
            return "deleted: by its author"
        for other in [one for one in self.events.values() if _address(one) == address]:
            if other["id"] == event["id"]:
                return ""
            if (-event["created_at"], event["id"]) > (-other["created_at"], other["id"]):
                return "replaced: have newer event"
            del self.events[other["id"]]
        self.events[event["id"]] = event
        if event["kind"] == 5:
            self._delete(event)
        return ""

    def _delete(self, deletion: _Raw) -> None:
        at, author = deletion["created_at"], deletion["pubkey"]
        for address in (tag[1] for tag in deletion["tags"] if tag[0] == "a"):
            if address.split(":")[1] == author:
                self._deleted[address] = at
        for event in list(self.events.values()):
            if event["created_at"] <= self._deleted.get(_address(event), -1):
                del self.events[event["id"]]

    async def _serve(self, request: web.Request) -> web.StreamResponse:
        if self.play == "no websocket":
            return web.Response(text="a relay speaks WebSocket", status=418)
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        async for message in socket:
            if message.type is WSMsgType.TEXT:
                await self._hear(socket, json.loads(message.data))
        return socket

    async def _hear(self, socket: web.WebSocketResponse, said: list[Any]) -> None:
        match said:
            case ["EVENT", event]:
                self.received.append(event)
                if await self._plays(socket):
                    await self._say(socket, "OK", event["id"], *self._verdict(event))
            case ["REQ", name, *filters]:
                self.asked.append(filters)
                if await self._plays(socket):
                    for event in [*self.extra, *self._found(filters)]:
                        await self._say(socket, "EVENT", name, event)
                    if self.play != "endless":
                        await self._say(socket, "EOSE", name)
            case _:
                pass

    def _verdict(self, event: _Raw) -> tuple[bool, str]:
        reason = self.refusal if self.play == "refuse" else self.keep(event)
        return not reason, reason

    async def _plays(self, socket: web.WebSocketResponse) -> bool:
        """Whether an honest answer follows."""
        match self.play:
            case "silent":
                return False
            case "closing":
                await socket.close()
                return False
            case "garbage":
                await socket.send_str('["OK", {')
                await socket.send_bytes(b"\xff\x00")
                await socket.send_str('{"kind": 1}')
                await self._say(socket, "EVENT", "another", {"id": 7})
            case "giant":
                await self._say(socket, "NOTICE", "x" * GIANT_BYTES)
            case "slow":
                await asyncio.sleep(SLOW_S)
            case _:
                pass
        return True

    def _found(self, filters: list[_Raw]) -> list[_Raw]:
        found: dict[str, _Raw] = {}
        for one in filters:
            newest = sorted(self.events.values(), key=lambda event: -event["created_at"])
            fitting = [event for event in newest if _fits(event, one)]
            found |= {event["id"]: event for event in fitting[: one.get("limit", 500)]}
        return list(found.values())

    async def _say(self, socket: web.WebSocketResponse, *parts: object) -> None:
        await socket.send_str(json.dumps(parts))


def _address(event: _Raw) -> str:
    identifier = next((tag[1] for tag in event["tags"] if tag[0] == "d"), "")
    if 30_000 <= event["kind"] < 40_000:
        return f"{event['kind']}:{event['pubkey']}:{identifier}"
    return (
        f"{event['kind']}:{event['pubkey']}:" if 10_000 <= event["kind"] < 20_000 else event["id"]
    )


def _fits(event: _Raw, asked: _Raw) -> bool:
    for name, wanted in asked.items():
        if name.startswith("#"):
            if not any(tag[0] == name[1:] and tag[1] in wanted for tag in event["tags"]):
                return False
        elif name == "since":
            if event["created_at"] < wanted:
                return False
        elif name == "until":
            if event["created_at"] > wanted:
                return False
        elif name != "limit":
            own = {"ids": "id", "kinds": "kind", "authors": "pubkey"}[name]
            if event[own] not in wanted:
                return False
    return True
