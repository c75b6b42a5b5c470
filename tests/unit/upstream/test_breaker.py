import pytest
from hypothesis import given
from hypothesis import strategies as st

from routstr.upstream.breaker import REFUSED, Breaker, BreakerPolicy

POLICY = BreakerPolicy(failures_max=3, pause_s=10, pause_s_max=60)


def opened() -> Breaker:
    """One that was left alone at 0 for 10 seconds."""
    breaker = Breaker(POLICY)
    for _ in range(3):
        breaker.failed(breaker.enter(0), 0)
    return breaker


def test_a_provider_that_works_lets_everybody_through() -> None:
    breaker = Breaker(POLICY)
    assert all(breaker.enter(now) != REFUSED for now in range(100))
    assert breaker.state(0) == "closed"


def test_failures_in_a_row_open_it_and_not_one_less() -> None:
    breaker = Breaker(POLICY)
    assert [breaker.failed(breaker.enter(0), 0) for _ in range(3)] == [False, False, True]
    assert breaker.enter(9.9) == REFUSED
    assert (breaker.state(9.9), breaker.rest_s(4)) == ("open", 6)


def test_a_success_between_failures_starts_the_count_anew() -> None:
    breaker = Breaker(POLICY)
    for _ in range(10):
        breaker.failed(breaker.enter(0), 0)
        breaker.failed(breaker.enter(0), 0)
        breaker.worked()
    assert breaker.ready(0)


def test_after_the_pause_one_request_alone_is_the_probe() -> None:
    breaker = opened()
    assert breaker.ready(10)
    assert breaker.state(10) == "half-open"
    probe = breaker.enter(10)
    assert probe != REFUSED
    assert not breaker.ready(10)
    assert [breaker.enter(11), breaker.enter(99)] == [REFUSED, REFUSED]
    breaker.worked()
    assert breaker.state(11) == "closed"
    assert breaker.enter(11) != REFUSED


def test_every_failed_probe_doubles_the_pause_up_to_the_longest() -> None:
    breaker, now, pauses = opened(), 0.0, []
    for _ in range(5):
        rest = breaker.rest_s(now)
        pauses.append(rest)
        now += rest
        assert breaker.failed(breaker.enter(now), now)
    assert pauses == [10, 20, 40, 60, 60]


def test_a_probe_whose_client_left_makes_room_for_the_next() -> None:
    breaker = opened()
    breaker.left(breaker.enter(10))
    assert breaker.enter(10) != REFUSED


def test_what_began_before_it_opened_neither_lengthens_the_pause_nor_ends_the_probe() -> None:
    breaker = Breaker(POLICY)
    early = [breaker.enter(0) for _ in range(5)]
    assert [breaker.failed(permit, 1) for permit in early] == [False, False, True, False, False]
    assert breaker.rest_s(1) == 10
    probe = breaker.enter(11)
    assert not breaker.failed(early[0], 12)
    breaker.left(early[1])
    assert breaker.enter(12) == REFUSED
    assert breaker.failed(probe, 12)


def test_who_asks_without_a_permit_and_succeeds_closes_it() -> None:
    breaker = opened()
    assert not breaker.failed(REFUSED, 5)
    assert breaker.rest_s(5) == 5
    breaker.worked()
    assert breaker.ready(5)


@given(
    st.lists(
        st.tuples(st.sampled_from(["enter", "worked", "failed", "left"]), st.integers(0, 30)),
        max_size=60,
    )
)
def test_never_two_probes_at_once_and_never_shut_for_ever(steps: list[tuple[str, int]]) -> None:
    breaker, now, inside, probes = Breaker(POLICY), 0.0, list[int](), set[int]()
    for what, seconds in steps:
        now += seconds
        if what == "enter":
            permit = breaker.enter(now)
            if permit > 1:
                assert not probes
                probes.add(permit)
            if permit:
                inside.append(permit)
        elif inside:
            permit = inside.pop()
            if what == "worked":
                breaker.worked()
                probes.clear()
            elif what == "failed":
                breaker.failed(permit, now)
                probes.discard(permit)
            else:
                breaker.left(permit)
                probes.discard(permit)
    for permit in inside:
        breaker.left(permit)
    assert breaker.ready(now + POLICY.pause_s_max)


@pytest.mark.parametrize("many", [20, 2_000])
def test_a_provider_that_is_away_for_long_is_still_asked_now_and_then(many: int) -> None:
    breaker, now = opened(), 0.0
    for _ in range(many):
        now += breaker.rest_s(now)
        breaker.failed(breaker.enter(now), now)
    assert breaker.rest_s(now) == POLICY.pause_s_max
