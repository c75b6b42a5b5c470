"""Whose clock is wrong."""

from types import SimpleNamespace
from typing import Any

import pytest

from routstr.cli.doctor.checks.clock import check
from routstr.cli.doctor.findings import State
from routstr.cli.doctor.patient import Told


def judged(*ahead: float) -> Any:
    patient: Any = SimpleNamespace(times=[Told(f"host{n}", one) for n, one in enumerate(ahead)])
    (finding,) = check(patient)
    return finding


@pytest.mark.parametrize("ahead", [(0,), (-59, 59), (0, 0, 9_999), (-9_999, 1, 1)])
def test_one_wrong_clock_elsewhere_is_not_ours(ahead: tuple[float, ...]) -> None:
    assert judged(*ahead).state is State.WELL


@pytest.mark.parametrize(
    ("ahead", "told"),
    [((3_600, 3_601, 0), "60 min slow"), ((-90,), "2 min fast"), ((61, 61), "1 min slow")],
)
def test_ours_is_when_most_say_so(ahead: tuple[float, ...], told: str) -> None:
    finding = judged(*ahead)
    assert (finding.state, told in finding.what) == (State.FAULT, True), finding


def test_without_an_answer_nobody_knows() -> None:
    assert judged().state is State.SKIPPED
