"""Time limits of everything that is under way, swept by one timer.

A timer for each request would cost about as much as reading its JSON, and one for each streamed
event more than relaying it. Here a limit is a number in a slot: moving it is an assignment, and one
sweep, a few times a second, interrupts whatever is past its own. Limits are therefore late by up to
one sweep, which is nothing beside what they bound. Their clock is the event loop's, read without
asking which loop it is: Python 3.11 asks the system for the process each time.
"""

import asyncio
from collections.abc import Callable
from math import inf
from time import monotonic
from types import TracebackType
from typing import Final, Self

SWEEP_SECONDS: Final = 0.25
LINGER_SECONDS: Final = 1.0


class Deadlines:
    """All limits that run on one event loop."""

    def __init__(self, sweep_s: float = SWEEP_SECONDS, linger_s: float = LINGER_SECONDS) -> None:
        self._sweep_s = sweep_s
        self._linger_s = linger_s
        self.running: Final[dict[Deadline, None]] = {}
        """The blocks that are swept; they enter and leave by themselves."""
        self.swept = False

    def within(self, seconds: float, *, on_linger: Callable[[], None] | None = None) -> "Deadline":
        """A block that must end in time: ``with deadlines.within(10) as deadline``.

        ``on_linger`` is called once when the block has run for a while: the place for precautions
        that would be wasted on a request that is over in milliseconds.
        """
        now = monotonic()
        return Deadline(self, now + seconds, now + self._linger_s, on_linger)

    def cut_short(self) -> None:
        """Interrupt every block that runs now; what is entered from now on has its own time."""
        for deadline in list(self.running):
            deadline.cut = True
            deadline.interrupt()

    def start_sweeping(self) -> None:
        """Sweep until nothing runs any more."""
        self.swept = True
        asyncio.get_running_loop().call_later(self._sweep_s, self._sweep)

    def _sweep(self) -> None:
        loop = asyncio.get_running_loop()
        now = loop.time()
        for deadline in list(self.running):
            deadline.check(now)
        if self.running:
            loop.call_later(self._sweep_s, self._sweep)
        else:
            self.swept = False


class Deadline:
    """The limits of one block in one task: :attr:`due` moves, :attr:`never_after` only shrinks.

    Past either, the block is interrupted at its ``await`` and :class:`TimeoutError` is raised out
    of it; a cancellation from elsewhere passes through as what it is.
    """

    __slots__ = (
        "_cancelling",
        "_linger_at",
        "_owner",
        "_task",
        "cut",
        "due",
        "expired",
        "never_after",
        "on_linger",
    )

    def __init__(
        self, owner: Deadlines, due: float, linger_at: float, on_linger: Callable[[], None] | None
    ) -> None:
        self._owner: Final = owner
        self._linger_at = linger_at
        self.on_linger = on_linger
        self._task: asyncio.Task[object] | None = None
        self._cancelling = 0
        self.due = due
        self.never_after: float = inf
        self.expired = False
        self.cut = False
        """Interrupted although it was in time: the node stops."""

    def shorten(self, seconds: float) -> None:
        """From now on at most this long, whatever :attr:`due` says."""
        until = monotonic() + seconds
        self.never_after = min(self.never_after, until)

    def check(self, now: float) -> None:
        """Interrupt the block if it is late. Called by the sweep."""
        if now >= self.due or now >= self.never_after:
            self.interrupt()
        elif self.on_linger is not None and now >= self._linger_at:
            notice, self.on_linger = self.on_linger, None
            notice()

    def interrupt(self) -> None:
        """End the block, which runs, with :class:`TimeoutError`."""
        self._owner.running.pop(self, None)
        self.expired = True
        assert self._task is not None, "only entered blocks are swept"
        self._task.cancel()

    def __enter__(self) -> Self:
        """Start to be swept; a block can be entered again after it was left."""
        self._task = task = asyncio.current_task()
        assert task is not None, "a deadline interrupts the task that entered it"
        self._cancelling = task.cancelling()
        self.expired = False
        owner = self._owner
        owner.running[self] = None
        if not owner.swept:
            owner.start_sweeping()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Turn the sweep's own interruption into :class:`TimeoutError`."""
        self._owner.running.pop(self, None)
        task, self._task = self._task, None
        if not self.expired or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise TimeoutError from error
