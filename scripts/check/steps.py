"""The checks, in the order in which they are told."""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from enum import IntEnum
from pathlib import Path
from typing import Final

from scripts import chromium
from scripts.places import PROJECT_ENVIRONMENT

PURE_MODULES: Final = (
    "money",
    "ledger/entries",
    "ledger/limits",
    "payment/pricing",
    "payment/cost",
)
"""Where money is computed and nothing else is done: their own unit tests run every branch."""

EXACT_MODULES: Final = (
    "routstr/money.py",
    "routstr/ledger/*",
    "routstr/payment/pricing.py",
    "routstr/payment/cost.py",
)
"""Where every line and branch must have been run by some test."""

OVERALL_PERCENT: Final = 90

BOTH_CORES: Final = ("-n", "2", "--dist", "loadfile")
"""Each of two processes has servers of its own; the tests of a file share them."""

CRASH_SAMPLE_S: Final = 45
"""Seconds for a pairwise sample of the crash matrix, without the start of its servers."""

THREE: Final = ("-n", "3", "--dist", "loadfile")
"""Tests with servers wait a third of their time."""

WITH_SERVERS: Final = (
    "tests/integration",
    "tests/crash",
    "tests/fuzz",
    "tests/security",
    "tests/chaos",
)
"""Folders of tests that start real mints, databases, nodes and servers."""

Missing = Callable[[], str | None]
"""Tells the one line that installs what a step needs, or None when it is there."""


class Stage(IntEnum):
    """Steps of one stage may run side by side; the next stage waits for all of them."""

    CODE = 0  # needs nothing but CPU: the static checks beside the unit tests
    INTEGRATION = 1
    COVERAGE = 2


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
    usual = [*_static(caches), _branches_of_money(), *_tests(folder), _crash_sample()]
    return [*usual, *_halves(folder), *_coverage(folder)]


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
        lint("docs", "python", "-m", "scripts.site"),
    ]


def _branches_of_money() -> Step:
    """What computes money is small; to measure all of the code doubles the time of its tests."""
    coverage = shlex.quote(program("coverage"))
    parts = (module.rpartition("/") for module in PURE_MODULES)
    tests = " ".join(f"tests/unit/{folder}{slash}test_{name}*.py" for folder, slash, name in parts)
    modules = ",".join(f"routstr.{module.replace('/', '.')}" for module in PURE_MODULES)
    script = (
        "export HYPOTHESIS_PROFILE=mutants;"  # few examples, and always the same
        f" {coverage} run --source={modules} -m pytest -q -p no:cacheprovider {tests}"
        f" && {coverage} combine --quiet"
        f" && {coverage} report --show-missing --precision=2 --fail-under=100"
    )
    return Step("branches-of-money", ("/bin/sh", "-c", script), 120.0, Stage.CODE, lane="static")


def _tests(folder: Path) -> list[Step]:
    return [
        _pytest(folder, "unit", "tests/unit", *BOTH_CORES, stage=Stage.CODE),
        _pytest(folder, "integration", *WITH_SERVERS, *THREE, "-m", "not slow", limit_s=700.0),
        *_pages(folder),
        _pytest(folder, "slow", *WITH_SERVERS, *THREE, "-m", "slow", limit_s=1_800.0, group="slow"),
    ]


def _pages(folder: Path) -> list[Step]:
    """Every page in a real browser, beside the other tests with servers: each waits for its own."""
    get = (program("python"), "-m", "scripts.chromium")
    drive = _pytest(folder, "browser", "tests/browser")
    return [
        Step("chromium", get, 300.0, Stage.CODE, "chromium", "pages", missing=chromium.missing),
        replace(drive, lane="browser", group="pages"),
    ]


def _halves(folder: Path) -> list[Step]:
    """The integration tests for whoever works on one database."""
    marks = {"sqlite": "not postgres", "postgres": "postgres"}
    return [
        _pytest(folder, f"integration-{name}", *WITH_SERVERS, *THREE, "-m", mark, group="halves")
        for name, mark in marks.items()
    ]


def _crash_sample() -> Step:
    """Behind the pages, which are done before the other tests with servers."""
    command = (program("python"), "-m", "tests.crash.matrix", "--fast", str(CRASH_SAMPLE_S))
    return Step("crash-sample", command, 480.0, Stage.INTEGRATION, lane="browser")


def _coverage(folder: Path) -> list[Step]:
    """Every test once more, measured: ``make coverage``."""

    def tests(name: str, *arguments: str) -> Step:
        return _pytest(folder, name, *arguments, limit_s=3_600.0, group="coverage")

    def judge(name: str, *arguments: str) -> Step:
        command = (program("coverage"), *arguments)
        return Step(name, command, 60.0, Stage.COVERAGE, group="coverage", by_name=True)

    show = ("report", "--show-missing", "--skip-covered", "--precision=2")
    exact = ",".join(EXACT_MODULES)
    return [
        tests("measured-unit", "tests/unit", *BOTH_CORES),
        tests("measured-integration", *WITH_SERVERS, *THREE),
        judge("coverage-data", "combine", "--quiet"),
        judge("coverage", *show, f"--fail-under={OVERALL_PERCENT}"),
        judge("coverage-of-money", *show, f"--include={exact}", "--fail-under=100"),
    ]


def _pytest(
    folder: Path,
    name: str,
    *arguments: str,
    stage: Stage = Stage.INTEGRATION,
    limit_s: float = 480.0,
    group: str = "tests",
) -> Step:
    report = folder / f"{name}.xml"
    measured = group == "coverage"
    runner = (program("coverage"), "run") if measured else (program("python"),)
    options = ("-m", "pytest", "-p", "no:cacheprovider", "--junit-xml", str(report), "--no-header")
    patience = ("-o", "faulthandler_timeout=120")
    return Step(
        name,
        (*runner, *options, *patience, *arguments),
        limit_s,
        stage,
        group=group,
        report=report,
        by_name=group != "tests",
    )
