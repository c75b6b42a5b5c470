from pathlib import Path
from typing import Final

import pytest

from scripts.check.results import Counts, Result, Verdict, succeeded, summary

NEEDED: Final = "needs chromium: apt-get install chromium"


def case(name: str, inside: str = "", module: str = "test_a") -> str:
    return f'<testcase classname="tests.unit.{module}" name="{name}">{inside}</testcase>'


REPORT: Final = "\n".join(
    [
        '<?xml version="1.0" encoding="utf-8"?><testsuites><testsuite name="pytest" tests="6">',
        case("test_good"),
        case("test_good", module="test_b"),
        case("test_bad", '<failure message="no">no</failure>'),
        case("test_bad", '<error message="no">cannot be torn down either</error>'),
        case("test_elsewhere", '<skipped message="only on macOS"/>'),
        case("test_page", f'<skipped message="{NEEDED}"/>'),
        "</testsuite></testsuites>",
    ]
)


@pytest.fixture
def report(tmp_path: Path) -> Path:
    path = tmp_path / "report.xml"
    path.write_text(REPORT)
    return path


def result(verdict: Verdict = Verdict.PASSED, counts: Counts | None = None) -> Result:
    is_tests = counts is not None
    return Result("a step", verdict, 1.0, "", counts or Counts(), is_tests=is_tests)


def test_a_test_that_fails_twice_is_counted_once(report: Path) -> None:
    assert Counts.read(report) == Counts(passed=2, failed=1, skipped=2, unable=(NEEDED,))


def test_a_run_that_could_not_report_counts_nothing(tmp_path: Path) -> None:
    assert Counts.read(tmp_path / "nothing.xml") == Counts()
    assert Counts.read(None) == Counts()


def test_the_last_line_adds_up_all_runs_of_tests() -> None:
    results = [result(counts=Counts(passed=3)), result(counts=Counts(passed=4, skipped=1))]

    assert summary(results, 1.0).splitlines()[-1] == "7 passed, 0 failed, 1 skipped"


def test_a_step_that_failed_without_a_failed_test_is_counted_as_one() -> None:
    results = [result(Verdict.FAILED), result(Verdict.FAILED, Counts(passed=5, failed=2))]

    assert summary(results, 1.0).splitlines()[-1] == "5 passed, 3 failed"


def test_no_tests_no_counts() -> None:
    assert "passed" not in summary([result()], 1.0)


def test_what_could_not_run_is_listed_with_the_line_that_installs_it() -> None:
    counts = Counts(passed=1, skipped=1, unable=(NEEDED,))

    assert f"NOT RUN: some tests, {NEEDED}" in summary([result(counts=counts)], 1.0)


@pytest.mark.parametrize(
    ("one", "desk", "ci"),
    [
        (result(), True, True),
        (result(Verdict.FAILED), False, False),
        (result(Verdict.NOT_RUN), True, False),
        (result(counts=Counts(passed=1, skipped=1)), True, True),
        (result(counts=Counts(passed=1, skipped=1, unable=("needs it",))), True, False),
        (result(counts=Counts(passed=1, failed=1)), False, False),
    ],
)
def test_in_ci_everything_must_have_run(one: Result, *, desk: bool, ci: bool) -> None:
    assert succeeded([result(), one], strict=False) is desk
    assert succeeded([result(), one], strict=True) is ci
