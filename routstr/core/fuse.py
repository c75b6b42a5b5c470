"""What the node can do without is left alone for a while after it has failed."""

from typing import Final, final

from routstr.core.clock import Clock
from routstr.core.logging import get_logger

REST_SECONDS: Final = 5.0
_log: Final = get_logger(__name__)


@final
class Fuse:
    """Says whether something is asked at all; the failures of what rests disturb nobody."""

    __slots__ = ("_clock", "_due", "_name")

    def __init__(self, name: str, clock: Clock) -> None:
        """``name`` is told in the log."""
        self._name: Final = name
        self._clock: Final = clock
        self._due: float | None = None

    @property
    def blown(self) -> bool:
        """Whether it failed less than :data:`REST_SECONDS` ago."""
        return self._due is not None and self._clock.monotonic() < self._due

    def blow(self, error: BaseException) -> None:
        """Note a failure; those of several requests at once are told once."""
        if not self.blown:
            _log.error(f"{self._name}_away", reason=type(error).__name__, rest_seconds=REST_SECONDS)
        self._due = self._clock.monotonic() + REST_SECONDS
