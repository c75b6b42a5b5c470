"""What a node's answers say of money, and whom tokens are sent to."""

import pytest

from routstr.cli.purse.node import Answer, Unpayable, checked_address, cost_of
from routstr.wallet.payment_request import PaymentRequest, encode_a
from tests.unit.cli.purse.counter import demand, says


@pytest.mark.parametrize(
    ("url", "node"),
    [
        ("https://node.example/", "https://node.example"),
        ("https://node.example/v1", "https://node.example"),
        ("http://127.0.0.1:8000", "http://127.0.0.1:8000"),
        ("http://localhost:8000/v1/", "http://localhost:8000"),
        ("http://abcdef.onion", "http://abcdef.onion"),
    ],
)
def test_an_address_has_one_spelling(url: str, node: str) -> None:
    assert checked_address(url) == node


@pytest.mark.parametrize("url", ["http://node.example", "http://10.0.0.1", "node.example", ""])
def test_tokens_do_not_cross_the_network_in_clear(url: str) -> None:
    with pytest.raises(Unpayable):
        checked_address(url)


def test_a_demand_is_read_from_header_or_body() -> None:
    answer = demand(10, "https://mint.example")
    assert (answer.demand.amount, answer.demand.mints) == (10, ("https://mint.example",))
    in_body = says(402, {"payment_request": answer.token})
    assert in_body.demand == answer.demand


@pytest.mark.parametrize(
    "answer",
    [
        says(402),
        says(402, {"error": {"message": "no"}}),
        says(402, token="creqAnonsense"),
        says(402, token=encode_a(PaymentRequest(unit="sat"))),
    ],
)
def test_a_demand_without_a_price_cannot_be_paid(answer: Answer) -> None:
    with pytest.raises(Unpayable):
        _ = answer.demand


def test_an_answer_that_is_no_json_has_no_fields() -> None:
    assert Answer(502, b"<html>", "", None).problem == "HTTP status 502"
    assert Answer(200, b"[1]", "", None).problem == ""


@pytest.mark.parametrize(
    ("header", "cost"),
    [("", None), ("1500", 1_500), ("-1", None), ("1.5", None), ("9" * 5_000, None)],
)
def test_a_cost_that_is_no_cost_does_not_spoil_the_answer(header: str, cost: int | None) -> None:
    assert cost_of(header) == cost


def test_words_of_a_node_hold_nothing_that_a_terminal_obeys() -> None:
    assert says(502, {"error": {"message": "no\x1b[2J\r\nyes"}}).problem == "no [2J yes"
