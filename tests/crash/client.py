"""What a real client does: asks, and asks the same again when it got no answer."""

import asyncio
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

    async def post(self, path: str, body: Json | None = None, *, bearer: str = "") -> Reply:
        """One request."""
        return await self._ask("POST", path, body, bearer)

    async def get(self, path: str, *, bearer: str) -> Reply:
        """One question."""
        return await self._ask("GET", path, None, bearer)

    async def _ask(self, method: str, path: str, body: Json | None, bearer: str) -> Reply:
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        limit = aiohttp.ClientTimeout(total=ANSWER_LIMIT_S)
        url = self.node_url + path
        try:
            async with self._session.request(
                method, url, json=body, headers=headers, timeout=limit
            ) as response:
                wait_s = response.headers.get("Retry-After", "0")
                return Reply(response.status, await response.json(), float(wait_s))
        except (aiohttp.ClientError, OSError):
            return Reply(0)


async def repeated(ask: Callable[[], Awaitable[Reply]]) -> Reply:
    """Ask until all is well; the last answer when it never is."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + _REPEAT_LIMIT_S
    while True:
        reply = await ask()
        if reply.good or loop.time() > deadline:
            return reply
        await asyncio.sleep(max(_REPEAT_PAUSE_S, min(reply.retry_after_s, _RETRY_AFTER_S_MAX)))
