"""What is kept beside the books, in memory or in the Redis-compatible server: limits, answers."""

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING, NamedTuple

from routstr.assembly.limits import MaybeGate, build_gate
from routstr.core.clock import Clock
from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.proxy.response_cache.cases import ResponseCache
from routstr.proxy.response_cache.kept import Shelf
from routstr.proxy.response_cache.memory import MemoryShelf

if TYPE_CHECKING:
    from routstr.core.redis import Redis


class Shared(NamedTuple):
    """The gate before the paid routes and the answers that are kept; None where that is off."""

    gate: MaybeGate
    cache: ResponseCache | None


async def open_shared(
    settings: Settings, node: NodeKey, clock: Clock, stack: AsyncExitStack
) -> Shared:
    """Both, closed with the stack."""
    redis = await _open_redis(settings, stack)
    gate = build_gate(settings, redis, node, clock)
    if gate is not None:
        stack.push_async_callback(gate.close)
    cache = _build_cache(settings, redis, node, clock)
    if cache is not None:
        stack.push_async_callback(cache.shelf.close)
    return Shared(gate, cache)


async def _open_redis(settings: Settings, stack: AsyncExitStack) -> "Redis | None":
    if not settings.redis_url:
        return None
    from routstr.core.redis import open_redis  # noqa: PLC0415 - only for who has such a server

    return await stack.enter_async_context(open_redis(settings.redis_url))


def _build_cache(
    settings: Settings, redis: "Redis | None", node: NodeKey, clock: Clock
) -> ResponseCache | None:
    seconds, bytes_max = settings.response_cache_seconds, settings.response_cache_bytes_max
    if not seconds:
        return None
    shelf: Shelf
    if redis is None:
        shelf = MemoryShelf(clock, seconds=seconds, bytes_max=bytes_max)
    else:
        from routstr.proxy.response_cache.shared import SharedShelf  # noqa: PLC0415

        fuse = Fuse("response_cache", clock)
        shelf = SharedShelf(redis, node, fuse, seconds=seconds, bytes_max=bytes_max)
    return ResponseCache(shelf, node, settings.response_cache_percent, settings.response_cache_for)
