"""Which workers are at work, and when a place is taken again. Decides; starts through a port."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, NamedTuple

PAUSE_SECONDS_MAX: Final = 30.0
WELL_SECONDS: Final = 60.0
"""Who has worked so long has not died of its start."""
_START_FAILED: Final = 1

Start = Callable[[int, int], int]
"""Starts the worker of a place, which was started so many times again; returns its process id."""


@dataclass(slots=True)
class _Place:
    pid: int | None = None
    due: float | None = 0.0
    began: float = 0.0
    starts: int = 0
    falls: int = 0


class Fate(NamedTuple):
    """What becomes of the place of a worker that has ended.

    ``pause`` is the time until it is started again, in seconds; None: it is not. ``hopeless``: it
    could not start in the first place, as none of the others could.
    """

    place: int
    restarts: int
    pause: float | None
    hopeless: bool = False


class Crew:
    """The places 1 to ``size``. Times are seconds of any clock."""

    def __init__(self, size: int, start: Start) -> None:
        self._start: Final = start
        self._places: Final = {number: _Place() for number in range(1, size + 1)}
        self._stopping = False
        self.failed = False
        """Whether one that was told to end has not done so in good order, or none could start."""

    @property
    def over(self) -> bool:
        """Whether all have ended that were to."""
        return self._stopping and all(one.pid is None for one in self._places.values())

    def tend(self, now: float) -> float | None:
        """Start who is due; returns the time until the next one is, None when nobody waits."""
        waits = []
        for number, place in self._places.items():
            if place.due is None or self._stopping:
                continue
            if place.due <= now:
                place.pid, place.due, place.began = self._start(number, place.starts), None, now
                place.starts += 1
            else:
                waits.append(place.due - now)
        return min(waits, default=None)

    def ended(self, pid: int, status: int, now: float) -> Fate | None:
        """Take note that a process is gone (negative status: the signal); None: it is no worker."""
        for number, place in self._places.items():
            if place.pid == pid:
                place.pid = None
                return self._fate(number, place, status, now)
        return None

    def stop(self) -> list[int]:
        """Start nobody any more; returns the processes that are to be told."""
        self._stopping = True
        return [place.pid for place in self._places.values() if place.pid is not None]

    def _fate(self, number: int, place: _Place, status: int, now: float) -> Fate:
        if self._stopping:
            self.failed |= status != 0
            return Fate(number, place.starts, None)
        well = now - place.began >= WELL_SECONDS
        if status == _START_FAILED and place.starts == 1 and not well:
            self.failed = True
            return Fate(number, place.starts, None, hopeless=True)
        place.falls = 1 if well else place.falls + 1
        # once is an accident, after which those who wait in its socket are not sent away
        pause = 0.0 if place.falls == 1 else min(2.0 ** (place.falls - 2), PAUSE_SECONDS_MAX)
        place.due = now + pause
        return Fate(number, place.starts, pause)
