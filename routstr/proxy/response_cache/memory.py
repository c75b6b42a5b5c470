"""Answers in the memory of this process: what was not asked for longest goes first."""

from collections import OrderedDict
from typing import Final

from routstr.core.clock import Clock
from routstr.proxy.response_cache.kept import Kept

OVERHEAD_BYTES: Final = 1_000
"""About what an answer takes beside its body."""


class MemoryShelf:
    """Bounded in bytes and in time."""

    __slots__ = ("_bytes", "_bytes_max", "_clock", "_entries", "_seconds")

    def __init__(self, clock: Clock, *, seconds: float, bytes_max: int) -> None:
        self._clock: Final = clock
        self._seconds: Final = seconds
        self._bytes_max: Final = bytes_max
        self._bytes = 0
        self._entries: Final[OrderedDict[str, tuple[float, Kept]]] = OrderedDict()

    async def find(self, name: str) -> Kept | None:
        """What is kept under a name; it was asked for just now."""
        entry = self._entries.get(name)
        if entry is None:
            return None
        due, kept = entry
        if self._clock.monotonic() >= due:
            self._forget(name)
            return None
        self._entries.move_to_end(name)
        return kept

    def keep(self, name: str, kept: Kept) -> None:
        """Keep it at once."""
        size = _size(kept)
        if size > self._bytes_max:
            return
        self._forget(name)
        self._entries[name] = (self._clock.monotonic() + self._seconds, kept)
        self._bytes += size
        while self._bytes > self._bytes_max:
            self._forget(next(iter(self._entries)))

    async def close(self) -> None:
        """There is nothing to wait for."""

    def _forget(self, name: str) -> None:
        entry = self._entries.pop(name, None)
        if entry is not None:
            self._bytes -= _size(entry[1])


def _size(kept: Kept) -> int:
    return len(kept.body) + OVERHEAD_BYTES
