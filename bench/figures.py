"""What was measured: one sample for each round of a target in a scenario, medians and ranges."""

import statistics
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from msgspec import Struct

RATE: Final = "rate"
P50: Final = "p50_ms"
P99: Final = "p99_ms"
CPU: Final = "cpu_us"


class Sample(Struct, frozen=True):
    """One round: figures by name; the end of a name is the unit."""

    scenario: str
    target: str
    values: dict[str, float]


@dataclass(frozen=True, slots=True)
class Spread:
    """Median, smallest and largest of the rounds."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> "Spread":
        return cls(statistics.median(values), min(values), max(values))


class Results:
    """All samples of a run."""

    def __init__(self, samples: Iterable[Sample] = ()) -> None:
        self.samples = list(samples)

    def add(self, scenario: str, target: str, values: Mapping[str, float]) -> None:
        """Keep one round."""
        self.samples.append(Sample(scenario, target, dict(values)))

    def targets(self, scenario: str) -> list[str]:
        """Who was measured there, in the order of the first round."""
        return list(dict.fromkeys(one.target for one in self.samples if one.scenario == scenario))

    def rounds(self, scenario: str, target: str, name: str) -> list[float]:
        """A figure, round by round."""
        return [
            one.values[name]
            for one in self.samples
            if (one.scenario, one.target) == (scenario, target) and name in one.values
        ]

    def spread(self, scenario: str, target: str, name: str) -> Spread | None:
        """A figure over the rounds, or None when it was not measured."""
        values = self.rounds(scenario, target, name)
        return Spread.of(values) if values else None

    def median(self, scenario: str, target: str, name: str) -> float | None:
        """The middle of a figure, or None when it was not measured."""
        found = self.spread(scenario, target, name)
        return found.median if found else None
