"""Writes metrics as Prometheus reads them: in its text format, or in OpenMetrics' if it asks so."""

from collections.abc import Iterable, Iterator, Sequence
from typing import Final

from msgspec import Struct
from prometheus_client import Metric
from prometheus_client.core import (
    CounterMetricFamily,
    GaugeMetricFamily,
    HistogramMetricFamily,
)
from prometheus_client.exposition import choose_encoder

from routstr.core.metrics.family import Family, Kind
from routstr.core.metrics.meters import Cell
from routstr.core.metrics.store import Sums

_TOTAL: Final = "_total"
_END: Final = "+Inf"


class Point(Struct, frozen=True):
    """One value of a counter or a gauge."""

    family: Family
    labels: tuple[str, ...]
    value: float


class Page:
    """What is written, as the library's collector."""

    def __init__(self, families: Sequence[Family], points: Iterable[Point], sums: Sums) -> None:
        """``families`` in the order in which they are written; those without a value are left out.

        But a counter or histogram without labels begins at 0.
        """
        self._families: Final = families
        self._cells: Final[dict[str, list[tuple[tuple[str, ...], Cell | float]]]] = {}
        for point in points:
            self._cells.setdefault(point.family.name, []).append((point.labels, point.value))
        for (name, labels), cell in sums.items():
            self._cells.setdefault(name, []).append((labels, cell))

    def collect(self) -> Iterator[Metric]:
        """All of them, as the library wants them."""
        for family in self._families:
            found = self._cells.get(family.name, [])
            if not found and not family.labels and family.kind is not Kind.GAUGE:
                found = [((), [0] * family.size)]
            if found:
                yield _metric(family, sorted(found, key=lambda one: one[0]))


def write(page: Page, accept: str) -> tuple[bytes, str]:
    """The bytes and their content type, as the client accepts them."""
    encode, content_type = choose_encoder(accept)
    return encode(page), content_type


def _metric(family: Family, found: list[tuple[tuple[str, ...], Cell | float]]) -> Metric:
    name, labels = family.name, family.labels
    if family.kind is Kind.HISTOGRAM:
        histogram = HistogramMetricFamily(name, family.help, labels=labels)
        for values, cell in found:
            assert isinstance(cell, list), f"{name} is a histogram"
            histogram.add_metric(values, _buckets(family, cell), cell[-1] / family.scale)
        return histogram
    made: CounterMetricFamily | GaugeMetricFamily
    if family.kind is Kind.COUNTER:
        made = CounterMetricFamily(name.removesuffix(_TOTAL), family.help, labels=labels)
    else:
        made = GaugeMetricFamily(name, family.help, labels=labels)
    for values, cell in found:
        made.add_metric(values, cell[0] if isinstance(cell, list) else cell)
    return made


def _buckets(family: Family, cell: Cell) -> list[tuple[str, float]]:
    """Each bucket with all below it."""
    buckets, below = [], 0
    for bound, count in zip((*family.bounds, None), cell, strict=False):
        below += count
        buckets.append((_END if bound is None else repr(float(bound)), float(below)))
    return buckets
