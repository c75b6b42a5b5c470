"""Time as an argument: whoever needs it takes a :class:`Clock`, so tests can turn it."""

import time
from dataclasses import dataclass
from typing import Protocol


class Clock(Protocol):
    """Where the time comes from."""

    def now_ms(self) -> int:
        """Milliseconds since 1970-01-01 UTC: for what is stored or shown."""
        ...

    def monotonic(self) -> float:
        """Seconds from an arbitrary start, never going back: for durations and deadlines."""
        ...


class SystemClock:
    """The machine's own clock."""

    __slots__ = ()

    monotonic = staticmethod(time.monotonic)
    """Asked several times in each request: without a function around it."""

    def now_ms(self) -> int:
        return time.time_ns() // 1_000_000


@dataclass(slots=True)
class ManualClock:
    """A clock that moves only when told, for tests; both of its hands move together."""

    ms: int = 1_700_000_000_000

    def now_ms(self) -> int:
        return self.ms

    def monotonic(self) -> float:
        return self.ms / 1_000

    def advance(self, *, seconds: float = 0, ms: int = 0) -> None:
        """Move forward."""
        step = round(seconds * 1_000) + ms
        if step < 0:
            raise ValueError("time does not go back")
        self.ms += step
