"""How many requests there were, how they ended, how long they took: counters in memory.

They only grow while the process lives. :mod:`routstr.core.traffic_store` keeps what they grow by.
Counting is part of every request, so it is one dictionary and two searches in a short tuple.
"""

from bisect import bisect_left
from collections.abc import Mapping, Sequence
from enum import IntEnum
from typing import Final, Protocol, final

from routstr.core.access_log import AccessRecord

_FIRST_MS: Final = 1.0
_GROWTH: Final = 1.25
_COUNT: Final = 60
BOUNDS_MS: Final = tuple(round(_FIRST_MS * _GROWTH**place, 3) for place in range(_COUNT))
"""Upper ends of the histogram's buckets, 1 ms to nine minutes, each a quarter above the last; what
is longer falls into one more. So a quantile is told to within a quarter."""
BUCKETS: Final = len(BOUNDS_MS) + 1
_ANSWERED: Final = frozenset(range(200, 400))  # a range takes longer to tell

Outcome = tuple[str, int, str]
"""The endpoint, the status and the error's code, which is empty without one."""


class Measure(IntEnum):
    """What a histogram is of. The numbers are stored."""

    WHOLE = 0  # until the last byte
    FIRST_BYTE = 1


class Lines(Protocol):
    """Where access lines go."""

    def write(self, record: AccessRecord) -> None: ...


@final
class Traffic:
    """Counts finished requests; only of those that were answered it keeps the times."""

    __slots__ = ("_first_byte", "_whole", "outcomes", "times")

    def __init__(self) -> None:
        self.outcomes: Final[dict[Outcome, int]] = {}
        self.times: Final[Mapping[Measure, list[int]]] = {
            measure: [0] * BUCKETS for measure in Measure
        }
        # asking a mapping for a member of an enumeration takes as long as the search
        self._whole: Final = self.times[Measure.WHOLE]
        self._first_byte: Final = self.times[Measure.FIRST_BYTE]

    def count(self, record: AccessRecord) -> None:
        """Count one request."""
        key = (record.endpoint, record.status, record.error or "")
        self.outcomes[key] = self.outcomes.get(key, 0) + 1
        if record.status in _ANSWERED:
            self._whole[bisect_left(BOUNDS_MS, record.duration_ms)] += 1
            if (first := record.first_byte_ms) is not None:
                self._first_byte[bisect_left(BOUNDS_MS, first)] += 1


@final
class CountedLines:
    """Writes access lines and counts them."""

    __slots__ = ("_lines", "_traffic")

    def __init__(self, lines: Lines, traffic: Traffic) -> None:
        self._lines: Final = lines
        self._traffic: Final = traffic

    def write(self, record: AccessRecord) -> None:
        """Queue the line of a finished request, and count it."""
        self._traffic.count(record)
        self._lines.write(record)


def quantile_ms(buckets: Sequence[int], share: float) -> float | None:
    """The time within which this share of the requests ended; None when there were none.

    Within a bucket the requests are taken to be spread evenly.
    """
    rank, before = share * sum(buckets), 0
    if not rank:
        return None
    for place, count in enumerate(buckets):
        if count and before + count >= rank:
            low = BOUNDS_MS[place - 1] if place else 0.0
            high = BOUNDS_MS[min(place, len(BOUNDS_MS) - 1)]
            return low + (high - low) * (rank - before) / count
        before += count
    return BOUNDS_MS[-1]
