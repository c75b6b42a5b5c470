"""Samples: medians and ranges over the rounds, and what was not measured."""

import pytest

from bench.figures import Results, Spread


def results() -> Results:
    found = Results()
    for value in (3.0, 1.0, 9.0):
        found.add("json-1", "node", {"rate": value})
    found.add("json-1", "relay", {"rate": 4.0})
    found.add("json-16", "node", {"rate": 70.0})
    return found


def test_a_figure_is_the_middle_of_its_rounds_with_the_smallest_and_the_largest() -> None:
    assert results().spread("json-1", "node", "rate") == Spread(3, 1, 9)


def test_rounds_of_other_scenarios_and_targets_do_not_count() -> None:
    assert results().rounds("json-1", "relay", "rate") == [4]
    assert results().median("json-16", "node", "rate") == 70


@pytest.mark.parametrize(
    "what", [("json-64", "node", "rate"), ("json-1", "nginx", "rate"), ("json-1", "node", "p50_ms")]
)
def test_what_was_not_measured_is_none(what: tuple[str, str, str]) -> None:
    assert results().median(*what) is None
    assert results().spread(*what) is None


def test_targets_come_in_the_order_in_which_they_were_measured_first() -> None:
    found = results()
    found.add("json-1", "nginx", {})
    found.add("json-1", "node", {})

    assert found.targets("json-1") == ["node", "relay", "nginx"]
