"""What a payment came to, told."""

import pytest

from routstr.cli.pay_words import bill_in_words, tell_of, told
from routstr.cli.purse.paying import AnswerLost, Bill
from routstr.cli.purse.purse import Paid
from routstr.cli.purse.settling import End, Settlement
from routstr.money import Unit

BILL = Bill(Unit.SAT, 10, 1, 4, End.CHANGE, 5_500)


def test_a_bill_says_what_it_cost_or_what_is_still_to_come() -> None:
    assert bill_in_words(BILL) == "cost 5,500 msat; 10 sat paid, 4 sat back, 7 sat spent"
    still = Bill(Unit.SAT, 10, 0, 0, End.OPEN, None, "the node is away")
    assert bill_in_words(still) == "10 sat paid; the change is not here yet: the node is away"


def test_a_lost_answer_comes_with_its_bill() -> None:
    assert "7 sat spent" in told(AnswerLost("cut", BILL), "It failed")
    assert told(ValueError("no"), "It failed") == "It failed: no."


def test_an_earlier_payment_is_told_without_its_token(capsys: pytest.CaptureFixture[str]) -> None:
    paid = Paid(1, "https://mint.example", Unit.SAT, 10, 0, "https://node.example", "cashuBsecret")
    tell_of(paid, Settlement(End.BACK, 10))
    tell_of(paid, Settlement(End.OPEN, problem="away"))
    said = capsys.readouterr().err
    assert "is settled, 10 sat came back" in said
    assert "stays open: away" in said
    assert "secret" not in said
