from routstr.upstream.pace import KEPT, Pace


def test_half_of_the_newest_answers_took_no_longer() -> None:
    assert Pace().p50_s is None
    pace = Pace()
    for seconds in (9.0, *(1.0, 2.0, 3.0)):
        pace.took(seconds)
    assert pace.p50_s == 2.5
    for _ in range(KEPT):
        pace.took(0.5)
    assert pace.p50_s == 0.5
    assert pace.answered == KEPT + 4


def test_failures_are_counted_with_the_moment_of_the_last() -> None:
    pace = Pace()
    pace.broke(5.0)
    pace.broke(7.0)
    assert (pace.failed, pace.failed_at, pace.answered) == (2, 7.0, 0)
