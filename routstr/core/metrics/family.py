"""What a metric is: its name, what it counts, its labels and, of a histogram, its buckets."""

from enum import StrEnum
from typing import Final

from msgspec import Struct

MICROS: Final = 1_000_000
"""Seconds are counted in millionths, so that sums are whole."""
OTHER: Final = "other"
"""The label of what is not told apart."""


class Kind(StrEnum):
    """What Prometheus calls the type."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Family(Struct, frozen=True):
    """One metric. ``bounds`` are the upper ends of a histogram's buckets, in its own unit.

    ``scale`` is how many of what is counted make one of that unit.
    """

    name: str
    kind: Kind
    help: str
    labels: tuple[str, ...] = ()
    bounds: tuple[float, ...] = ()
    scale: int = 1

    @property
    def size(self) -> int:
        """How many numbers one set of labels needs: buckets, what is above them, and the sum."""
        return len(self.bounds) + 2 if self.kind is Kind.HISTOGRAM else 1

    @property
    def edges(self) -> tuple[int, ...]:
        """The bounds in what is counted."""
        return tuple(round(bound * self.scale) for bound in self.bounds)


def counter(name: str, help_: str, *labels: str) -> Family:
    """What only grows."""
    return Family(name, Kind.COUNTER, help_, labels)


def gauge(name: str, help_: str, *labels: str) -> Family:
    """What is read at the moment of the scrape."""
    return Family(name, Kind.GAUGE, help_, labels)


def seconds(name: str, help_: str, bounds: tuple[float, ...], *labels: str) -> Family:
    """How long something takes."""
    return Family(name, Kind.HISTOGRAM, help_, labels, bounds, MICROS)
