"""What the command line asks for."""

from pathlib import Path

import pytest

from bench.__main__ import plan_of
from bench.suite import PARTS, TARGETS
from bench.targets import NODE, NODE_POSTGRES, RELAY


def test_without_a_word_it_is_everything() -> None:
    plan, again = plan_of([])

    assert (tuple(plan.parts), tuple(plan.targets), again) == (PARTS, TARGETS, None)
    assert plan.complete
    assert (plan.rounds.count, plan.rounds.seconds, plan.requests) == (5, 4, 200_000)


def test_parts_are_named_by_how_they_begin() -> None:
    plan, _ = plan_of(["--only", "json", "memory", "--rounds", "1", "--seconds", "0.5"])

    assert plan.parts == ["json-1", "json-16", "json-64", "memory"]
    assert not plan.complete
    assert (plan.rounds.count, plan.rounds.seconds) == (1, 0.5)


def test_a_part_whose_name_only_begins_with_the_same_letters_is_another() -> None:
    plan, _ = plan_of(["--only", "json-1"])

    assert plan.parts == ["json-1"]


def test_a_run_without_some_targets_is_not_complete() -> None:
    plan, _ = plan_of(["--targets", "relay", "node", "postgresql"])

    assert plan.targets == [RELAY, NODE, NODE_POSTGRES]
    assert not plan.complete


def test_a_kept_run_can_be_told_again() -> None:
    assert plan_of(["--again", "run.json"])[1] == Path("run.json")


@pytest.mark.parametrize(
    "words",
    [["--only", "json", "nothing"], ["--rounds", "0"], ["--seconds", "0"], ["--targets", "apache"]],
)
def test_words_that_make_no_sense_are_refused(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        plan_of(words)

    assert ended.value.code == 2
    assert capsys.readouterr().err
