"""Receipts on the client's side; those of a running node are in the integration tests."""

from typing import Any

import pytest

from routstr.payment.receipts import RECEIPT, verify_receipt
from routstr.payment.signing import BadStatement, SigningKey

KEY = SigningKey(b"k" * 32)


def made(total: object, *amounts: object) -> dict[str, Any]:
    charges = [{"charged_msats": amount} for amount in amounts]
    return KEY.sign({"type": RECEIPT, "charged_msats": total, "charges": charges})


def test_what_was_charged_is_the_sum_of_the_charges() -> None:
    assert verify_receipt(made(5, 2, 3), pubkey=KEY.pubkey) == 5


@pytest.mark.parametrize(
    ("total", "amounts"),
    [(6, [2, 3]), (0, [1, -1]), (1, [True]), (2.0, [2]), ("2", ["2"]), (1, [])],
)
def test_a_sum_that_is_none_is_refused_though_it_is_signed(
    total: object, amounts: list[object]
) -> None:
    with pytest.raises(BadStatement, match="add up"):
        verify_receipt(made(total, *amounts))


def test_a_signed_statement_without_charges_is_no_receipt() -> None:
    with pytest.raises(BadStatement, match="add up"):
        verify_receipt(KEY.sign({"type": RECEIPT}))
    with pytest.raises(BadStatement, match="add up"):
        verify_receipt(KEY.sign({"type": RECEIPT, "charges": 7}))
