"""The checks, in the order in which they are told."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import IntEnum
from pathlib import Path
from typing import Final

from scripts.places import PROJECT_ENVIRONMENT

EXACT_MODULES: Final = (
    "routstr/money.py",
    "routstr/ledger/*",
    "routstr/payment/pricing.py",
    "routstr/payment/cost.py",
)
"""Where every line and branch must have been run by a test."""

OVERALL_PERCENT: Final = 90

BOTH_CORES: Final = ("-n", "2", "--dist", "loadfile")
"""Each of two processes has servers of its own; the tests of a file share them."""

CRASH_SAMPLE_S: Final = 45
"""Seconds for a pairwise sample of the crash matrix, without the start of its servers."""

THREE: Final = ("-n", "3", "--dist", "loadfile")
"""Tests with servers wait a third of their time."""

WITH_SERVERS: Final = ("tests/integration", "tests/crash", "tests/fuzz")
"""Folders of tests that start real mints, databases and nodes."""

Missing = Callable[[], str | None]
"""Tells the one line that installs what a step needs, or None when it is there."""


class Stage(IntEnum):
    """Steps of one stage may run side by side; the next stage waits for all of them."""

    CODE = 0  # needs nothing but CPU: the static checks beside the unit tests
    INTEGRATION_SQLITE = 1
    INTEGRATION_POSTGRES = 2
    CRASHES = 3
    COVERAGE = 4


@dataclass(frozen=True, slots=True)
class Step:
    """One check. Steps with the same ``lane`` of a stage run one after the other."""

    name: str
    command: Sequence[str]
    limit_s: float
    stage: Stage
    lane: str = "main"
    group: str = "test"
    report: Path | None = None  # where pytest tells its results
    by_name: bool = False  # left out unless it is asked for
    missing: Missing = lambda: None


def all_steps(folder: Path, caches: Path) -> list[Step]:
    """Everything, with results written into ``folder``."""
    return [*_static(caches), *_tests(folder), _crash_sample(), _slow(), *_coverage()]


def chosen(steps: Sequence[Step], names: Sequence[str]) -> list[Step] | None:
    """The steps of these names or groups, the usual ones without any, None when one is unknown."""
    known = {word for step in steps for word in (step.name, step.group)}
    if not known.issuperset(names):
        return None
    if not names:
        return [step for step in steps if not step.by_name]
    return [step for step in steps if {step.name, step.group} & set(names)]


def program(name: str) -> str:
    """A program of the project's environment."""
    return str(PROJECT_ENVIRONMENT / "bin" / name)


def _static(caches: Path) -> list[Step]:
    def lint(name: str, *command: str, limit_s: float = 120.0) -> Step:
        command = (program(command[0]), *command[1:])
        return Step(name, command, limit_s, Stage.CODE, lane="static", group="lint")

    return [
        lint("format", "ruff", "format", "--check", "."),
        lint("style", "ruff", "check", "."),
        lint("types", "mypy", limit_s=300.0),
        lint("layers", "lint-imports", "--cache-dir", str(caches / "import-linter")),
    ]


def _tests(folder: Path) -> list[Step]:
    def pytest(name: str, *arguments: str, stage: Stage, limit_s: float) -> Step:
        report = folder / f"{name}.xml"
        options = ("--junit-xml", str(report), "-o", "faulthandler_timeout=120", "--no-header")
        measured = (program("coverage"), "run", "-m", "pytest", "-p", "no:cacheprovider")
        command = (*measured, *options, *arguments)
        return Step(name, command, limit_s, stage, group="tests", report=report)

    return [
        pytest("unit", "tests/unit", *BOTH_CORES, stage=Stage.CODE, limit_s=420.0),
        pytest(
            *("integration-sqlite", *WITH_SERVERS, *THREE, "-m", "not postgres and not slow"),
            stage=Stage.INTEGRATION_SQLITE,
            limit_s=480.0,
        ),
        pytest(
            *("integration-postgres", *WITH_SERVERS, *THREE, "-m", "postgres and not slow"),
            stage=Stage.INTEGRATION_POSTGRES,
            limit_s=480.0,
        ),
    ]


def _slow() -> Step:
    """Races, crashes and clocks with whole nodes, longer than anybody waits for a commit."""
    command = (program("pytest"), *WITH_SERVERS, *THREE, "-m", "slow", "--no-header")
    return Step("slow", command, 1_800.0, Stage.CRASHES, group="slow", by_name=True)


def _crash_sample() -> Step:
    command = (program("python"), "-m", "tests.crash.matrix", "--fast", str(CRASH_SAMPLE_S))
    return Step("crash-sample", command, 480.0, Stage.CRASHES)


def _coverage() -> list[Step]:
    def coverage(name: str, *arguments: str) -> Step:
        command = (program("coverage"), *arguments)
        return Step(name, command, 60.0, Stage.COVERAGE, group="coverage")

    show = ("report", "--show-missing", "--skip-covered", "--precision=2")
    exact = ",".join(EXACT_MODULES)
    return [
        coverage("coverage-data", "combine", "--quiet"),
        coverage("coverage", *show, f"--fail-under={OVERALL_PERCENT}"),
        coverage("coverage-of-money", *show, f"--include={exact}", "--fail-under=100"),
    ]
