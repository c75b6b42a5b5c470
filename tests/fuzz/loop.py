"""An event loop that does not wait: where all sleep, time moves on to the next who wakes."""

import asyncio
import selectors
from typing import Final

from routstr.core.clock import ManualClock

_STEP_S: Final = 5.0
"""The least that a nap lasts by the nodes' clock, so that long waits are few naps."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: ManualClock, patience_s: float) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self._patience_s = patience_s
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return list(super().select(timeout))
        events = list(super().select(min(timeout, self._patience_s)))
        if not events:
            self.skipped_s += timeout
            self._clock.advance(seconds=max(timeout, _STEP_S))
        return events


class HastyLoop(asyncio.SelectorEventLoop):
    """``clock`` moves along with the time that is skipped.

    ``patience_s``: how long threads may be silent before that is taken for sleep. Too short does no
    harm, but what should happen at the same time then happens one after the other.
    """

    def __init__(self, clock: ManualClock, patience_s: float) -> None:
        self._hasty = _Selector(clock, patience_s)
        super().__init__(self._hasty)

    def time(self) -> float:
        return super().time() + self._hasty.skipped_s
