"""Other people's nodes, played on this machine under names of their own."""

import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import ClientSession, web
from aiohttp.abc import AbstractResolver, ResolveResult

from devkit.ports import LOOPBACK
from routstr.core.http import outgoing_session
from routstr.core.settings import Settings
from routstr.discovery.announcement import ANNOUNCEMENT
from routstr.discovery.events import Draft, Event
from routstr.discovery.identity import Identity
from routstr.discovery.reviews import REVIEW

Answering = Callable[[web.Request], web.StreamResponse]


class Nodes(AbstractResolver):
    """Every name leads to the one server; ``plays`` says how each host answers."""

    def __init__(self) -> None:
        self.plays: dict[str, Answering] = {}
        self.asked: list[str] = []
        self.port = 0

    async def answer(self, request: web.Request) -> web.StreamResponse:
        self.asked.append(f"{request.url.host}{request.path}")
        return self.plays[request.url.host or ""](request)

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        if host not in self.plays:
            raise OSError(f"no such name: {host}")
        return [
            ResolveResult(
                hostname=host,
                host=LOOPBACK,
                port=self.port,
                family=socket.AF_INET,
                proto=0,
                flags=socket.AI_NUMERICHOST,
            )
        ]

    async def close(self) -> None: ...


@asynccontextmanager
async def open_nodes(
    settings: Settings | None = None, *, allow_loopback: bool = True
) -> AsyncIterator[tuple[Nodes, ClientSession]]:
    """Nodes, and the session with which a node of these settings looks at others."""
    nodes = Nodes()
    app = web.Application()
    app.router.add_get("/{tail:.*}", nodes.answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    await web.TCPSite(runner, LOOPBACK, 0).start()
    nodes.port = runner.addresses[0][1]
    session = outgoing_session(
        settings or Settings(), allow_loopback=allow_loopback, resolver=nodes
    )
    try:
        async with session:
            yield nodes, session
    finally:
        await runner.cleanup()


def says(**info: object) -> Answering:
    """A node that tells this at ``/v1/info``, and nothing else."""

    def answer(request: web.Request) -> web.StreamResponse:
        if request.path != "/v1/info":
            return web.Response(status=404)
        return web.json_response(info)

    return answer


def announced(
    me: Identity, *urls: str, at: int = 1_000, name: str = "n", more: Any = (), content: str = ""
) -> Event:
    """A node's announcement."""
    tags = (("d", name), *(("u", url) for url in urls), *more)
    return me.sign(Draft(ANNOUNCEMENT, tags, content or '{"name":"N","about":"A"}'), at)


def reviewed(by: Identity, node: Identity, *labels: str, at: int = 1_000, words: str = "") -> Event:
    """A review of a node."""
    tags = (("d", node.pubkey), ("node", node.pubkey), *(("t", label) for label in labels))
    return by.sign(Draft(REVIEW, tags, words), at)


def raw(event: Event) -> dict[str, Any]:
    """As a relay has it."""
    found: dict[str, Any] = msgspec.json.decode(msgspec.json.encode(event))
    return found
