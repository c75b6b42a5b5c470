"""An event loop that does not wait: where all sleep, time moves on to the next who wakes."""

import asyncio
import selectors
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, TypeVar

from routstr.core.clock import ManualClock

T = TypeVar("T")

_NOTICED_S: Final = 0.05
"""Less is left out of the nodes' clock, so that a run is the same every time."""
_STEP_S: Final = 5.0
"""The least that a nap lasts by the nodes' clock, so that long waits are few naps."""


class _Selector(selectors.DefaultSelector):
    def __init__(self, clock: ManualClock) -> None:
        super().__init__()
        self.skipped_s = 0.0
        self.working = 0
        self._waited_s = 0.0
        self._clock = clock

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        if timeout is None or timeout <= 0:
            return list(super().select(timeout))
        if self.working:
            return self._wait(timeout)
        events = list(super().select(0))
        if not events:
            self.skipped_s += timeout
            self._clock.advance(seconds=max(timeout, _STEP_S))
        return events

    def _wait(self, timeout: float) -> list[tuple[selectors.SelectorKey, int]]:
        """Wait indeed; who waits by the nodes' clock must not wait for ever meanwhile."""
        began = time.monotonic()
        events = list(super().select(timeout))
        self._waited_s += time.monotonic() - began
        if self._waited_s >= _NOTICED_S:
            self._clock.advance(seconds=self._waited_s)
            self._waited_s = 0.0
        return events


class HastyLoop(asyncio.SelectorEventLoop):
    """``clock`` moves along with the time that is skipped.

    Nobody is taken to sleep while a thread works for them: threads of executors are known, of
    others :meth:`watch` and :meth:`at_work` tell.
    """

    def __init__(self, clock: ManualClock) -> None:
        self._hasty = _Selector(clock)
        super().__init__(self._hasty)

    def time(self) -> float:
        return super().time() + self._hasty.skipped_s

    def watch(self, future: "asyncio.Future[T]") -> "asyncio.Future[T]":
        """No time is skipped until this future, which a thread sets, is done."""
        self._hasty.working += 1
        future.add_done_callback(self._rest)
        return future

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """No time is skipped meanwhile."""
        self._hasty.working += 1
        try:
            yield
        finally:
            self._hasty.working -= 1

    def run_in_executor(  # type: ignore[override]  # declared with variadic type variables
        self, executor: Any, func: Callable[..., T], *args: Any
    ) -> "asyncio.Future[T]":
        return self.watch(super().run_in_executor(executor, func, *args))

    def _rest(self, _future: "asyncio.Future[Any]") -> None:
        self._hasty.working -= 1


def hasty_loop() -> HastyLoop:
    """The loop that everything here runs in."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, HastyLoop)
    return loop
