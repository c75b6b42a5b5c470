import pytest
from msgspec.structs import replace

from routstr.admin.books.schemas import InvoiceInfo, TransactionInfo, TransferInfo
from routstr.ledger.browse import Entered, Side
from routstr.ledger.kinds import AccountKind, TransferKind
from routstr.money import Msat, Unit
from routstr.wallet.models import IssuedState, QuoteState, SagaKind, SagaState
from routstr.wallet.papers import Moved, QuotePaper

PAPER = QuotePaper(
    id=1, mint="https://mint.example", unit=Unit.MSAT, amount=1_500, request="lnbc1",
    payment_hash=b"\x01", state=QuoteState.UNPAID, purpose="lightning_topup", account=2, saga=None,
    created_at=1_000, expires_at=9_000, paid_at=None,
)  # fmt: skip
MOVED = Moved(
    id=1, kind=SagaKind.SEND, state=SagaState.DONE, purpose="refund", account=2,
    mint="https://mint.example", unit=Unit.SAT, gross=10, fee=1, created_at=1_000,
    issued=IssuedState.UNCLAIMED,
)  # fmt: skip


@pytest.mark.parametrize(
    ("state", "now", "status"),
    [
        (QuoteState.UNPAID, 8_999, "pending"),
        (QuoteState.UNPAID, 9_000, "expired"),
        (QuoteState.PAID, 9_000, "settlement_pending"),
        (QuoteState.ISSUED, 9_000, "paid"),
        (QuoteState.EXPIRED, 9_000, "expired"),
        (QuoteState.LOST, 9_000, "reconciliation_required"),
    ],
)
def test_an_invoice_in_the_words_of_clients(state: QuoteState, now: int, status: str) -> None:
    told = InvoiceInfo.of(replace(PAPER, state=state), "key_1", now)
    assert (told.status, told.amount_sats, told.purpose, told.payment_hash) == (
        status, 2, "topup", "01",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("kind", "state", "issued", "expected"),
    [
        (SagaKind.SEND, SagaState.DONE, IssuedState.UNCLAIMED, ("out", 10, "issued")),
        (SagaKind.SEND, SagaState.DONE, IssuedState.CLAIMED, ("out", 10, "collected")),
        (SagaKind.MELT, SagaState.OPEN, None, ("out", 10, "pending")),
        (SagaKind.RECEIVE, SagaState.DONE, None, ("in", 9, "collected")),
        (SagaKind.MINT, SagaState.FAILED, None, ("in", 9, "failed")),
    ],
)
def test_a_movement_in_the_words_of_clients(
    kind: SagaKind, state: SagaState, issued: IssuedState | None, expected: tuple[str, int, str]
) -> None:
    told = TransactionInfo.of(replace(MOVED, kind=kind, state=state, issued=issued), "key_1")
    assert (told.type, told.amount, told.status) == expected
    assert told.token is None


def test_only_keys_have_public_ids() -> None:
    key, asset = Side(2, AccountKind.KEY, None), Side(1, AccountKind.ASSET, "asset:sat:m")
    entered = Entered(
        id=1, kind=TransferKind.DEPOSIT, amount=Msat(1), debit=asset, credit=key, reference=1,
        balance_after=None, at=1_000, request_id=None, model=None,
    )  # fmt: skip
    told = TransferInfo.of(entered, {2: "key_1", 1: "never"})
    assert (told.debit, told.debit_key, told.credit, told.credit_key) == (
        "asset:sat:m", None, "key", "key_1",
    )  # fmt: skip
