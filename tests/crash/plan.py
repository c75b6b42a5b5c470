"""Which cells there are, and which of them a short run takes."""

import itertools
import random
from collections.abc import Iterable, Iterator, Sequence
from typing import Final, get_args

from devkit.mint import Version
from routstr.money import Unit
from tests.crash.cells import Cell
from tests.crash.lightning import MINT, MINT_ERRS
from tests.crash.points import in_operation, in_recovery
from tests.crash.troubles import MELT, MISBEHAVIOURS, SWAP, Death, Misbehaviour, Orphaned, Trouble
from tests.crash.world import DatabaseName, Place, World

PLACES: Final = tuple(
    Place(database, mint, fee_ppk, unit)
    for database, mint, fee_ppk, unit in itertools.product(
        get_args(DatabaseName), get_args(Version), (0, 100), Unit
    )
)
REFERENCE: Final = PLACES[0]
GROUPS: Final = ("commit", "call", "recovery", "takeover", "fault")
_TWICE: Final = frozenset({"x-cashu", "x-cashu-stream"})
"""Operations that swap twice: the payer's token, then the change."""
_SWAPPING: Final = frozenset({"create", "topup", "bearer", "refund", *_TWICE})

_PAYING: Final = frozenset({"lightning-refund", "payout", "foreign"})
"""Operations that let the mint pay an invoice."""

_MINTING: Final = frozenset({"lightning-create", "lightning-topup"})
"""Operations that mint what somebody has paid for; of two nodes either may do it at any time."""

_TWINS: Final = frozenset({"x-cashu-stream", "lightning-topup", "payout"})
"""Operations whose sagas are another operation's: what is recovered is the same, and each error of
a mint comes up in one place only."""

_UPKEEP: Final = frozenset({"consolidate", "swap-mints"})
"""What the node does by itself, later than it answers: a mint's error is met there by no client."""

_BY_ITSELF: Final = frozenset({*_MINTING, *_UPKEEP, "payout"})
"""What a second node would do as well, so that the first one would not die in it."""

_FEW: Final = frozenset({"refund-once", "chat-once", "foreign", *_UPKEEP})
"""Not in every place: what differs from another operation in its record only, or is made of others,
and upkeep."""

_ONE_PLACE: Final = _TWINS | {"foreign"}  # which is made of a payment and of what it pays for

_IN_BOTH_UNITS: Final = frozenset({"create", "topup", "bearer", "refund"})
"""In each of the places; the others, which have these within them, in one unit or the other."""

What = tuple[str, Trouble]


async def troubles(world: World, groups: Iterable[str], operations: Iterable[str]) -> list[What]:
    """Every operation with everything that can go wrong in it."""
    found: list[What] = []
    for name in operations:
        deaths = await in_operation(name, REFERENCE, world)
        orphans = [Orphaned(death.kills[0]) for death in deaths if _leaves_something(name, death)]
        if "recovery" in groups and name not in _TWINS:
            deaths += await _in_recoveries(name, world)
        faults = [fault for fault in (*MISBEHAVIOURS, *MINT_ERRS) if _meets(name, fault)]
        every: tuple[Trouble, ...] = (*deaths, *orphans, *faults)
        found += [(name, trouble) for trouble in every if trouble.group in groups]
    return found


async def _in_recoveries(name: str, world: World) -> list[Death]:
    if name in _SWAPPING:
        return await in_recovery(name, REFERENCE, world, calls=2 if name in _TWICE else 1)
    if name in _PAYING:
        return await in_recovery(name, REFERENCE, world, calls=1, path=MELT)
    if name in _MINTING:
        return await in_recovery(name, REFERENCE, world, calls=1, path=MINT)
    return []


async def takeovers(world: World, operations: Iterable[str]) -> list[What]:
    """Every operation with every death in it, after which another node has to go on.

    Of two deaths one is on the heir's own host, and one elsewhere.
    """
    found: list[What] = []
    for name in operations:
        deaths = await in_operation(name, REFERENCE, world)
        rivals = name in _BY_ITSELF
        for number, death in enumerate(deaths):
            elsewhere = rivals or bool(number // 2 % 2 ^ number % 2)
            found.append((name, Orphaned(death.kills[0], elsewhere, later=rivals)))
    return found


def full(whats: Sequence[What], seed: int) -> list[Cell]:
    """Each death of an operation in every place, though not always in both units.

    What else there is happens in a pairwise choice of places.

    In one half of the places clients are patient, in the other hasty.
    """
    chance = random.Random(seed)
    cells = []
    for name, trouble in whats:
        single = isinstance(trouble, Death) and len(trouble.kills) == 1 and name not in _FEW
        every = PLACES if name in _IN_BOTH_UNITS else half_of_the_places(chance)
        places = chance.sample(every, len(every)) if single else pairwise_places(chance)
        if name in _ONE_PLACE and isinstance(trouble, Misbehaviour):
            places = places[:1]
        turns = itertools.islice(itertools.cycle((True, False)), chance.randrange(2), None)
        cells += [
            Cell(name, trouble, place, patient)
            for place, patient in zip(places, turns, strict=False)
        ]
    return cells


def sample(whats: Sequence[What], seed: int) -> Iterator[Cell]:
    """Cells such that soon every trouble was met once, and every pair of values of two factors.

    Each round takes every trouble once, in an order of its own, in the place that makes the most
    pairs (trouble and place's part, or two of its parts) that no cell before had.
    """
    chance = random.Random(seed)
    seen: set[tuple[object, object]] = set()
    candidates = [(place, patient) for place in PLACES for patient in (True, False)]
    for _ in range(len(candidates)):
        for name, trouble in _mixed(whats, chance):
            cells = [Cell(name, trouble, place, patient) for place, patient in candidates]
            chance.shuffle(cells)
            best = max(cells, key=lambda cell: len(_pairs(cell) - seen))
            new = _pairs(best) - seen
            if not new:
                continue
            seen |= new
            yield best


def _mixed(whats: Sequence[What], chance: random.Random) -> Iterator[What]:
    """All of them, the groups in turn, so that a short run is not all of the largest group."""
    groups = [
        chance.sample(members, len(members))
        for group in GROUPS
        if (members := [what for what in whats if what[1].group == group])
    ]
    for turn in itertools.zip_longest(*groups):
        yield from (what for what in turn if what is not None)


def half_of_the_places(chance: random.Random) -> Sequence[Place]:
    """Every database, mint and fee, with one of the units; either is taken as often."""
    places = sorted({place._replace(unit=Unit.SAT) for place in PLACES})
    units = chance.sample(list(Unit) * (len(places) // 2), len(places))
    return [place._replace(unit=unit) for place, unit in zip(places, units, strict=True)]


def pairwise_places(chance: random.Random) -> list[Place]:
    """Few places in which each pair of values of two factors comes up."""
    seen: set[tuple[object, object]] = set()
    chosen: list[Place] = []
    while True:
        places = chance.sample(PLACES, len(PLACES))
        best = max(places, key=lambda place: len(_place_pairs(place) - seen))
        if not (new := _place_pairs(best) - seen):
            return chosen
        seen |= new
        chosen.append(best)


def _place_pairs(place: Place) -> set[tuple[object, object]]:
    return set(itertools.combinations(enumerate(place), 2))


def _pairs(cell: Cell) -> set[tuple[object, object]]:
    factors = [(cell.operation, cell.trouble), cell.patient, *cell.place]
    return set(itertools.combinations(enumerate(factors), 2))


def _meets(name: str, fault: Misbehaviour) -> bool:
    """Whether the operation makes this call at all."""
    if name in _UPKEEP:
        return False
    if fault in MINT_ERRS or name in _MINTING:
        return fault in MINT_ERRS and name in _MINTING
    if fault.path == "/v1/checkstate":
        return name in {"create", "topup", "bearer", "claim", "foreign", *_TWICE}
    if fault.path == MELT:
        return name in _PAYING
    if fault.path == "/v1/keysets":
        return name in {"create", "bearer", "foreign", *_TWICE}
    return name in (_SWAPPING if fault.number == 1 else _TWICE)


def _leaves_something(name: str, death: Death) -> bool:
    """Whether a saga or a hold is open after it."""
    (kill,) = death.kills
    if name in {"bearer", "chat-once", *_TWICE} and kill.kind == "commit":
        return kill.number > 1
    if name in _UPKEEP:
        return False  # another node would do by itself what this one did not begin
    return (name in _SWAPPING and kill.name == SWAP) or (name in _PAYING and kill.name == MELT)
