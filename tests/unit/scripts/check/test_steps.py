from pathlib import Path
from typing import Final

from scripts.check.steps import (
    CRASH_SAMPLE_S,
    EXACT_MODULES,
    PURE_MODULES,
    Stage,
    Step,
    all_steps,
    chosen,
)

ROOT: Final = Path(__file__).parents[4]


def steps() -> list[Step]:
    return all_steps(Path("/results"), Path("/caches"))


def names(some: list[Step] | None) -> list[str]:
    return [step.name for step in some or []]


def test_everything_is_checked_when_nothing_is_chosen() -> None:
    assert names(chosen(steps(), [])) == [
        *("format", "style", "types", "layers", "docs", "branches-of-money"),
        *("unit", "integration", "chromium", "browser", "crash-sample"),
    ]


def test_what_is_only_run_by_name_repeats_tests_of_the_usual_checks_or_takes_long() -> None:
    assert names([step for step in steps() if step.by_name]) == [
        "slow",
        *("integration-sqlite", "integration-postgres"),
        *("measured-unit", "measured-integration"),
        *("coverage-data", "coverage", "coverage-of-money"),
    ]


def test_names_and_groups_can_be_chosen_in_any_order() -> None:
    assert names(chosen(steps(), ["unit", "lint"])) == [
        *("format", "style", "types", "layers", "docs"),
        "unit",
    ]


def test_an_unknown_name_chooses_nothing() -> None:
    assert chosen(steps(), ["unit", "nonsense"]) is None


def test_every_step_has_a_name_of_its_own_and_a_limit() -> None:
    every = steps()

    assert len({step.name for step in every}) == len(every)
    assert all(0 < step.limit_s < 12 * 60 for step in every if not step.by_name)


def test_coverage_is_judged_after_all_tests() -> None:
    measured = chosen(steps(), ["coverage"])

    assert names(measured) == [
        *("measured-unit", "measured-integration"),
        *("coverage-data", "coverage", "coverage-of-money"),
    ]
    assert [step.stage is Stage.COVERAGE for step in measured or []] == [False] * 2 + [True] * 3


def test_only_what_computes_money_is_measured_by_the_usual_checks() -> None:
    measured = [
        step.name for step in chosen(steps(), []) or [] if "coverage" in " ".join(step.command)
    ]

    assert measured == ["branches-of-money"]


def test_the_integration_tests_run_on_both_databases_at_once_and_can_be_halved() -> None:
    (whole,) = chosen(steps(), ["integration"]) or []
    sqlite, postgres = chosen(steps(), ["halves"]) or []

    assert {"tests/integration", "tests/crash", "tests/fuzz", "tests/security"} < set(whole.command)
    assert whole.command[-2:] == ("-m", "not slow")
    assert sqlite.command[-2:] == ("-m", "not postgres")
    assert postgres.command[-2:] == ("-m", "postgres")


def test_what_computes_money_exists_and_has_tests_of_its_own() -> None:
    for module in PURE_MODULES:
        folder, _, name = module.rpartition("/")
        assert (ROOT / "routstr" / f"{module}.py").is_file()
        assert list((ROOT / "tests" / "unit" / folder).glob(f"test_{name}*.py"))


def test_the_modules_of_exact_coverage_are_those_of_money() -> None:
    assert EXACT_MODULES == (
        "routstr/money.py",
        "routstr/ledger/*",
        "routstr/payment/pricing.py",
        "routstr/payment/cost.py",
    )


def test_a_sample_of_the_crash_matrix_runs_behind_the_pages_within_five_minutes() -> None:
    (sample,) = (step for step in steps() if step.name == "crash-sample")

    assert sample.command[1:] == ("-m", "tests.crash.matrix", "--fast", str(CRASH_SAMPLE_S))
    assert CRASH_SAMPLE_S <= 5 * 60
    lane = [step.name for step in steps() if step.lane == sample.lane and not step.by_name]
    assert lane == ["browser", "crash-sample"]


def test_pages_are_driven_beside_the_other_tests_with_servers() -> None:
    lanes = {
        step.name: step.lane
        for step in steps()
        if step.stage is Stage.INTEGRATION and not step.by_name
    }
    assert lanes == {"integration": "main", "browser": "browser", "crash-sample": "browser"}
