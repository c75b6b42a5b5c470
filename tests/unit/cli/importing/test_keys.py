"""What is left of a key's limit when it moves."""

import pytest

from routstr.cli.importing.keys import left_of
from routstr.cli.importing.source import OldKey


@pytest.mark.parametrize(
    ("limit", "reset", "spent", "left"),
    [
        (None, None, 5, None),
        (0, None, 5, 0),
        (-9, "daily", 0, 0),
        (9, None, 5, 4),
        (9, None, 20, 0),
        (9, "daily", 5, 9),
        (9, "hourly", 5, 4),
    ],
)
def test_a_limit_for_life_counts_what_was_spent_and_a_period_begins_anew(
    limit: int | None, reset: str | None, spent: int, left: int | None
) -> None:
    old = OldKey(secret="a" * 64, balance=0, limit=limit, reset=reset, spent=spent)
    assert left_of(old) == left
