"""Figures for people."""

from io import StringIO

import pytest
from rich.console import Console

from routstr.cli import tables


@pytest.mark.parametrize(
    ("ms", "shown"),
    [
        (-5, "0 s"),
        (999, "0 s"),
        (59_999, "59 s"),
        (60_000, "1 min"),
        (3_599_999, "59 min"),
        (3_600_000, "1 h"),
        (86_399_999, "23 h"),
        (86_400_000, "1 d"),
        (864_000_000, "10 d"),
    ],
)
def test_an_age_is_told_in_the_largest_unit_that_fits(ms: int, shown: str) -> None:
    assert tables.age(ms) == shown


def test_an_amount_has_its_unit() -> None:
    assert tables.amount(1_234_567, "msat") == "1,234,567 msat"
    assert tables.amount(-5, "sat") == "-5 sat"


def test_other_peoples_words_are_not_read_as_markup() -> None:
    out = StringIO()
    table = tables.table()
    table.add_column("said")
    tables.add_row(table, "[red]danger[/red] [link=x]")
    Console(file=out, width=60).print(table)
    assert "[red]danger[/red] [link=x]" in out.getvalue()
