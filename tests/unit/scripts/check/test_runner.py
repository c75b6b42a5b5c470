import io
import os
import time
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from scripts.check.display import Display
from scripts.check.results import Result, Verdict
from scripts.check.runner import Runner
from scripts.check.steps import Stage, Step
from scripts.processes import Interrupted, Interrupts


@dataclass
class Desk:
    """A runner whose output and results can be looked at."""

    folder: Path
    out: io.StringIO = field(default_factory=io.StringIO)
    interrupts: Interrupts = field(default_factory=Interrupts)

    def run(self, *steps: Step) -> list[Result]:
        display = Display(self.out, live=False)
        surroundings = {"PATH": os.defpath}
        return Runner(self.folder, surroundings, display, self.interrupts).run(steps)


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path)


def step(name: str, script: str, stage: Stage = Stage.CODE, lane: str = "main") -> Step:
    return Step(name, ("/bin/sh", "-c", script), 20.0, stage, lane)


def verdicts(results: list[Result]) -> dict[str, Verdict]:
    return {result.name: result.verdict for result in results}


def test_every_step_runs_and_is_told_in_its_order_whatever_fails(desk: Desk) -> None:
    results = desk.run(
        step("first", "echo why; exit 1"),
        step("second", "true", lane="beside"),
        step("third", "true"),
    )

    assert list(verdicts(results).items()) == [
        ("first", Verdict.FAILED),
        ("second", Verdict.PASSED),
        ("third", Verdict.PASSED),
    ]


def test_only_the_output_of_a_failed_step_is_shown(desk: Desk) -> None:
    desk.run(step("good", "echo all is well"), step("bad", "echo the reason; exit 1"))

    assert "the reason" in desk.out.getvalue()
    assert "all is well" not in desk.out.getvalue()


def test_a_lane_is_one_after_the_other_and_lanes_are_side_by_side(
    desk: Desk, tmp_path: Path
) -> None:
    mark = tmp_path / "mark"
    met = f"until [ -e '{mark}' ]; do sleep 0.02; done"

    results = desk.run(
        step("waits for the other lane", met),
        step("other lane", f"touch '{mark}'", lane="beside"),
        step("same lane", f"rm '{mark}'"),
    )

    assert set(verdicts(results).values()) == {Verdict.PASSED}


def test_a_stage_waits_for_the_one_before(desk: Desk, tmp_path: Path) -> None:
    mark = tmp_path / "mark"

    results = desk.run(
        step("late", f"[ -e '{mark}' ]", Stage.COVERAGE, lane="beside"),
        step("early", f"sleep 0.2; touch '{mark}'"),
    )

    assert set(verdicts(results).values()) == {Verdict.PASSED}


def test_a_step_that_hangs_is_ended_and_says_so(desk: Desk) -> None:
    hangs = Step("hangs", ("/bin/sh", "-c", "echo last words; exec sleep 60"), 1.0, Stage.CODE)

    (result,) = desk.run(hangs)

    assert result.verdict is Verdict.FAILED
    assert result.note == "took longer than 1 s: ended"
    assert "last words" in desk.out.getvalue()


def test_a_step_that_lacks_something_is_not_run_and_names_the_remedy(desk: Desk) -> None:
    lacking = Step(
        "browser", ("/nonexistent",), 1.0, Stage.CODE, missing=lambda: "apt-get install it"
    )

    (result,) = desk.run(lacking)

    assert (result.verdict, result.note) == (Verdict.NOT_RUN, "apt-get install it")


def test_the_counts_come_from_the_report(desk: Desk, tmp_path: Path) -> None:
    report = tmp_path / "unit.xml"
    case = '<testcase classname="a" name="b"/>'
    script = f"echo '<testsuites><testsuite>{case}</testsuite></testsuites>' > '{report}'"
    tests = Step("unit", ("/bin/sh", "-c", script), 20.0, Stage.CODE, report=report)

    (result,) = desk.run(tests)

    assert result.note == "1 passed, 0 failed, 0 skipped"
    assert result.is_tests


def test_the_total_of_coverage_is_noted(desk: Desk) -> None:
    (result,) = desk.run(step("coverage", "echo 'TOTAL   120   0   30   1   99.33%'"))

    assert result.note == "99.33%"


def test_an_interrupt_ends_what_is_running(desk: Desk) -> None:
    desk.interrupts.received = 2
    began = time.monotonic()

    with pytest.raises(Interrupted):
        desk.run(step("long", "exec sleep 60"), step("longer", "exec sleep 60", lane="beside"))

    assert time.monotonic() - began < 30
