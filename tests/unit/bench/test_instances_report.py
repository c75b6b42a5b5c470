import pytest

from bench.instances_report import (
    DIRECT,
    ONE,
    PARTS,
    TWO,
    Found,
    NoRegion,
    Pairs,
    Round,
    median,
    placed_at,
    render,
    verdict,
)


def measured(target: str, rate: float, *cpu_us: float) -> Round:
    return Round(target, rate, 5.0, 9.0, dict(zip(PARTS, cpu_us, strict=True)))


ROUNDS = [
    measured(DIRECT, 1_000, 200, 1, 50, 0, 20, 10),
    measured(ONE, 900, 190, 10, 50, 80, 20, 10),
    measured(ONE, 1_000, 190, 10, 60, 80, 20, 10),
    measured(ONE, 5_000, 190, 10, 70, 80, 20, 10),
    measured(TWO, 1_100, 110, 110, 70, 80, 20, 10),
]


def run(pairs: float, trouble: str = "") -> Found:
    waits = {TWO: {"working": 60, "Lock: transactionid": 40}}
    alone = [Pairs(1, 6_000, 40), Pairs(2, pairs, 45)]
    return Found({"date": "today"}, ROUNDS, alone, waits, trouble, 2)


def test_figures_are_medians_of_a_targets_own_rounds() -> None:
    assert median(ROUNDS, ONE, "rate") == 1_000
    assert median(ROUNDS, ONE, "PostgreSQL") == 60


def test_the_verdict_says_what_processors_would_allow() -> None:
    told = verdict(run(9_000))
    assert "served 1.10 times" in told
    assert "at most 5,000/s" in told
    assert "busy for 0.70 processors" in told
    assert "1.80 times" in told
    assert told.endswith("it is not the limit.")


def test_a_database_that_does_too_little_is_the_limit() -> None:
    told = verdict(run(8_000))
    assert "1.60 times" in told
    assert told.endswith("it is the limit.")


def test_everything_is_told() -> None:
    told = render(run(9_000))
    assert f"| {TWO} | 1,100 | 5.0 | 9.0 |" in told
    assert f"| {TWO} | 110 | 110 | 70 | 80 | 20 | 10 |" in told
    assert "| working 60 %, Lock: transactionid 40 % | 40 % |" in told
    assert "| 2 | 9,000 | 45 |" in told
    assert "Money afterwards: exact." in told
    assert "Money afterwards: gone." in render(run(9_000, "gone"))


def test_a_region_of_a_document_is_replaced_and_nothing_else() -> None:
    text = "a\n<!-- x: begin -->\nold\n<!-- x: end -->\nb"
    new = placed_at(text, "x", "new\n")
    assert new == "a\n<!-- x: begin -->\n\nnew\n\n<!-- x: end -->\nb"
    assert placed_at(new, "x", "new") == new
    with pytest.raises(NoRegion):
        placed_at(text, "y", "new")
