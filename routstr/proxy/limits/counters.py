"""How much was used in this minute: what is left of a limit, and until when.

A minute begins with the first request that counts in it, for each payer and each limit alone, so
that ``x-ratelimit-reset-...`` is the moment at which the whole limit is there again.
"""

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from limits.aio.storage import Storage

from routstr.core.clock import Clock

WINDOW_SECONDS: Final = 60


class Metric(StrEnum):
    """What is counted."""

    REQUESTS = "requests"
    TOKENS = "tokens"


@dataclass(frozen=True, slots=True)
class Bound:
    """One limit: so much of a metric in a minute. ``scope`` is ``key`` or ``address``."""

    scope: str
    metric: Metric
    amount: int

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
    """Counts in a store of the library's. Raises its ``StorageError`` when the store is away.

    The library's fixed windows, without its items and strategies, which take twice as long.
    """

    __slots__ = ("_clock", "_storage")

    def __init__(self, storage: Storage, clock: Clock) -> None:
        self._storage: Final = storage
        self._clock: Final = clock

    async def look(self, bound: Bound, who: str) -> Standing:
        """Tell what is left; nothing is counted."""
        name = _name(bound, who)
        count = await self._storage.get(name)
        left: float = WINDOW_SECONDS
        if count:
            end = await self._storage.get_expiry(name) - self._clock.now_ms() / 1_000
            left = min(end, WINDOW_SECONDS) if end > 0 else WINDOW_SECONDS
        return Standing(bound, max(0, bound.amount - count), left)

    async def add(self, bound: Bound, who: str, cost: int) -> bool:
        """Count; False when that is more than the limit, which it is counted against all the same.

        ``cost`` is at least 1.
        """
        counted = await self._storage.incr(_name(bound, who), WINDOW_SECONDS, cost)
        return counted <= bound.amount


def _name(bound: Bound, who: str) -> str:
    return f"{bound.scope}-{bound.metric.value}:{who}"
