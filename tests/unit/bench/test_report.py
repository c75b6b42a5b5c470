"""The document: what stands between the marks, and that the rest stays."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from bench import ecash
from bench.figures import Sample
from bench.money import Verdict
from bench.report import BEGIN, END, NoMarks, Run, into, placed, render
from bench.targets import NODE, RELAY


def run_of(*samples: Sample, trouble: str = "", failed: Sequence[str] = ()) -> Run:
    return Run(
        machine={"processor": "2 x Fast"},
        peers={"nginx": "1.31"},
        missing={"LiteLLM": "npm is not there"},
        troubles=list(failed),
        rounds=5,
        seconds=4,
        samples=list(samples),
        verdicts=[Verdict(NODE, 1_234, 27_148, trouble)],
    )


def json_sample(target: str, rate: float, p50: float) -> Sample:
    return Sample("json-16", target, {"rate": rate, "p50_ms": p50, "p99_ms": 5, "cpu_us": 130})


def line_of(text: str, start: str) -> list[str]:
    (found,) = [line for line in text.splitlines() if line.startswith(f"| {start} |")]
    return [cell.strip() for cell in found.strip("|").split("|")]


def test_medians_ranges_and_what_is_added_to_the_bare_relay() -> None:
    samples = [json_sample(RELAY, 8_000, 1.5)]
    samples += [json_sample(NODE, rate, 4) for rate in (4_000, 3_000, 5_000)]

    text = render(run_of(*samples))

    assert line_of(text, f"{NODE} | 4,000 (3,000-5,000)")[2:] == [
        "0.500", "4.00", "5.00", "2.50, 0.00", "130",
    ]  # fmt: skip


def test_the_fastest_target_stands_first() -> None:
    text = render(run_of(json_sample(NODE, 4_000, 4), json_sample(RELAY, 8_000, 1.5)))

    assert text.index(f"| {RELAY} | 8,000") < text.index(f"| {NODE} | 4,000")


def test_streams_are_told_by_events() -> None:
    values = {
        "rate": 9_990, "p50_ms": 0.4, "p99_ms": 3, "first_p50_ms": 6, "first_p99_ms": 12,
        "gap_max_ms": 31, "cpu_us": 22,
    }  # fmt: skip

    text = render(run_of(Sample("paced-100", NODE, values)))

    row = line_of(text, f"{NODE} | 9,990")
    assert row == [NODE, "9,990", "", "0.40", "3.00", "6.00, 12.0", "31.0", "22.0"]


def test_ecash_is_told_beside_bare_swaps() -> None:
    swaps = Sample(ecash.SCENARIO, ecash.SWAPS, {"rate": 30, "p50_ms": 90, "p99_ms": 120})
    paid = Sample(
        ecash.SCENARIO, ecash.FITTING, {"rate": 24, "p50_ms": 95, "p99_ms": 130, "fitting": 1}
    )

    row = line_of(render(run_of(swaps, paid)), f"{ecash.FITTING} | 24.0")

    assert row[2:] == ["0.80", "95.0", "130", "100%"]


def test_the_circumstances_name_machine_versions_and_what_was_left_out() -> None:
    text = render(run_of())

    assert line_of(text, "processor") == ["processor", "2 x Fast"]
    assert line_of(text, "LiteLLM") == ["LiteLLM", "left out: npm is not there"]
    assert line_of(text, "rounds")[1].startswith("5 of 4 s")


def test_trouble_with_money_is_told() -> None:
    assert line_of(render(run_of()), "node | 1,234")[-1] == "exact"
    assert line_of(render(run_of(trouble="1 msat")), "node | 1,234")[-1] == "1 msat"


def test_rounds_that_failed_are_named_in_one_line_each() -> None:
    text = render(run_of(failed=["json-16: node: {'errors': 1}\nHTTP/1.1 502 |"]))

    assert "## What failed\n\n- json-16: node: {'errors': 1} HTTP/1.1 502 /\n" in text
    assert "What failed" not in render(run_of())


def test_a_part_of_a_run_does_not_list_what_it_cannot_tell() -> None:
    assert "not measured" in render(run_of())
    assert "not measured" not in render(run_of(), complete=False)


def test_only_what_is_between_the_marks_changes(tmp_path: Path) -> None:
    document = tmp_path / "benchmarks.md"
    document.write_text(f"# Title\n\n{BEGIN}\n\nof the last run\n\n{END}\n\n## By hand\n")

    into(document, run_of())
    once = document.read_text()
    into(document, run_of())

    assert once.startswith(f"# Title\n\n{BEGIN}\n\n|")
    assert once.endswith(f"\n\n{END}\n\n## By hand\n")
    assert "of the last run" not in once
    assert document.read_text() == once


@pytest.mark.parametrize("text", ["", f"{BEGIN}\n", f"{END}\n{BEGIN}\n"])
def test_a_document_without_marks_is_left_alone(text: str) -> None:
    with pytest.raises(NoMarks):
        placed(text, "new")
