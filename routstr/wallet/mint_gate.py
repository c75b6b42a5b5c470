"""What keeps the calls to one mint within bounds: so many at a time, and a rest after trouble."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from math import ceil
from typing import Final

from routstr.core.clock import Clock
from routstr.wallet.mint_errors import MintBusy
from routstr.wallet.mint_health import MintHealth

PARALLEL_CALLS: Final = 8
OUTAGES_BEFORE_REST: Final = 3  # one lost answer is no outage
REST_S_MAX: Final = 60
BUSY_REST_S: Final = 10  # after a 429 that does not say how long
BUSY_REST_S_MAX: Final = 600


class MintGate:
    """Admits calls to one mint; while the mint rests, callers fail at once with MintBusy.

    A mint rests as long as it asks for (429), and from the third outage in a row for 1, 2, 4 ...
    up to 60 seconds. Any answer that shows the mint at work ends the row.
    """

    def __init__(self, clock: Clock, *, parallel: int = PARALLEL_CALLS) -> None:
        """Admit ``parallel`` calls at a time."""
        self._clock = clock
        self._slots = asyncio.Semaphore(parallel)
        self._rests_until = clock.monotonic()
        self._outages = 0
        self._health = MintHealth()

    @property
    def rest_s(self) -> int:
        """For how many seconds, rounded up, the mint is still left alone; 0 when it is not."""
        return max(0, ceil(self._rests_until - self._clock.monotonic()))

    @asynccontextmanager
    async def slot(self, wait_s: float) -> AsyncIterator[None]:
        """Hold one of the places. Raises MintBusy when none gets free in time, or at rest."""
        self._refuse_at_rest()
        try:
            async with asyncio.timeout(wait_s):
                await self._slots.acquire()
        except TimeoutError:
            raise MintBusy(1) from None
        try:
            self._refuse_at_rest()  # the mint may have asked for it while this call waited
            yield
        finally:
            self._slots.release()

    @property
    def health(self) -> MintHealth:
        """How the mint has served so far."""
        return replace(self._health, rest_s=self.rest_s)

    def now_s(self) -> float:
        """The time by which :meth:`answered` counts."""
        return self._clock.monotonic()

    def answered(self, since_s: float | None = None) -> None:
        """Note that the mint is at work; ``since_s`` is when it was asked."""
        self._outages = 0
        took_s = 0.0 if since_s is None else self._clock.monotonic() - since_s
        self._health = self._health.answered(self._clock.now_ms(), round(took_s * 1_000))

    def asked_to_wait(self, seconds: int | None) -> int:
        """Note a 429, with its ``Retry-After`` if it had one; returns how long the mint rests."""
        self._health = self._health.failed(self._clock.now_ms(), "asks to wait (429)")
        wait_s = min(max(1, seconds), BUSY_REST_S_MAX) if seconds is not None else BUSY_REST_S
        self._rest(wait_s)
        return self.rest_s

    def failed(self, problem: str = "no proper answer") -> None:
        """Note that no connection or no proper answer came about, and why."""
        self._health = self._health.failed(self._clock.now_ms(), problem)
        self._outages += 1
        over = self._outages - OUTAGES_BEFORE_REST
        if over >= 0:
            self._rest(min(REST_S_MAX, 1 << min(over, REST_S_MAX.bit_length())))

    def _refuse_at_rest(self) -> None:
        if self.rest_s:
            raise MintBusy(self.rest_s, silent=self._outages >= OUTAGES_BEFORE_REST)

    def _rest(self, seconds: int) -> None:
        self._rests_until = max(self._rests_until, self._clock.monotonic() + seconds)
