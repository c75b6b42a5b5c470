import itertools
import random

import pytest

from routstr.money import Unit
from tests.crash import plan
from tests.crash.cells import Cell
from tests.crash.plan import PLACES, What
from tests.crash.troubles import FAULTS, MISBEHAVIOURS, SWAP, Death, Kill, Misbehaviour

KILL = Kill("call", SWAP, 1, "after")
WHATS: list[What] = [
    ("create", Death((KILL,))),
    ("refund", Death((Kill("commit", "sagas", 2, "before"),))),
    ("topup", Death((KILL, KILL))),
    *(("bearer", fault) for fault in MISBEHAVIOURS[:20]),
]


def factors(cell: Cell) -> list[tuple[int, object]]:
    return list(enumerate([(cell.operation, cell.trouble), cell.patient, *cell.place]))


def test_a_full_run_has_each_single_death_in_every_place() -> None:
    cells = plan.full(WHATS, 1)
    deaths = [cell for cell in cells if cell.operation == "create"]
    assert {cell.place for cell in deaths} == set(PLACES)
    assert sum(cell.patient for cell in deaths) == len(PLACES) / 2


@pytest.mark.parametrize("seed", range(5))
def test_what_has_another_operation_within_it_happens_everywhere_in_either_unit(seed: int) -> None:
    places = [cell.place for cell in plan.full([("x-cashu", Death((KILL,)))], seed)]
    assert sorted(place[:3] for place in places) == sorted({place[:3] for place in PLACES})
    assert sorted(place.unit for place in places) == [Unit.MSAT] * 4 + [Unit.SAT] * 4


@pytest.mark.parametrize("seed", range(5))
def test_few_places_have_every_pair(seed: int) -> None:
    places = plan.pairwise_places(random.Random(seed))
    seen = {pair for place in places for pair in itertools.combinations(enumerate(place), 2)}
    wanted = {pair for place in PLACES for pair in itertools.combinations(enumerate(place), 2)}
    assert seen == wanted
    assert len(places) < len(PLACES) / 2


def test_a_sample_has_every_trouble_at_first_and_every_pair_in_the_end() -> None:
    cells = list(plan.sample(WHATS, 3))
    first = [(cell.operation, cell.trouble) for cell in cells[: len(WHATS)]]
    assert sorted(map(str, first)) == sorted(map(str, WHATS))
    seen = {pair for cell in cells for pair in itertools.combinations(factors(cell), 2)}
    every = [Cell(*what, place, p) for what in WHATS for place in PLACES for p in (True, False)]
    assert seen == {pair for cell in every for pair in itertools.combinations(factors(cell), 2)}
    assert len(cells) < len(every) / 4


def test_a_sample_begins_with_a_trouble_of_each_group() -> None:
    groups = [cell.trouble.group for cell in plan.sample(WHATS, 3)][:4]
    assert sorted(groups) == ["call", "commit", "fault", "recovery"]


def test_the_same_seed_gives_the_same_sample() -> None:
    assert list(plan.sample(WHATS, 5)) == list(plan.sample(WHATS, 5))
    assert list(plan.sample(WHATS, 5)) != list(plan.sample(WHATS, 6))


@pytest.mark.parametrize("trouble", MISBEHAVIOURS, ids=str)
def test_each_misbehaviour_can_be_played(trouble: Misbehaviour) -> None:
    assert trouble.fault in FAULTS
    assert not trouble.then or trouble.then in FAULTS
