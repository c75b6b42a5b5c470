from routstr.cli.crew import PAUSE_SECONDS_MAX, WELL_SECONDS, Crew, Fate


class Starts:
    """Gives processes numbers: the place times 100, and how often it was started again."""

    def __init__(self) -> None:
        self.seen: list[int] = []

    def __call__(self, place: int, restarts: int) -> int:
        pid = place * 100 + restarts
        self.seen.append(pid)
        return pid


def state(crew: Crew) -> str:
    return "over" if crew.over else "under way"


def test_every_place_is_taken_once() -> None:
    starts = Starts()
    crew = Crew(3, starts)
    assert crew.tend(0) is None
    assert crew.tend(1) is None
    assert starts.seen == [100, 200, 300]


def test_the_first_death_is_an_accident_the_next_ones_wait_longer_each_time() -> None:
    starts = Starts()
    crew = Crew(2, starts)
    pauses = []
    now = 0.0
    for restarts in range(8):
        crew.tend(now)
        fate = crew.ended(100 + restarts, -9, now + 1)
        assert fate is not None
        assert (fate.place, fate.restarts) == (1, restarts + 1)
        assert fate.pause is not None
        pauses.append(fate.pause)
        assert crew.tend(now + 1) == (fate.pause or None)
        now += 1 + fate.pause
    assert pauses == [0, 1, 2, 4, 8, 16, PAUSE_SECONDS_MAX, PAUSE_SECONDS_MAX]
    assert starts.seen.count(200) == 1


def test_who_has_worked_well_is_replaced_at_once() -> None:
    crew = Crew(1, Starts())
    for restarts in range(3):
        crew.tend(restarts * WELL_SECONDS)
        fate = crew.ended(100 + restarts, 1, (restarts + 1) * WELL_SECONDS)
        assert fate == Fate(1, restarts + 1, 0.0)


def test_a_first_start_that_fails_is_tried_no_more() -> None:
    crew = Crew(2, Starts())
    crew.tend(0)
    assert crew.ended(200, 1, 1) == Fate(2, 1, None, hopeless=True)
    assert crew.stop() == [100]
    assert state(crew) == "under way"
    crew.ended(100, 0, 2)
    assert state(crew) == "over"
    assert crew.failed


def test_a_later_start_that_fails_is_tried_again() -> None:
    crew = Crew(1, Starts())
    crew.tend(0)
    crew.ended(100, -9, 1)
    crew.tend(1)
    assert crew.ended(101, 1, 2) == Fate(1, 2, 1.0)


def test_nobody_is_started_while_it_stops_and_it_is_over_with_the_last_one() -> None:
    starts = Starts()
    crew = Crew(2, starts)
    crew.tend(0)
    assert crew.stop() == [100, 200]
    assert crew.ended(100, 0, 1) == Fate(1, 1, None)
    assert crew.tend(9) is None
    assert state(crew) == "under way"
    crew.ended(200, 0, 2)
    assert state(crew) == "over"
    assert not crew.failed
    assert len(starts.seen) == 2


def test_a_worker_that_dies_of_the_stop_is_told_of() -> None:
    crew = Crew(1, Starts())
    crew.tend(0)
    crew.stop()
    crew.ended(100, -9, 1)
    assert crew.failed


def test_other_children_are_not_its_own() -> None:
    crew = Crew(1, Starts())
    crew.tend(0)
    assert crew.ended(7, 0, 1) is None
