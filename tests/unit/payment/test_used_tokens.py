import pytest

from routstr.payment.deposits import TOPUP
from routstr.payment.used_tokens import CREATE, PAYMENT, already_used


@pytest.mark.parametrize(
    ("purpose", "words"),
    [
        (CREATE, "API key"),
        (PAYMENT, "POST /v1/wallet/refund"),
        (TOPUP, "added to the balance"),
        ("swept", "already spent"),
    ],
)
def test_whoever_has_a_used_token_is_told_what_it_was_used_for(purpose: str, words: str) -> None:
    error = already_used(purpose)
    assert words in error.message
    assert (error.status, error.code) == (400, "cashu_token_already_spent")
