"""What is kept beside the books is there only where it is switched on."""

from contextlib import AsyncExitStack

from routstr.assembly.sharing import open_shared
from routstr.core.clock import ManualClock
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.proxy.limits.shared import SharedSlots
from routstr.proxy.response_cache.memory import MemoryShelf
from routstr.proxy.response_cache.shared import SharedShelf

NODE = NodeKey(b"k" * 32)
ON = {"response_cache_seconds": 60, "key_concurrency_max": 1}


async def test_by_default_nothing_is_kept() -> None:
    async with AsyncExitStack() as stack:
        shared = await open_shared(Settings(), NODE, ManualClock(), stack)
        assert shared == (None, None)


async def test_without_a_server_answers_are_kept_in_memory() -> None:
    async with AsyncExitStack() as stack:
        settings = Settings.model_validate({**ON, "response_cache_percent": 7})
        shared = await open_shared(settings, NODE, ManualClock(), stack)
        assert shared.gate is not None
        assert shared.cache is not None
        assert isinstance(shared.cache.shelf, MemoryShelf)
        assert (shared.cache.percent, shared.cache.signs) == (7, ("temperature",))


async def test_the_server_is_for_both() -> None:
    async with AsyncExitStack() as stack:
        settings = Settings.model_validate({**ON, "redis_url": "redis://127.0.0.1:1"})
        shared = await open_shared(settings, NODE, ManualClock(), stack)
        assert shared.gate is not None
        assert isinstance(shared.gate.parts.slots, SharedSlots)
        assert shared.cache is not None
        assert isinstance(shared.cache.shelf, SharedShelf)
