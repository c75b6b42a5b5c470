from pathlib import Path

from scripts.check.steps import CRASH_SAMPLE_S, EXACT_MODULES, Stage, Step, all_steps, chosen


def steps() -> list[Step]:
    return all_steps(Path("/results"), Path("/caches"))


def names(some: list[Step] | None) -> list[str]:
    return [step.name for step in some or []]


def test_everything_is_checked_when_nothing_is_chosen() -> None:
    usual = chosen(steps(), [])
    assert usual is not None
    assert [step.name for step in steps() if step not in usual] == ["slow"]
    assert names(chosen(steps(), ["slow"])) == ["slow"]


def test_names_and_groups_can_be_chosen_in_any_order() -> None:
    assert names(chosen(steps(), ["unit", "lint"])) == [
        *("format", "style", "types", "layers"),
        "unit",
    ]


def test_an_unknown_name_chooses_nothing() -> None:
    assert chosen(steps(), ["unit", "nonsense"]) is None


def test_every_step_has_a_name_of_its_own_and_a_limit() -> None:
    every = steps()

    assert len({step.name for step in every}) == len(every)
    assert all(0 < step.limit_s <= 8 * 60 for step in every if not step.by_name)


def test_coverage_is_judged_after_all_tests() -> None:
    last = [step.name for step in steps() if step.stage is Stage.COVERAGE]

    assert last == ["coverage-data", "coverage", "coverage-of-money"]
    assert names(steps())[-3:] == last


def test_the_integration_tests_run_on_both_databases_one_after_the_other() -> None:
    sqlite, postgres = (step for step in steps() if step.name.startswith("integration"))

    assert sqlite.command[-2:] == ("-m", "not postgres and not slow")
    assert postgres.command[-2:] == ("-m", "postgres and not slow")
    assert sqlite.command[-10:-2] == postgres.command[-10:-2]
    assert {"tests/integration", "tests/crash", "tests/fuzz"} < set(sqlite.command)
    assert sqlite.stage < postgres.stage


def test_the_modules_of_exact_coverage_are_those_of_money() -> None:
    assert EXACT_MODULES == (
        "routstr/money.py",
        "routstr/ledger/*",
        "routstr/payment/pricing.py",
        "routstr/payment/cost.py",
    )


def test_a_sample_of_the_crash_matrix_runs_by_itself_and_within_five_minutes() -> None:
    (sample,) = (step for step in steps() if step.name == "crash-sample")

    assert sample.command[1:] == ("-m", "tests.crash.matrix", "--fast", str(CRASH_SAMPLE_S))
    assert CRASH_SAMPLE_S <= 5 * 60
    assert [step.name for step in steps() if step.stage is sample.stage and not step.by_name] == [
        "crash-sample"
    ]
