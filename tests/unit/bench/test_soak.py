from bench.money import Verdict
from bench.soak import GROWTH_MB_MAX, Sample, Soaked, render, warm
from bench.targets import NODE


def soaked(*memory: float, trouble: str = "", left_open: int = 0) -> Soaked:
    samples = [
        Sample(10.0 * number, mb, 2.0 * number, 100 * number, 3, 1.5)
        for number, mb in enumerate(memory, 1)
    ]
    return Soaked({"machine": "m"}, samples, Verdict(NODE, 1, 2, trouble), left_open, [])


def test_what_a_node_needs_to_become_warm_is_no_growth() -> None:
    run = soaked(100, 120, 140, 150, 151, 150, 151, 150, 151)
    assert len(warm(run.samples)) == 6
    assert abs(run.growth_mb) <= 1
    assert run.faults == []


def test_memory_that_grows_on_is_a_fault_and_told_by_the_hour() -> None:
    run = soaked(*(100 + number for number in range(30)))
    assert run.growth_mb > GROWTH_MB_MAX
    assert round(run.slope_mb_per_hour) == 360
    assert [fault.split(" by ")[0] for fault in run.faults] == ["memory has grown"]


def test_memory_that_shrinks_is_none() -> None:
    assert soaked(*(100 - number for number in range(30))).faults == []


def test_open_holds_and_money_that_is_not_exact_are_faults() -> None:
    run = soaked(1, 1, 1, trouble="1 msat is gone", left_open=2)
    assert run.faults == ["2 holds are open", "1 msat is gone"]


def test_a_single_look_has_no_slope() -> None:
    assert soaked(5).slope_mb_per_hour == 0


def test_the_page_tells_the_first_and_the_last_moment() -> None:
    text = render(soaked(*(100.0 for _ in range(100))))
    rows = [line for line in text.splitlines() if line.startswith("| ")]
    assert len(rows) <= 16
    assert (rows[1].startswith("| 0.2 |"), rows[-1].startswith("| 16.7 |")) == (True, True)
    assert "Money: exact" in text
