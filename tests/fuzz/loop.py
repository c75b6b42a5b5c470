"""An event loop that does not wait: where all sleep, time moves on to the next who wakes."""

import asyncio
import selectors
from typing import Final

from routstr.core.clock import ManualClock

_PATIENCE_S: Final = 0.001
"""How long threads may be silent before it is taken for sleep; too short does no harm."""
_STEP_S: Final = 5.0
"""The least that a nap lasts by the nodes' clock, so that long waits are few naps."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return list(super().select(timeout))
        events = list(super().select(min(timeout, _PATIENCE_S)))
        if not events:
            self.skipped_s += timeout
            self._clock.advance(seconds=max(timeout, _STEP_S))
        return events


class HastyLoop(asyncio.SelectorEventLoop):
    """``clock`` moves along with the time that is skipped."""

    def __init__(self, clock: ManualClock) -> None:
        self._hasty = _Selector(clock)
        super().__init__(self._hasty)

    def time(self) -> float:
        return super().time() + self._hasty.skipped_s
