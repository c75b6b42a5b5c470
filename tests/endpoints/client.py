"""A client that sees everything, also what is cut off, and one that hangs up."""

import json
from collections.abc import Mapping
from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass
from typing import Any, Final

import aiohttp

_LIMIT: Final = aiohttp.ClientTimeout(total=120)
_COST: Final = "x-routstr-cost-msats"
_EVENTS: Final = "text/event-stream"


@dataclass(frozen=True, slots=True)
class Answer:
    """What came. ``broken``: the connection ended before the body did."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    broken: bool = False

    @property
    def streamed(self) -> bool:
        return self.headers.get("Content-Type", "").startswith(_EVENTS)

    @property
    def json(self) -> dict[str, Any]:
        """The body, or nothing when it is no JSON object."""
        kind = self.headers.get("Content-Type", "")
        found = json.loads(self.body) if kind.startswith("application/json") else {}
        return found if isinstance(found, dict) else {}

    @property
    def events(self) -> list[dict[str, Any]]:
        """Those that came whole."""
        whole, _, _ = self.body.decode("utf-8", "replace").rpartition("\n\n")
        lines = whole.splitlines() if self.streamed else []
        return [json.loads(line[6:]) for line in lines if line.startswith("data: {")]

    @property
    def error(self) -> dict[str, Any]:
        """The error of the body, or the one in its stream."""
        found = [one["error"] for one in (self.json, *self.events) if one.get("error")]
        return dict(found[0]) if found else {}

    @property
    def money(self) -> dict[str, Any]:
        """What the body says of the money; nothing where a body is not the node's to write in."""
        bodies = (self.json, *self.events)
        told = [one["metadata"]["routstr"] for one in bodies if "routstr" in _metadata(one)]
        assert len(told) <= 1, f"the cost is told {len(told)} times"
        return dict(told[0]) if told else {}

    @property
    def costs(self) -> set[int]:
        """All that says what it cost, in msat: one number, if there is nothing wrong."""
        told = {int(self.headers[_COST])} if _COST in self.headers else set()
        for one in (self.json, *self.events):
            if "routstr" not in _metadata(one):
                continue
            told.add(int(one["metadata"]["routstr"]["cost"]["total_msats"]))
            told.add(int(one["cost"]["total_msats"]))
            told.add(int(one["usage"]["cost"]["total_msats"]))
        return told

    def __str__(self) -> str:
        code = self.error.get("code", "")
        end = ", broken off" if self.broken else ""
        return f"{self.status} {code}{end}: {self.body[:200]!r}"


class Client:
    """Calls one node. Connections that are hung up are its own business."""

    def __init__(self, session: aiohttp.ClientSession, url: str) -> None:
        self._session = session
        self._url = url

    def _request(
        self, method: str, path: str, headers: Mapping[str, str], data: Any, kind: str
    ) -> Any:
        told = {**headers, **({"Content-Type": kind} if kind else {})}
        url = self._url + path
        return self._session.request(method, url, headers=told, data=data, timeout=_LIMIT)

    async def ask(
        self,
        path: str,
        headers: Mapping[str, str],
        data: Any = None,
        kind: str = "",
        method: str = "POST",
    ) -> Answer:
        """Ask, and read whatever comes."""
        body, broken = b"", False
        async with self._request(method, path, headers, data, kind) as response:
            try:
                async for piece in response.content.iter_any():
                    body += piece
            except (aiohttp.ClientPayloadError, ConnectionError):
                broken = True
        return Answer(response.status, response.headers.copy(), body, broken)

    def converse(
        self, path: str, headers: Mapping[str, str]
    ) -> AbstractAsyncContextManager[aiohttp.ClientWebSocketResponse]:
        """A WebSocket to a path."""
        return self._session.ws_connect(self._url + path, headers=headers)

    async def leave_after_the_first(
        self, path: str, headers: Mapping[str, str], data: Any, kind: str
    ) -> Answer:
        """Read the first bytes of an answer and hang up; with these bytes."""
        response = await self._request("POST", path, headers, data, kind)
        first = await response.content.readany()
        response.close()
        return Answer(response.status, response.headers.copy(), first, broken=True)


def _metadata(one: Mapping[str, Any]) -> Mapping[str, Any]:
    found = one.get("metadata")
    return found if isinstance(found, dict) else {}
