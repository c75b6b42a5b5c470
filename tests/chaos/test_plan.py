"""Every run has every fault; the seed decides their order, their moments and whom they meet."""

from itertools import pairwise
from random import Random

import pytest

from tests.chaos.plan import DATABASE_LINES, MINTS, NODES, PROVIDERS, Kind, Planned, plan


def planned(seed: int, seconds: float = 60) -> list[Planned]:
    return [one for hand in plan(Random(seed), seconds) for one in hand]


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("seconds", [5, 60])
def test_every_fault_is_dealt(seed: int, seconds: float) -> None:
    met = {(one.kind, one.target) for one in planned(seed, seconds)}
    assert {(Kind.KILL, node) for node in NODES} <= met
    assert {kind for kind, _ in met} == set(Kind)
    for cut in (Kind.REFUSE, Kind.RESET, Kind.BLACKHOLE):
        for line in (DATABASE_LINES, MINTS, PROVIDERS):
            assert met & {(cut, part) for part in line}, (cut, line)


def test_a_hand_plays_one_after_the_other_within_the_seconds() -> None:
    for seed in range(20):
        for hand in plan(Random(seed), 60):
            assert all(one.at + one.lasts <= after.at for one, after in pairwise(hand))
            assert hand[0].at >= 0
            assert hand[-1].at < 60


def test_the_seed_decides_order_moments_and_targets() -> None:
    assert planned(1) == planned(1)
    assert len({tuple(one.kind for one in planned(seed)) for seed in range(20)}) == 20
    paused = {one.target for seed in range(20) for one in planned(seed) if one.kind is Kind.PAUSE}
    assert paused == set(NODES)


def test_a_longer_run_has_the_deck_again_and_none_has_no_faults() -> None:
    assert len(planned(1, 180)) == 3 * len(planned(1))
    assert max(one.at for one in planned(1, 180)) > 120
    assert planned(1, 0) == []
