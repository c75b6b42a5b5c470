"""How a provider has fared with this process: times of its newest answers, and failures."""

from collections import deque
from statistics import median
from typing import Final, final

KEPT: Final = 200
"""Answers whose times are kept."""


@final
class Pace:
    """Counts attempts. A time is that of a whole answer, or until a stream begins."""

    __slots__ = ("_times", "answered", "failed", "failed_at")

    def __init__(self) -> None:
        self._times: Final[deque[float]] = deque(maxlen=KEPT)
        self.answered = 0
        self.failed = 0
        self.failed_at: float | None = None
        """When it failed last, on the monotonic clock of the loop."""

    def took(self, seconds: float) -> None:
        """An attempt was answered."""
        self.answered += 1
        self._times.append(seconds)

    def broke(self, now: float) -> None:
        """An attempt failed, by the provider's own fault."""
        self.failed += 1
        self.failed_at = now

    @property
    def p50_s(self) -> float | None:
        """Half of the newest answers took no longer; None before the first."""
        return median(self._times) if self._times else None
