"""What is wrong has a cause and a remedy; what is well has neither."""

from routstr.cli.doctor.findings import State, fault, skipped, warning, well


def test_each_finding_says_how_it_stands() -> None:
    found = [well("a"), skipped("b", "c"), warning("d", "e", "f"), fault("g", "h", "i")]
    assert [one.state for one in found] == list(State)
    assert [bool(one.remedy) for one in found] == [False, False, True, True]
