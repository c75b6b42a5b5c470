"""How much was used in this minute: what is left of a limit, and until when.

A minute begins with the first request that counts in it, for each payer and each limit alone, so
that ``x-ratelimit-reset-...`` is the moment at which the whole limit is there again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from limits import RateLimitItemPerMinute
from limits.aio.storage import Storage
from limits.aio.strategies import FixedWindowRateLimiter

from routstr.core.clock import Clock

WINDOW_SECONDS: Final = 60


class Metric(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"


class Bound:
    """One limit: so much of a metric in a minute. ``scope`` is ``key`` or ``address``."""

    __slots__ = ("amount", "item", "metric", "scope")

    def __init__(self, scope: str, metric: Metric, amount: int) -> None:
        self.scope: Final = scope
        self.metric: Final = metric
        self.amount: Final = amount
        self.item: Final = RateLimitItemPerMinute(amount, namespace=f"{scope}-{metric}")

    @property
    def name(self) -> str:
        """The name of the setting, in lower case."""
        return f"{self.scope}_{self.metric}_per_minute"


@dataclass(frozen=True, slots=True)
class Standing:
    """What is left of a limit, and in how many seconds all of it is there again."""

    bound: Bound
    remaining: int
    reset_s: float


class Counters:
    """Counts in a store of the library's. Raises its ``StorageError`` when the store is away."""

    __slots__ = ("_clock", "_windows")

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._clock: Final = clock
        self._windows: Final = FixedWindowRateLimiter(storage)

    async def look(self, bound: Bound, who: str) -> Standing:
        """Tell what is left; nothing is counted."""
        stats = await self._windows.get_window_stats(bound.item, who)
        left = stats.reset_time - self._clock.now_ms() / 1_000
        begun = stats.remaining < bound.amount and left > 0
        reset = min(left, WINDOW_SECONDS) if begun else WINDOW_SECONDS
        return Standing(bound, max(0, stats.remaining), reset)

    async def add(self, bound: Bound, who: str, cost: int) -> bool:
        """Count; False when that is more than the limit, which it is counted against all the same.

        ``cost`` is at least 1.
        """
        return await self._windows.hit(bound.item, who, cost=cost)
