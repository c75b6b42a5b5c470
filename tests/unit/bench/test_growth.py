from bench.growth import linear, logarithmic
from bench.growth_report import Axis, Step, render


def test_what_grows_with_the_logarithm_holds_and_what_grows_faster_does_not() -> None:
    assert logarithmic([(10, Step(100, 1)), (1_000_000, Step(600, 1))])
    assert not logarithmic([(10, Step(100, 1)), (1_000_000, Step(800, 1))])
    assert linear([(1_000, Step(100, 1)), (1_000_000, Step(90_000, 1))])
    assert not linear([(10, Step(100, 1)), (20, Step(300, 1))])


def test_the_tables_tell_each_step_beside_the_first() -> None:
    axis = Axis("Keys", "request", [(10, Step(200, 1.5)), (10_000, Step(300, 2))], "linear", True)
    told = render({"machine": "a small one"}, [axis])
    assert "- machine: a small one" in told
    assert "| 10,000 | 300 | 2.00 | 1.50 |" in told
    assert "At most linear growth: holds." in told
