"""The tally of a chaos run notices what is planted."""

from dataclasses import replace

import pytest

from tests.chaos.tally import Asked, Charge, KeyBook, Single, at_mint, of_key, of_single, totals

SERVED = {"a", "b", "c"}
ANSWERED = Asked("a", 73, "id-a", 200, 73)
LOST = Asked("b", 65)
REFUSED = Asked("x", 73, "id-x", 502)
BOOK = KeyBook(
    "key", 1_000, 100, 762, 0, [ANSWERED, LOST, REFUSED], [Charge("id-a", 73), Charge("?", 65)]
)
SINGLE = Single(ANSWERED, 2_000, 1_000)


def test_right_books_agree() -> None:
    assert of_key(BOOK, SERVED) == []
    assert of_single(SINGLE, SERVED) == []
    assert totals(1_000, 100, 762, 138) == []
    assert at_mint("mint", 10, 6, 4) == []


@pytest.mark.parametrize(
    "wrong",
    [
        replace(BOOK, balance=761),  # a msat is gone
        replace(BOOK, returned=0),  # a refund is lost
        replace(BOOK, reserved=1),
        replace(BOOK, balance=763, charges=[Charge("id-a", 72), Charge("?", 65)]),
        replace(BOOK, balance=689, charges=[*BOOK.charges, Charge("id-a", 73)]),
        replace(BOOK, balance=689, charges=[*BOOK.charges, Charge("id-x", 73)]),
        replace(BOOK, balance=697, charges=[*BOOK.charges, Charge("other", 65)]),
        replace(BOOK, balance=761, charges=[Charge("id-a", 73), Charge("?", 66)]),
        replace(BOOK, asked=[replace(ANSWERED, mark="unseen"), LOST, REFUSED]),
        replace(BOOK, asked=[replace(ANSWERED, price=74), LOST, REFUSED]),
        replace(BOOK, asked=[ANSWERED, replace(LOST, mark="unseen"), REFUSED]),
    ],
)
def test_every_planted_fault_of_a_key_is_told(wrong: KeyBook) -> None:
    assert of_key(wrong, SERVED)


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SINGLE, returned=0),
        replace(SINGLE, returned=2_000),
        Single(REFUSED, 2_000, 1_000),
        Single(LOST, 2_000, 0),
        Single(replace(LOST, mark="unseen"), 2_000, 1_000),
    ],
)
def test_every_planted_fault_of_a_token_is_told(wrong: Single) -> None:
    assert of_single(wrong, SERVED)


def test_sums_that_differ_by_one_are_told() -> None:
    assert totals(1_000, 100, 762, 137)
    assert at_mint("mint", 11, 6, 4)
