"""A node whose paid routes are behind a gate, without anything real in the store."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from limits.aio.storage import Storage

from routstr.core.clock import ManualClock
from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey
from routstr.proxy.hot import HotRoutes
from routstr.proxy.limits.counters import Counters
from routstr.proxy.limits.gate import Gate, GateParts, Limits
from routstr.proxy.limits.memory import MemoryStorage
from routstr.proxy.limits.routes import limited
from routstr.proxy.limits.slots import MemorySlots
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import Node, not_hot, running


def limits(scope: str, *, requests: int = 0, tokens: int = 0, at_once: int = 0) -> Limits:
    return Limits(scope, requests=requests, tokens=tokens, at_once=at_once)


def gate_of(
    clock: ManualClock, key: Limits, address: Limits, storage: Storage | None = None
) -> Gate:
    counters = Counters(storage or MemoryStorage(clock), clock)
    fuse = Fuse("rate_limits", clock)
    return Gate(GateParts(key, address, counters, MemorySlots(), fuse, NodeKey(b"k" * 32)))


@asynccontextmanager
async def guarded(
    clock: ManualClock | None = None,
    *,
    key: Mapping[str, int] | None = None,
    address: Mapping[str, int] | None = None,
    storage: Storage | None = None,
) -> AsyncIterator[Node]:
    gate = gate_of(
        clock or ManualClock(),
        limits("key", **(key or {})),
        limits("address", **(address or {})),
        storage,
    )
    async with running() as node:
        routes = limited(gate, dict(node.app._routes.values()))
        node.app = HotRoutes(not_hot, routes, node.around)
        yield node
        await gate.close()
        assert gate.parts.slots._taken == {}  # type: ignore[attr-defined]


def error(answered: Answer) -> dict[str, Any]:
    told: dict[str, Any] = answered.json()["error"]
    return told


def left(answered: Answer, metric: str = "requests") -> tuple[str | None, ...]:
    names = ("limit", "remaining", "reset")
    return tuple(answered.header(f"x-ratelimit-{name}-{metric}") for name in names)
