from routstr.upstream.fleet import Fleet
from tests.unit.upstream.carriers import Alarms, profile


def test_a_provider_that_stays_as_it_is_stays_the_same() -> None:
    fleet = Fleet(Alarms().parts(), [profile("a", "k"), profile("b", "k")])
    before = dict(fleet.carriers)
    fleet.set([profile("a", "k"), profile("b", "k", priority=2), profile("c", "k")])
    assert list(fleet.carriers) == ["a", "b", "c"]
    assert fleet.carriers["a"] is before["a"]
    assert fleet.carriers["b"] is not before["b"]
    assert fleet.carriers["b"].breaker is before["b"].breaker


def test_who_is_asked_at_the_moment_goes_on_with_the_fleet_of_before() -> None:
    fleet = Fleet(Alarms().parts(), [profile("a", "k")])
    before = fleet.carriers
    fleet.set([])
    assert (list(before), list(fleet.carriers)) == (["a"], [])
