import msgspec
import pytest

from routstr.auth.invoice_status import Invoice, Status, status_of
from routstr.payment.deposits import LIGHTNING_CREATE, LIGHTNING_TOPUP
from routstr.wallet.models import QuoteState
from tests.unit.wallet.test_quotes import QUOTE


@pytest.mark.parametrize(
    ("state", "late", "status"),
    [
        (QuoteState.UNPAID, False, Status.PENDING),
        (QuoteState.UNPAID, True, Status.EXPIRED),
        (QuoteState.PAID, True, Status.SETTLEMENT_PENDING),
        (QuoteState.ISSUED, True, Status.PAID),
        (QuoteState.EXPIRED, True, Status.EXPIRED),
        (QuoteState.LOST, False, Status.RECONCILIATION_REQUIRED),
    ],
)
def test_each_state_has_the_contract_s_word(state: QuoteState, late: bool, status: Status) -> None:
    quote = msgspec.structs.replace(QUOTE, state=state)
    assert status_of(quote, quote.expires_at if late else quote.expires_at - 1) is status


def test_what_an_invoice_is_for() -> None:
    for purpose, is_topup in ((LIGHTNING_CREATE, False), (LIGHTNING_TOPUP, True)):
        quote = msgspec.structs.replace(QUOTE, purpose=purpose)
        assert Invoice(quote, Status.PENDING).is_topup is is_topup


def test_neither_key_nor_quote_is_shown() -> None:
    shown = repr(Invoice(QUOTE, Status.PAID, "sk-secret"))
    assert "secret" not in shown
