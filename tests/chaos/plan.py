"""What goes wrong in a run: a deck with every kind of fault, shuffled and dealt by chance. Pure.

Each hand holds one card after the other; what cannot fail together is in the same hand. The faults
of different hands meet as chance wants.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from random import Random
from typing import Final

NODES: Final = ("node-one", "node-two")
MINTS: Final = ("mint-one", "mint-two")
PROVIDERS: Final = ("first", "second", "third")
DATABASE: Final = ("PostgreSQL",)
DATABASE_LINES: Final = tuple(f"database of {node}" for node in NODES)

DEAL_S: Final = 60.0
"""For which a whole deck is enough."""
_SHORT_S: Final = (0.5, 4.0)


class Kind(StrEnum):
    """A fault, as the report calls it."""

    KILL = "node killed (SIGKILL)"
    PAUSE = "node paused for longer than the lease"
    DISK = "disk full (RLIMIT_FSIZE)"
    FORWARD = "clock put forward"
    BACK = "clock put back"
    FAST = "database restarted (fast)"
    IMMEDIATE = "database restarted (immediate)"
    REFUSE = "line cut (refuse)"
    RESET = "line cut (reset)"
    BLACKHOLE = "line cut (blackhole)"
    SLOW = "line slow"
    KILL_MINT = "mint killed (SIGKILL)"
    FREEZE_MINT = "mint paused"
    MISBEHAVE = "provider misbehaves"


Card = tuple[Kind, Sequence[str]]
"""A fault, and the parts one of which it meets."""
_CUTS: Final = (Kind.REFUSE, Kind.RESET, Kind.BLACKHOLE, Kind.SLOW)
DECK: Final[Sequence[Sequence[Card]]] = (
    (
        *((Kind.KILL, (node,)) for node in NODES),
        (Kind.PAUSE, NODES),
        (Kind.DISK, NODES),
        (Kind.FAST, DATABASE),
        (Kind.IMMEDIATE, DATABASE),
        *((cut, DATABASE_LINES) for cut in _CUTS),
    ),
    (
        *((cut, MINTS) for cut in _CUTS),
        (Kind.KILL_MINT, MINTS),
        (Kind.FREEZE_MINT, MINTS),
        (Kind.FORWARD, NODES),
        (Kind.BACK, NODES),
    ),
    (
        *((cut, PROVIDERS) for cut in _CUTS),
        *((Kind.MISBEHAVE, (provider,)) for provider in PROVIDERS),
    ),
)
"""The hands; every card is played once in each deal."""
_TAKES_S: Final = {Kind.KILL: 4.0, Kind.PAUSE: 16.0, Kind.KILL_MINT: 2.0}
"""What a fault takes beside how long it lasts: a start, a take-over."""
_ENDS_AT_ONCE: Final = {Kind.FAST, Kind.IMMEDIATE, Kind.RESET, Kind.MISBEHAVE}


@dataclass(frozen=True, slots=True)
class Planned:
    """A fault: not before ``at`` seconds, for so long, of this part."""

    at: float
    kind: Kind
    target: str
    lasts: float


def plan(chance: Random, seconds: float) -> list[list[Planned]]:
    """The faults of each hand: the whole deck once, and again for each further minute."""
    deals = max(1, int(seconds // DEAL_S)) if seconds > 0 else 0
    hands: list[list[Planned]] = [[] for _ in DECK]
    for number in range(deals):
        for hand, cards in zip(hands, DECK, strict=True):
            hand.extend(_dealt(chance, cards, number * seconds / deals, seconds / deals))
    return hands


def _dealt(
    chance: Random, cards: Sequence[Card], begins: float, seconds: float
) -> Iterator[Planned]:
    order = list(cards)
    chance.shuffle(order)
    lasts = [0.0 if kind in _ENDS_AT_ONCE else chance.uniform(*_SHORT_S) for kind, _ in order]
    takes = [_TAKES_S.get(kind, 0.0) + last for (kind, _), last in zip(order, lasts, strict=True)]
    free = max(0.0, seconds - sum(takes))
    gaps = sorted(chance.uniform(0, free) for _ in order)
    before = 0.0
    for (kind, targets), last, taken, gap in zip(order, lasts, takes, gaps, strict=True):
        yield Planned(begins + gap + before, kind, chance.choice(targets), last)
        before += taken
