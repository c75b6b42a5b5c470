"""When the money of a run is exact."""

import pytest

from bench.money import differences
from bench.targets import DEPOSIT_SAT_MAX

PAID_IN = DEPOSIT_SAT_MAX * 1_000
FINE = {"balance": PAID_IN - 500, "reserved": 0, "total_spent": 500}


def test_what_is_gone_was_booked_and_told() -> None:
    assert differences("key", FINE, 500) == []


def test_answers_that_nobody_read_to_the_end_are_not_compared() -> None:
    assert differences("key", FINE, None) == []


@pytest.mark.parametrize(
    ("changed", "told", "words"),
    [
        ({"reserved": 7}, 500, "still reserved"),
        ({"total_spent": 499}, 500, "499 were booked"),
        ({"balance": PAID_IN - 501}, 500, "501 msat are gone"),
        ({}, 499, "answers told of 499"),
    ],
)
def test_every_msat_that_differs_is_named(changed: dict[str, int], told: int, words: str) -> None:
    found = differences("key", FINE | changed, told)

    assert found
    assert words in "; ".join(found)
