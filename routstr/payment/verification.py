"""Verifying because somebody asked for it: in the background, one run at a time."""

import asyncio
from typing import Final

from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.payment.verifier import Remembered, Verifier

_log = get_logger(__name__)


class Verifications:
    """Runs a verifier when it is told to. ``problem`` says why the last such run came to no end."""

    def __init__(self, verifier: Verifier, clock: Clock) -> None:
        self._verifier: Final = verifier
        self._clock: Final = clock
        self._task: asyncio.Task[object] | None = None
        self.since: int | None = None
        """When the run that is under way began, in ms since 1970."""
        self.problem = ""

    @property
    def last(self) -> Remembered | None:
        """The last run that came to an end, whoever asked for it."""
        return self._verifier.last

    def begin(self, *, full: bool) -> bool:
        """Begin a run; false when one is under way."""
        if self._task is not None:
            return False
        self.since, self.problem = self._clock.now_ms(), ""
        self._task = asyncio.create_task(self._verifier.run(full=full))
        self._task.add_done_callback(self._ended)
        return True

    async def wait(self) -> None:
        """Return when no run is under way."""
        if self._task is not None:
            await asyncio.wait([self._task])

    async def stop(self) -> None:
        """End the run that is under way; the books are read again at the next start."""
        if self._task is not None:
            self._task.cancel()
        await self.wait()

    def _ended(self, task: "asyncio.Task[object]") -> None:
        self._task = self.since = None
        if not task.cancelled() and (error := task.exception()) is not None:
            self.problem = type(error).__name__
            _log.error("verification_failed", exc_info=error)
