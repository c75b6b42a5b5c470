"""What came of the steps, and how it is told."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

NEEDS: Final = "needs "
"""A test that is skipped with a reason that begins so could not run: its reason tells what to
install. Any other skip is a decision of the test's own."""


class Verdict(Enum):
    """How a step ended; the value is what is printed."""

    PASSED = "ok"
    FAILED = "FAILED"
    NOT_RUN = "NOT RUN"


@dataclass(frozen=True, slots=True)
class Counts:
    """What pytest's report says. ``unable`` are the reasons of tests that lacked something."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0
    unable: tuple[str, ...] = ()

    @classmethod
    def read(cls, report: Path | None) -> "Counts":
        """The counts of one run; nothing when it ended before it could report."""
        if report is None or not report.exists():
            return cls()
        cases = list(ET.parse(report).getroot().iter("testcase"))
        failed = {_name(case) for case in cases if _has(case, "failure", "error")}
        skipped = {_name(case): case for case in cases if _has(case, "skipped")}
        reasons = [_reason(case) for name, case in skipped.items() if name not in failed]
        unable = tuple(sorted({reason for reason in reasons if reason.startswith(NEEDS)}))
        passed = len({_name(case) for case in cases} - failed - skipped.keys())
        return cls(passed, len(failed), len(reasons), unable)


@dataclass(frozen=True, slots=True)
class Result:
    """The end of one step. ``note`` is shown beside its time."""

    name: str
    verdict: Verdict
    seconds: float = 0.0
    note: str = ""
    counts: Counts = Counts()
    is_tests: bool = False

    @property
    def line(self) -> str:
        """A row of the table."""
        return f"  {self.verdict.value:8}{self.name:22}{self.seconds:7.1f} s  {self.note}".rstrip()

    @property
    def failures(self) -> int:
        """Failed tests; 1 for a step that failed without naming one."""
        return max(self.counts.failed, int(self.verdict is Verdict.FAILED))


def summary(results: Sequence[Result], seconds: float) -> str:
    """The table and, below it, what a machine reads: ``N passed, N failed``."""
    lines = ["", f"Checks, {seconds / 60:.1f} minutes in all:", *(one.line for one in results)]
    unable = sorted({reason for one in results for reason in one.counts.unable})
    lines += [f"  {Verdict.NOT_RUN.value}: some tests, {reason}" for reason in unable]
    if any(one.is_tests for one in results):
        passed = sum(one.counts.passed for one in results)
        failed = sum(one.failures for one in results)
        skipped = sum(one.counts.skipped for one in results)
        lines += [
            "",
            f"{passed} passed, {failed} failed" + (f", {skipped} skipped" * bool(skipped)),
        ]
    return "\n".join(lines)


def succeeded(results: Sequence[Result], *, strict: bool) -> bool:
    """Whether all is well; ``strict`` (CI) demands that everything could run."""
    if any(one.failures for one in results):
        return False
    complete = not any(one.verdict is Verdict.NOT_RUN or one.counts.unable for one in results)
    return complete or not strict


def _name(case: ET.Element) -> str:
    # a test that fails and cannot be torn down either is reported twice
    return f"{case.get('classname')}::{case.get('name')}"


def _has(case: ET.Element, *tags: str) -> bool:
    return any(case.find(tag) is not None for tag in tags)


def _reason(case: ET.Element) -> str:
    skipped = case.find("skipped")
    return "" if skipped is None else skipped.get("message", "")
