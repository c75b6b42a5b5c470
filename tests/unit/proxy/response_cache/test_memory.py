"""Answers in memory, bounded in bytes and in time."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from routstr.core.clock import ManualClock
from routstr.proxy.response_cache.kept import Kept
from routstr.proxy.response_cache.memory import OVERHEAD_BYTES, MemoryShelf
from tests.unit.proxy.response_cache.caching import KEPT


def of_size(size: int) -> Kept:
    return msgspec.structs.replace(KEPT, body=b"x" * size)


def shelf_of(bytes_max: int, clock: ManualClock | None = None) -> MemoryShelf:
    return MemoryShelf(clock or ManualClock(), seconds=10, bytes_max=bytes_max)


async def test_what_was_not_asked_for_longest_goes_first() -> None:
    shelf = shelf_of(2 * OVERHEAD_BYTES + 20)
    for name in "ab":
        shelf.keep(name, of_size(10))
    assert await shelf.find("a") is not None
    shelf.keep("c", of_size(10))
    assert [await shelf.find(name) is not None for name in "abc"] == [True, False, True]
    shelf.keep("d", of_size(10_000))
    assert await shelf.find("d") is None
    await shelf.close()


async def test_what_is_too_old_is_gone() -> None:
    clock = ManualClock()
    shelf = shelf_of(10_000, clock)
    shelf.keep("a", of_size(10))
    clock.advance(seconds=10)
    assert await shelf.find("a") is None
    assert (shelf._bytes, len(shelf._entries)) == (0, 0)


@given(st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 5_000)), max_size=30))
async def test_it_never_takes_more_than_it_may(kept: list[tuple[str, int]]) -> None:
    shelf = shelf_of(9_000)
    for name, size in kept:
        shelf.keep(name, of_size(size))
        taken = [len(one.body) + OVERHEAD_BYTES for _, one in shelf._entries.values()]
        assert shelf._bytes == sum(taken) <= 9_000
