"""Counters in the memory of this process.

The library's own store looks at every counter there is with each request that it counts. Here all
windows are equally long, so they end in the order in which they began: whoever counts removes what
is over at the front, and nothing else is looked at.
"""

from typing import Final

from limits.aio.storage import Storage

from routstr.core.clock import Clock

COUNTERS_MAX: Final = 200_000
"""About 40 MB; beyond them the oldest are forgotten."""


class MemoryStorage(Storage):
    """Fixed windows in memory. No call ever waits."""

    STORAGE_SCHEME = None

    def __init__(self, clock: Clock, counters_max: int = COUNTERS_MAX) -> None:
        super().__init__()
        self._clock: Final = clock
        self._counters_max: Final = counters_max
        self._windows: dict[str, tuple[float, int]] = {}

    @property
    def base_exceptions(self) -> type[Exception]:
        """Nothing can fail."""
        return MemoryError

    async def incr(self, key: str, expiry: int, amount: int = 1) -> int:
        """Count, and return how much was counted since the window began."""
        now = self._now()
        self._forget(now)
        if key not in self._windows and len(self._windows) >= self._counters_max:
            del self._windows[next(iter(self._windows))]
        end, count = self._windows.get(key, (now + expiry, 0))
        self._windows[key] = (end, count + amount)
        return count + amount

    async def get(self, key: str) -> int:
        """How much was counted since the window began."""
        self._forget(self._now())
        return self._windows.get(key, (0, 0))[1]

    async def get_expiry(self, key: str) -> float:
        """When the window ends, in seconds since 1970; now when there is none."""
        window = self._windows.get(key)
        return self._now() if window is None else window[0]

    async def check(self) -> bool:
        """It is always there."""
        return True

    async def reset(self) -> int:
        """Forget everything."""
        count = len(self._windows)
        self._windows.clear()
        return count

    async def clear(self, key: str) -> None:
        """Forget one counter."""
        self._windows.pop(key, None)

    def _now(self) -> float:
        return self._clock.now_ms() / 1_000

    def _forget(self, now: float) -> None:
        windows = self._windows
        while windows:
            first = next(iter(windows))
            if windows[first][0] > now:
                return
            del windows[first]
