"""What a real client does: asks, and asks the same again when it got no answer."""

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any, Final

import aiohttp

ANSWER_LIMIT_S: Final = 90.0
_REPEAT_LIMIT_S: Final = 40.0
_REPEAT_PAUSE_S: Final = 0.1
_RETRY_AFTER_S_MAX: Final = 1.0

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Reply:
    """An answer of the node; status 0: none came."""

    status: int
    body: Json = field(default_factory=dict)
    retry_after_s: float = 0.0
    x_cashu: str = ""

    @property
    def good(self) -> bool:
        return self.status == HTTPStatus.OK

    @property
    def code(self) -> str:
        """The node's word for what went wrong."""
        return str(self.body.get("error", {}).get("code", ""))

    def __str__(self) -> str:
        return f"{self.status} {self.code}".strip() if self.status else "no answer"


class Client:
    """Talks to one node, wherever it is at the moment."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session = session
        self.node_url = ""

    async def post(
        self,
        path: str,
        body: Json | None = None,
        *,
        bearer: str = "",
        x_cashu: str = "",
        idempotency: str = "",
    ) -> Reply:
        """One request; of a stream the body is its cost chunk."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        headers |= _named("X-Cashu", x_cashu) | _named("Idempotency-Key", idempotency)
        return await self._ask("POST", path, body, headers)

    async def get(self, path: str, *, bearer: str) -> Reply:
        """One question."""
        return await self._ask("GET", path, None, {"Authorization": f"Bearer {bearer}"})

    async def _ask(
        self, method: str, path: str, body: Json | None, headers: dict[str, str]
    ) -> Reply:
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
        url = self.node_url + path
        try:
            async with self._session.request(
                method, url, json=body, headers=headers, timeout=limit
            ) as response:
                wait_s = response.headers.get("Retry-After", "0")
                told = response.headers.get("X-Cashu", "")
                if response.content_type == "text/event-stream":
                    return Reply(response.status, _cost_chunk(await response.text()))
                return Reply(response.status, await response.json(), float(wait_s), told)
        except (aiohttp.ClientError, OSError):
            return Reply(0)


def _named(name: str, value: str) -> dict[str, str]:
    return {name: value} if value else {}


def _cost_chunk(stream: str) -> Json:
    """The chunk of a stream that tells its cost; raises when the stream ended without it."""
    data = [json.loads(line[6:]) for line in stream.splitlines() if line.startswith("data: {")]
    (chunk,) = [event for event in data if "metadata" in event]
    return dict(chunk)


async def repeated(ask: Callable[[], Awaitable[Reply]]) -> Reply:
    """Ask until all is well; the last answer when it never is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _REPEAT_LIMIT_S
    while True:
        reply = await ask()
        if reply.good or loop.time() > deadline:
            return reply
        await asyncio.sleep(max(_REPEAT_PAUSE_S, min(reply.retry_after_s, _RETRY_AFTER_S_MAX)))
