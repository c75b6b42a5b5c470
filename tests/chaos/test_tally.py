"""The tally of a chaos run notices what is planted."""

from dataclasses import replace
from typing import Any

import pytest

from tests.chaos.identity import cost
from tests.chaos.tally import (
    Asked,
    Charge,
    KeyBook,
    Repeat,
    Single,
    at_mint,
    of_key,
    of_single,
    totals,
)

SERVED = {"a", "b", "c"}
ANSWERED = Asked("a", 6, 11, 21, "id-a", 200, cost(11, 6))
SILENT = Asked("b", 5, 12, 22)
REPEATED = Asked("c", 4, 13, 23)
REFUSED = Asked("x", 6, 14, 24, "id-x", 502)
ASKED = [ANSWERED, SILENT, REPEATED, REFUSED]


def charge(request_id: str, prompt: int, words: int, *, estimated: bool = False) -> Charge:
    due = cost(prompt, words)
    return Charge(request_id, due, due, prompt, words, estimated)


OF_A, OF_B, OF_C = charge("id-a", 11, 6), charge("?", 12, 5), charge("id-c", 13, 4)
REPEAT = Repeat("id-c", OF_C.msat)
LEFT = 900 - OF_A.msat - OF_B.msat - OF_C.msat
BOOK = KeyBook("key", 1_000, 100, LEFT, 0, ASKED, {"c": REPEAT}, [OF_A, OF_B, OF_C])
SINGLE = Single(ANSWERED, 2_000, 1_000, ANSWERED.told)


def charged(*charges: Charge, **others: Any) -> KeyBook:
    """With these charges, and a balance that agrees with them."""
    balance = BOOK.paid_in - BOOK.returned - sum(one.msat for one in charges)
    return replace(BOOK, balance=balance, charges=charges, **others)


def asked(**others: Asked) -> KeyBook:
    return replace(BOOK, asked=[others.get(one.mark, one) for one in ASKED])


@pytest.mark.parametrize(
    "right",
    [
        BOOK,
        charged(OF_A, OF_C),  # free, though a provider has served it
        charged(OF_A, charge("?", 12, 2), OF_C),  # in part
        charged(OF_A, charge("?", 22, 5, estimated=True), OF_C),
        replace(BOOK, repeats={"c": replace(REPEAT, anew=True)}),
        replace(BOOK, repeats={}),
    ],
)
def test_right_books_agree(right: KeyBook) -> None:
    assert of_key(right, SERVED) == []


def test_right_sums_and_tokens_agree() -> None:
    assert of_single(SINGLE, SERVED) == []
    assert of_single(Single(SILENT, 2_000, 1_000), SERVED) == []
    assert of_single(Single(SILENT, 2_000, 2_000), SERVED) == []
    assert of_single(Single(REFUSED, 2_000, 2_000), SERVED) == []
    assert totals(1_000, 100, 762, 138) == []
    assert at_mint("mint", 10, 6, 4) == []


@pytest.mark.parametrize(
    "wrong",
    [
        replace(BOOK, balance=LEFT - 1),  # a msat is gone
        replace(BOOK, returned=0),  # a refund is lost
        replace(BOOK, reserved=1),
        charged(replace(OF_A, msat=OF_A.msat - 1), OF_B, OF_C),
        charged(OF_A, OF_A, OF_B, OF_C),
        charged(OF_A, OF_B, OF_C, charge("id-x", 14, 6)),
        charged(OF_A, OF_B, replace(OF_B, request_id="!"), OF_C),
        charged(OF_A, replace(OF_B, msat=OF_B.msat + 1), OF_C),
        charged(OF_A, charge("?", 12, 6), OF_C),
        charged(OF_A, replace(OF_B, receipt=OF_B.msat + 1), OF_C),
        charged(OF_A, charge("?", 16, 4), OF_C),  # as dear as that of b, but another prompt's
        charged(OF_A, charge("?", 14, 5), OF_C),
        asked(a=replace(ANSWERED, mark="unseen")),
        asked(a=replace(ANSWERED, words=7)),
        asked(b=replace(SILENT, mark="unseen")),
        asked(c=replace(REPEATED, mark="unseen")),
        replace(BOOK, repeats={"c": replace(REPEAT, charged=1)}),
        replace(BOOK, repeats={"c": replace(REPEAT, request_id="never booked")}),
        charged(OF_A, OF_B, charge("id-c", 13, 3)),
        charged(OF_A, OF_B, OF_C, replace(OF_C, request_id="again")),
        replace(BOOK, repeats={"c": REPEAT, "a": Repeat("id-other", 1)}),
        replace(BOOK, repeats={"c": REPEAT, "a": Repeat("id-a", OF_A.msat, anew=True)}),
    ],
)
def test_every_planted_fault_of_a_key_is_told(wrong: KeyBook) -> None:
    assert of_key(wrong, SERVED)


def test_a_repeat_of_what_no_provider_has_seen_was_not_charged_before() -> None:
    assert of_key(BOOK, SERVED - {"c"})
    assert not of_key(replace(BOOK, repeats={"c": replace(REPEAT, anew=True)}), SERVED - {"c"})


@pytest.mark.parametrize(
    "wrong",
    [
        replace(SINGLE, returned=0),
        replace(SINGLE, returned=2_000),
        replace(SINGLE, receipt=72),
        replace(SINGLE, receipt=None),
        Single(REFUSED, 2_000, 1_000),
        Single(REFUSED, 2_000, 2_000, 73),
        Single(SILENT, 2_000, 0),
        Single(replace(SILENT, mark="unseen"), 2_000, 1_000),
    ],
)
def test_every_planted_fault_of_a_token_is_told(wrong: Single) -> None:
    assert of_single(wrong, SERVED)


def test_sums_that_differ_by_one_are_told() -> None:
    assert totals(1_000, 100, 762, 137)
    assert at_mint("mint", 11, 6, 4)
