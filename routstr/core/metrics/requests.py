"""Counts requests for monitoring, on their own way: a few additions to whole numbers.

The numbers to add to are looked up at once, by all that tells requests apart.
"""

from bisect import bisect_left
from collections.abc import Container
from typing import Final, final

from routstr.core.access_log import AccessRecord
from routstr.core.metrics.counted import (
    CHARGED,
    FIRST_BYTE_SECONDS,
    HTTP_REQUESTS,
    HTTP_SECONDS,
    OVERHEAD_SECONDS,
    REQUESTS,
    TOKENS,
)
from routstr.core.metrics.family import OTHER, Family
from routstr.core.metrics.meters import Cell, Meters

REMEMBERED_MAX: Final = 10_000
"""Ways in which requests differ; then they are looked up again."""
_METHODS: Final = frozenset({"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"})
_ANSWERED: Final = range(200, 400)
_MICROS_PER_MS: Final = 1_000
_Key = tuple[str, str, int, str | None, str | None, str | None]


@final
class _Cells:
    """Where the requests of one way are counted; None: they have no such number."""

    __slots__ = ("charged", "first", "input", "output", "overhead", "requests", "total", "whole")

    def __init__(self, total: Cell) -> None:
        self.total: Final = total
        self.whole: Cell | None = None
        self.first: Cell | None = None
        self.overhead: Cell | None = None
        self.requests: Cell | None = None
        self.input: Cell = [0]
        self.output: Cell = [0]
        self.charged: Cell = [0]


@final
class RequestMeter:
    """Counts finished requests."""

    __slots__ = ("_codes", "_known", "_meters")

    def __init__(self, meters: Meters, codes: Container[str]) -> None:
        """``codes`` are the errors that are told apart."""
        self._meters: Final = meters
        self._codes: Final = codes
        self._known: Final[dict[_Key, _Cells]] = {}

    def count(self, record: AccessRecord) -> None:
        """Count one request."""
        key = (
            record.endpoint,
            record.method,
            record.status,
            record.error,
            record.model,
            record.provider,
        )
        cells = self._known.get(key) or self._look_up(key)
        cells.total[0] += 1
        if cells.whole is not None:
            _add(cells.whole, _REQUEST_EDGES, record.duration_ms)
            if cells.first is not None and record.first_byte_ms is not None:
                _add(cells.first, _REQUEST_EDGES, record.first_byte_ms)
            if cells.overhead is not None and record.upstream_ms is not None:
                _add(cells.overhead, _SHORT_EDGES, record.duration_ms - record.upstream_ms)
        if cells.requests is not None:
            cells.requests[0] += 1
            if record.cost_msat is not None:
                cells.charged[0] += record.cost_msat
                cells.input[0] += record.input_tokens or 0
                cells.output[0] += record.output_tokens or 0

    def _look_up(self, key: _Key) -> _Cells:
        if len(self._known) >= REMEMBERED_MAX:
            self._known.clear()
        endpoint, method, status, error, model, provider = key
        cell, status_class = self._meters.cell, f"{status // 100}xx"
        code = error or ""
        if code and code not in self._codes:
            code = OTHER
        method = method if method in _METHODS else OTHER
        cells = _Cells(cell(HTTP_REQUESTS, method, endpoint, status_class, code))
        if status in _ANSWERED:
            cells.whole = cell(HTTP_SECONDS, endpoint)
        if model is not None:
            sold = (endpoint, model, provider or "")
            cells.requests = cell(REQUESTS, *sold, status_class)
            if status in _ANSWERED:
                cells.first = cell(FIRST_BYTE_SECONDS, endpoint)
                cells.overhead = cell(OVERHEAD_SECONDS, endpoint)
            if provider is not None:
                cells.input = cell(TOKENS, *sold, "input")
                cells.output = cell(TOKENS, *sold, "output")
                cells.charged = cell(CHARGED, *sold)
        self._known[key] = cells
        return cells


def _edges_ms(family: Family) -> tuple[float, ...]:
    return tuple(bound * _MICROS_PER_MS for bound in family.bounds)


_REQUEST_EDGES: Final = _edges_ms(HTTP_SECONDS)
_SHORT_EDGES: Final = _edges_ms(OVERHEAD_SECONDS)


def _add(cell: Cell, edges: tuple[float, ...], ms: float) -> None:
    cell[bisect_left(edges, ms)] += 1
    cell[-1] += int(ms * _MICROS_PER_MS)
