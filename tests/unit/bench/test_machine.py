"""What the report says about the machine."""

from bench.machine import describe, processor_of


def test_the_processor_is_named_without_needless_blanks() -> None:
    text = "processor\t: 0\nmodel name\t: Some  Processor   3\nflags\t: fpu\nmodel name\t: Other\n"

    assert processor_of(text) == "Some Processor 3"


def test_a_machine_that_does_not_name_it_is_told_by_its_kind() -> None:
    assert processor_of("processor\t: 0\n")


def test_everything_that_a_reader_needs_is_there() -> None:
    told = describe()

    assert all(told.values())
    assert {"date", "processor", "memory", "Python", "node", "SQLite"} <= told.keys()
