"""A node that keeps answers, and readers of what it answers."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from routstr.core.clock import ManualClock
from routstr.core.node_key import NodeKey
from routstr.payment.usage import Media, Usage
from routstr.proxy.paid import PaidEndpoint
from routstr.proxy.response_cache.cases import ResponseCache
from routstr.proxy.response_cache.kept import Kept, Shelf
from routstr.proxy.response_cache.memory import MemoryShelf
from tests.unit.core.asgi import Answer
from tests.unit.proxy.harness import HELLO, Node, running

NODE = NodeKey(b"k" * 32)
SECONDS = 100
KEPT = Kept(b'{"a":1}', "played", False, Usage(1, 2, media=Media(seconds=3)), (9, 1, 3, 5, 0, 0))


@asynccontextmanager
async def keeping(
    clock: ManualClock | None = None,
    *,
    percent: int = 10,
    signs: tuple[str, ...] = ("temperature",),
    shelf: Shelf | None = None,
    **more: Any,
) -> AsyncIterator[Node]:
    shelf = shelf or MemoryShelf(clock or ManualClock(), seconds=SECONDS, bytes_max=1 << 20)
    cache = ResponseCache(shelf, NODE, percent, signs)
    async with running(**more) as node:
        for _, serve in node.app._routes.values():
            if isinstance(serve, PaidEndpoint):
                serve._cache = cache  # type: ignore[misc]
        yield node


async def chat(node: Node, **more: object) -> Answer:
    return await node.ask({"model": "good", "messages": HELLO, "temperature": 0, **more})


def is_hit(answered: Answer) -> bool:
    """Whether an answer was given before, as its header and its receipt agree."""
    assert answered.status == 200, answered.body
    told = answered.json()["metadata"]["routstr"].get("cached", False)
    assert (answered.header("x-routstr-cache") == "hit") is told
    return bool(told)
