import pytest

from routstr.cli.ebb import CALM_LOOKS, CROWD, Ebb


def looks(ebb: Ebb, clients: int, times: int) -> list[int]:
    """At which of so many looks it was time."""
    return [look for look in range(times) if ebb.look(clients)]


def test_it_is_time_once_after_a_crowd_has_been_gone_for_a_while() -> None:
    ebb = Ebb()
    assert looks(ebb, 10 * CROWD, 3) == []
    assert looks(ebb, 5, 3 * CALM_LOOKS) == [CALM_LOOKS - 1]
    assert looks(ebb, 10 * CROWD, 1) == []
    assert looks(ebb, 5, 3 * CALM_LOOKS) == [CALM_LOOKS - 1]


@pytest.mark.parametrize(("most", "left"), [(CROWD - 1, 0), (CROWD, CROWD // 2 + 1)])
def test_few_clients_are_no_crowd_and_most_must_have_gone(most: int, left: int) -> None:
    ebb = Ebb()
    assert looks(ebb, most, 1) == []
    assert looks(ebb, left, 3 * CALM_LOOKS) == []


def test_who_comes_back_begins_the_wait_anew() -> None:
    ebb = Ebb()
    assert looks(ebb, CROWD, 1) == []
    assert looks(ebb, 0, CALM_LOOKS - 1) == []
    assert looks(ebb, CROWD, 1) == []
    assert looks(ebb, 0, CALM_LOOKS - 1) == []
    assert looks(ebb, 0, 1) == [0]
