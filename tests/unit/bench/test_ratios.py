"""The bars: which figures are compared, and when one is met."""

import pytest

from bench import ecash, starting
from bench.figures import Results
from bench.money import Verdict
from bench.ratios import MEMORY, Bar, bars, difference, quotient
from bench.targets import LITELLM, NODE, NODE_POSTGRES, PORTKEY, RELAY

EXACT = Verdict(NODE, 10, 220, "")


def everything() -> Results:
    """A run in which every bar is met by a little."""
    found = Results()
    for count, rate in ((1, 900.0), (16, 4_100.0), (64, 5_600.0)):
        scenario = f"json-{count}"
        found.add(scenario, RELAY, {"rate": 10_000, "p50_ms": 0.3, "p99_ms": 2.0})
        found.add(scenario, NODE, {"rate": rate, "p50_ms": 0.85, "p99_ms": 4.9})
        found.add(scenario, NODE_POSTGRES, {"rate": 3_600})
    found.add("json-16", LITELLM, {"rate": 45})
    found.add("json-16", PORTKEY, {"rate": 1_300})
    found.add("paced-100", RELAY, {"rate": 10_000, "p99_ms": 2, "cpu_us": 20})
    found.add("paced-100", NODE, {"rate": 9_950, "p99_ms": 3, "cpu_us": 29})
    found.add("crowd-1000", NODE, {"gap_max_ms": 400, "silent": 0})
    for way, rate in ((ecash.SWAPS, 30), (ecash.FITTING, 22), (ecash.SWAPPED, 14)):
        found.add(ecash.SCENARIO, way, {"rate": rate})
    found.add(MEMORY, NODE, {"mb": 140, "requests": 200_000})
    found.add(starting.SCENARIO, NODE, {starting.FIRST_PAID: 1.9})
    return found


def verdicts_of(found: Results, *money: Verdict) -> dict[str, str]:
    return {bar.text: bar.verdict for bar in bars(found, money)}


def test_a_run_that_reaches_everything_is_ok_throughout() -> None:
    assert set(verdicts_of(everything(), EXACT).values()) == {"ok"}


def test_what_was_not_measured_is_neither_met_nor_missed() -> None:
    assert set(verdicts_of(Results()).values()) == {"not measured"}


@pytest.mark.parametrize(
    ("scenario", "target", "values", "text"),
    [
        ("json-16", NODE, {"rate": 3_950}, "paid JSON path / bare relay, 16 connections, SQLite"),
        ("json-64", NODE_POSTGRES, {"rate": 3_400}, "the same with PostgreSQL, 64 connections"),
        ("json-1", NODE, {"p50_ms": 0.95}, "added p50 over the bare relay, 1 connection, ms"),
        ("paced-100", NODE, {"cpu_us": 31}, "CPU per event / bare relay"),
        (ecash.SCENARIO, ecash.SWAPPED, {"rate": 13}, "the same, change by a swap"),
        (starting.SCENARIO, NODE, {starting.FIRST_PAID: 2.1},
         "cold start to the first paid answer, s"),
    ],
)  # fmt: skip
def test_a_bar_follows_its_own_figure(
    scenario: str, target: str, values: dict[str, float], text: str
) -> None:
    found = everything()
    for one in found.samples:
        if (one.scenario, one.target) == (scenario, target):
            one.values.update(values)

    missed = [name for name, verdict in verdicts_of(found, EXACT).items() if verdict == "missed"]

    assert missed == [text]


def test_one_long_silence_in_one_round_is_a_stall() -> None:
    found = everything()
    found.add("crowd-1000", NODE, {"gap_max_ms": 1_200, "silent": 0})
    found.add("crowd-1000", NODE, {"gap_max_ms": 300, "silent": 0})

    assert verdicts_of(found)["1,000 streams: longest silence of any, in any round, ms"] == "missed"


def test_a_stream_that_never_spoke_is_a_stall() -> None:
    found = everything()
    found.add("crowd-1000", NODE, {"gap_max_ms": 100, "silent": 1})

    assert verdicts_of(found)["1,000 streams: longest silence of any, in any round, ms"] == "missed"


def test_memory_is_told_only_after_enough_requests() -> None:
    found = Results()
    found.add(MEMORY, NODE, {"mb": 100, "requests": 199_999})

    text = "resident memory after 200,000 requests, MB"
    assert verdicts_of(found)[text] == "not measured"


def test_one_node_whose_money_is_wrong_misses() -> None:
    wrong = Verdict(NODE_POSTGRES, 10, 220, "key: 1 msat are still reserved")

    assert verdicts_of(Results(), EXACT, wrong)["nodes whose money is not exact"] == "missed"


def test_a_bound_is_met_when_it_is_reached() -> None:
    assert Bar("", 0.4, 0.4).verdict == "ok"
    assert Bar("", 3, 3, at_least=False).verdict == "ok"
    assert Bar("", 0.4, 0.399).verdict == "missed"
    assert Bar("", 3, 3.01, at_least=False).verdict == "missed"


def test_ratios_with_one_side_missing_are_none() -> None:
    assert quotient(None, 2) is quotient(2, None) is quotient(2, 0) is difference(1, None) is None
    assert (quotient(1, 2), difference(3, 1)) == (0.5, 2)
