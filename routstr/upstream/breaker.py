"""When a provider that fails is left alone, and when it is tried again.

::

    closed ──failures in a row──> open ──pause──> half open ──the probe fails──> open, twice as long
      ^                             │                 │
      └────── anything works ───────┴─────────────────┘

While it is half open one request is let through, the probe; nobody else until it has ended. Times
are seconds of a monotonic clock, given by the caller. Pure.
"""

from dataclasses import dataclass
from typing import Final, Literal

State = Literal["closed", "open", "half-open"]

REFUSED: Final = 0
"""The permit of who is not let through; whoever asks all the same uses it too."""
_PASSED: Final = 1
_DOUBLINGS_MAX: Final = 16


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """After how many failures in a row, and for how long: the pause doubles up to its longest."""

    failures_max: int = 3
    pause_s: float = 5
    pause_s_max: float = 300


class Breaker:
    """One provider's record. An attempt enters with a permit and tells its end with it."""

    __slots__ = ("_opened", "_permits", "_policy", "_probe", "_until", "failures", "opened_at")

    def __init__(self, policy: BreakerPolicy) -> None:
        self._policy: Final = policy
        self._opened = 0  # times in a row that a pause was begun
        self._until = 0.0
        self._permits = _PASSED
        self._probe = REFUSED
        self.failures = 0
        """Failures since anything worked."""
        self.opened_at: float | None = None
        """Since when it is left alone, pause after pause; None while it is closed."""

    def ready(self, now: float) -> bool:
        """Whether an attempt would be let through."""
        return not self._opened or (now >= self._until and not self._probe)

    def enter(self, now: float) -> int:
        """A permit, or :data:`REFUSED`. A permit's end has to be told, whatever it is."""
        if not self._opened:
            return _PASSED
        if now < self._until or self._probe:
            return REFUSED
        self._permits += 1
        self._probe = self._permits
        return self._probe

    def worked(self) -> None:
        """The provider answered."""
        if self.failures or self._opened:
            self.failures = self._opened = 0
            self._probe = REFUSED
            self.opened_at = None

    def failed(self, permit: int, now: float) -> bool:
        """The provider did not; True when it is left alone from now on."""
        self.failures += 1
        probed = permit == self._probe and permit != REFUSED
        if probed:
            self._probe = REFUSED
        elif self._opened or self.failures < self._policy.failures_max:
            return False  # what began before, or beside it, tells nothing new
        self._until = now + self.pause_s
        if not self._opened:
            self.opened_at = now
        self._opened += 1
        return True

    def left(self, permit: int) -> None:
        """The attempt ended without telling anything: the client has gone."""
        if permit == self._probe:
            self._probe = REFUSED

    @property
    def pause_s(self) -> float:
        """How long the next pause is."""
        policy = self._policy
        doubled = policy.pause_s * (1 << min(self._opened, _DOUBLINGS_MAX))
        return min(doubled, policy.pause_s_max)

    def state(self, now: float) -> State:
        """As it is shown."""
        if not self._opened:
            return "closed"
        return "half-open" if self._probe or now >= self._until else "open"

    def rest_s(self, now: float) -> float:
        """How long it is still left alone; 0 when it is not."""
        return max(0.0, self._until - now) if self._opened else 0.0
