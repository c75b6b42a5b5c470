"""What a run tells: a line every few seconds, and a table at the end."""

import sys
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final

from tests.fuzz.world import World

_PROGRESS_S: Final = 5.0
_WIDTH: Final = 14
_NAME_WIDTH: Final = 34


@dataclass(slots=True)
class Tally:
    """What a run on one database came to."""

    place: str
    counts: Counter[str] = field(default_factory=Counter)
    refused: Counter[str] = field(default_factory=Counter)
    troubles: Counter[str] = field(default_factory=Counter)
    foreign: Counter[str] = field(default_factory=Counter)
    crashes: int = 0
    steps: int = 0
    episodes: int = 0
    broken: list[str] = field(default_factory=list)

    @property
    def operations(self) -> int:
        return self.counts.total()

    def add(self, other: "Tally") -> None:
        """Take in what another process came to."""
        self.counts += other.counts
        self.refused += other.refused
        self.troubles += other.troubles
        self.foreign += other.foreign
        self.crashes += other.crashes
        self.steps += other.steps
        self.episodes += other.episodes
        self.broken += other.broken

    def take(self, world: World) -> None:
        """Take in what one episode came to."""
        self.counts += world.counts
        self.refused += world.refused
        self.troubles += world.troubles
        self.foreign += world.trail.met
        self.crashes += world.crashes
        self.steps += world.steps
        self.episodes += 1


class Progress:
    """A line every few seconds."""

    def __init__(self, wanted: int) -> None:
        self._wanted = wanted
        self._done: Counter[str] = Counter()
        self._began = self._told = time.monotonic()

    @property
    def seconds(self) -> float:
        return time.monotonic() - self._began

    def tell(self, place: str, more: int) -> None:
        """So many more operations are done."""
        self._done[place] += more
        now = time.monotonic()
        if now - self._told < _PROGRESS_S:
            return
        self._told = now
        done = ", ".join(f"{name} {count}" for name, count in sorted(self._done.items()))
        say(f"  {self.seconds:.0f} s: {done} of {self._wanted} operations")


def say(line: str) -> None:
    """Print a line at once, also into a pipe."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def tell(tallies: Sequence[Tally], seconds: float) -> None:
    """Print the table."""
    say("\n" + f"{'':{_NAME_WIDTH}}" + "".join(f"{tally.place:>{_WIDTH}}" for tally in tallies))
    for title, name in (
        ("operations", "counts"),
        ("refused, or told to ask again", "refused"),
        ("tokens of the foreign mint", "foreign"),
        ("troubles", "troubles"),
    ):
        _section(title, [getattr(tally, name) for tally in tallies])
    _line("nodes that died", [tally.crashes for tally in tallies])
    _line("times that all was compared", [tally.steps for tally in tallies])
    _line("databases, audited twice each", [tally.episodes for tally in tallies])
    _line("broken equations", [len(tally.broken) for tally in tallies])
    say(f"{seconds:.0f} s altogether")


def _section(title: str, columns: Sequence[Counter[str]]) -> None:
    _line(title, [column.total() for column in columns])
    for name in sorted({name for column in columns for name in column}):
        _line(f"  {name}", [column[name] for column in columns])


def _line(name: str, numbers: Sequence[int]) -> None:
    say(f"{name:{_NAME_WIDTH}}" + "".join(f"{number:>{_WIDTH}}" for number in numbers))
