"""What monitoring is told of a process, and who may ask."""

from collections.abc import Iterator

from routstr.core.metrics.telemetry import Telemetry
from routstr.errors import RoutstrError


def build_telemetry() -> Telemetry:
    """The counters of a process; it tells this program's own errors apart."""
    return Telemetry(frozenset(_codes(RoutstrError)))


def _codes(of: type[RoutstrError]) -> Iterator[str]:
    yield of.code
    for narrower in of.__subclasses__():
        yield from _codes(narrower)
