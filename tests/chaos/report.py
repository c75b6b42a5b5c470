"""What happened in a run, as text."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Report:
    """A run: its faults, what clients saw, the tally, and what does not agree."""

    seed: int
    faults: Sequence[str]
    counts: Counter[str]
    seen: Counter[str]
    tally: Mapping[str, int] = field(default_factory=dict)
    verified: list[str] = field(default_factory=list)
    troubles: list[str] = field(default_factory=list)
    faulty_s: float = 0.0
    calm_s: float = 0.0
    seconds: float = 0.0

    def render(self) -> str:
        """The report."""
        verdict = "AGREES to the msat" if not self.troubles else "DOES NOT AGREE"
        took = f"{self.faulty_s:.0f} s with faults, {self.seconds:.0f} s in all"
        return "\n".join(
            [
                "\nFaults",
                *(f"  {line}" for line in self.faults),
                *_table("Faults by kind", self.counts),
                *_table("What clients saw", self.seen),
                *_table("Tally", self.tally),
                f"\nNo hold and no saga was open {self.calm_s:.1f} s after the healing.",
                *(f"verify: {line}" for line in self.verified),
                *(f"TROUBLE {line}" for line in self.troubles),
                f"\nseed {self.seed}: {verdict}, {took}",
            ]
        )


def _table(title: str, rows: Mapping[str, int]) -> list[str]:
    lines = [f"  {name:45} {number:>12,}" for name, number in sorted(rows.items())]
    return [f"\n{title}", *lines]
