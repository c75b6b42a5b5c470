"""What the admin API tells of the books. Amounts are msat, times Unix seconds."""

from typing import Literal

from pydantic import BaseModel

from routstr.admin.keys.schemas import TokenInfo
from routstr.ledger.browse import Entered
from routstr.ledger.kinds import AccountKind
from routstr.payment.deposits import LIGHTNING_CREATE, LIGHTNING_TOPUP
from routstr.wallet.models import IssuedState, QuoteState, SagaKind, SagaState
from routstr.wallet.papers import Moved, QuotePaper

_MS = 1_000
_IN = (SagaKind.RECEIVE, SagaKind.MINT, SagaKind.FORWARD)
InvoiceStatus = Literal[
    "pending", "settlement_pending", "paid", "expired", "reconciliation_required"
]


class TransferInfo(BaseModel):
    """One transfer, from one account to another. A key's account is told by its public id."""

    id: int
    kind: str
    amount: int
    debit: str
    credit: str
    debit_key: str | None
    credit_key: str | None
    reference: int
    balance_after: int | None
    request_id: str | None
    model: str | None
    created_at: int

    @classmethod
    def of(cls, entered: Entered, owners: dict[int, str]) -> "TransferInfo":
        """Tell a transfer; ``owners`` are the public ids of keys by account."""
        debit, credit = entered.debit, entered.credit
        return cls(
            id=entered.id,
            kind=entered.kind.name.lower(),
            amount=entered.amount,
            debit=debit.name or debit.kind.name.lower(),
            credit=credit.name or credit.kind.name.lower(),
            debit_key=owners.get(debit.id) if debit.kind is AccountKind.KEY else None,
            credit_key=owners.get(credit.id) if credit.kind is AccountKind.KEY else None,
            reference=entered.reference,
            balance_after=entered.balance_after,
            request_id=entered.request_id,
            model=entered.model,
            created_at=entered.at // _MS,
        )


class TransferPage(BaseModel):
    """A page of transfers, newest first."""

    transfers: list[TransferInfo]
    next_before: int | None


class TokenPage(BaseModel):
    """A page of tokens that were given out, newest first."""

    tokens: list[TokenInfo]
    next_before: int | None


class TransactionInfo(BaseModel):
    """Ecash that came in or went out, in the words of older clients; ``token`` is never told."""

    id: int
    token: None = None
    amount: int
    unit: str
    mint_url: str
    type: Literal["in", "out"]
    request_id: None = None
    created_at: int
    collected: bool
    swept: bool = False
    source: str
    api_key_hashed_key: str | None
    status: Literal["pending", "collected", "issued", "failed"]

    @classmethod
    def of(cls, moved: Moved, key: str | None) -> "TransactionInfo":
        """Tell a movement. ``amount`` is what arrived, or left with the fee, in ``unit``."""
        comes = moved.kind in _IN
        status = _movement_status(moved)
        return cls(
            id=moved.id,
            amount=moved.gross - moved.fee if comes else moved.gross,
            unit=moved.unit.value,
            mint_url=moved.mint,
            type="in" if comes else "out",
            created_at=moved.created_at // _MS,
            collected=status == "collected",
            source=moved.purpose,
            api_key_hashed_key=key,
            status=status,
        )


class TransactionPage(BaseModel):
    """A page of movements, newest first. ``total`` counts those that are listed here."""

    transactions: list[TransactionInfo]
    total: int
    next_before: int | None


class InvoiceInfo(BaseModel):
    """A Lightning invoice of this node. Its id is not the one that its creator was told."""

    id: int
    bolt11: str
    payment_hash: str
    amount_sats: int
    mint_url: str
    unit: str
    purpose: str
    status: InvoiceStatus
    api_key_hash: str | None
    created_at: int
    expires_at: int
    paid_at: int | None

    @classmethod
    def of(cls, paper: QuotePaper, key: str | None, now: int) -> "InvoiceInfo":
        """Tell an invoice as it stands at a moment (ms)."""
        return cls(
            id=paper.id,
            bolt11=paper.request,
            payment_hash=paper.payment_hash.hex(),
            amount_sats=paper.worth.sats_up,
            mint_url=paper.mint,
            unit=paper.unit.value,
            purpose=purpose_word(paper.purpose),
            status=_invoice_status(paper, now),
            api_key_hash=key,
            created_at=paper.created_at // _MS,
            expires_at=paper.expires_at // _MS,
            paid_at=None if paper.paid_at is None else paper.paid_at // _MS,
        )


class InvoicePage(BaseModel):
    """A page of invoices, newest first. ``total`` counts those that are listed here."""

    invoices: list[InvoiceInfo]
    total: int
    next_before: int | None


def purpose_word(purpose: str) -> str:
    """What clients call the purpose of an invoice; the node's own have other names."""
    return {LIGHTNING_CREATE: "create", LIGHTNING_TOPUP: "topup"}.get(purpose, purpose)


def _movement_status(moved: Moved) -> Literal["pending", "collected", "issued", "failed"]:
    if moved.state is not SagaState.DONE:
        return "pending" if moved.state is SagaState.OPEN else "failed"
    return "issued" if moved.issued is IssuedState.UNCLAIMED else "collected"


def _invoice_status(paper: QuotePaper, now: int) -> InvoiceStatus:
    match paper.state:
        case QuoteState.UNPAID:
            return "pending" if now < paper.expires_at else "expired"
        case QuoteState.PAID:
            return "settlement_pending"
        case QuoteState.ISSUED:
            return "paid"
        case QuoteState.EXPIRED:
            return "expired"
        case QuoteState.LOST:
            return "reconciliation_required"
