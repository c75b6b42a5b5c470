"""Counters in memory. They only grow while the process lives.

A *cell* is a list of whole numbers: one for a counter; for a histogram one per bucket, one for what
is above the last, and the sum of what was measured. Whoever counts often keeps its cells. A cell is
counted in by one thread only; any thread may read.
"""

from bisect import bisect_left
from typing import Final, final

from routstr.core.metrics.family import MICROS, OTHER, Family

SERIES_MAX: Final = 2_000
"""Sets of labels of one metric in one process; further ones are counted as ``other``."""

Cell = list[int]
Series = tuple[str, tuple[str, ...]]
"""The metric's name and the values of its labels."""


@final
class Meters:
    """All counters of a process."""

    __slots__ = ("_series", "cells")

    def __init__(self) -> None:
        self.cells: Final[dict[Series, Cell]] = {}
        self._series: Final[dict[str, int]] = {}

    def cell(self, family: Family, *labels: str) -> Cell:
        """The cell to count in, the same one each time."""
        assert len(labels) == len(family.labels), f"{family.name} has {family.labels}"
        found = self.cells.get((family.name, labels))
        return self._new(family, labels) if found is None else found

    def _new(self, family: Family, labels: tuple[str, ...]) -> Cell:
        known = self._series.get(family.name, 0)
        others = (OTHER,) * len(labels)
        if known >= SERIES_MAX and labels != others:
            return self.cell(family, *others)
        self._series[family.name] = known + 1
        made = self.cells[family.name, labels] = [0] * family.size
        return made


@final
class Histogram:
    """One cell with its buckets."""

    __slots__ = ("_cell", "_edges")

    def __init__(self, meters: Meters, family: Family, *labels: str) -> None:
        self._cell: Final = meters.cell(family, *labels)
        self._edges: Final = family.edges

    def add(self, measured: int) -> None:
        """Count something measured, in what the metric counts."""
        cell = self._cell
        cell[bisect_left(self._edges, measured)] += 1
        cell[-1] += measured

    def add_seconds(self, measured: float) -> None:
        """Count a time."""
        self.add(int(measured * MICROS))
