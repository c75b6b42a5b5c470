"""An invoice as its client sees it. Pure."""

from enum import StrEnum

from msgspec import Struct

from routstr.payment.deposits import LIGHTNING_TOPUP
from routstr.wallet.models import QuoteState
from routstr.wallet.quotes import Quote


class Status(StrEnum):
    """How far an invoice is, in the words of clients."""

    PENDING = "pending"
    SETTLEMENT_PENDING = "settlement_pending"  # paid, and the mint has not given the ecash yet
    PAID = "paid"
    EXPIRED = "expired"  # a payment that arrives all the same is credited
    RECONCILIATION_REQUIRED = "reconciliation_required"  # the operator must look


class Invoice(Struct, frozen=True):
    """An invoice as it is. ``api_key``: of a paid one that made a key, for who has its id."""

    quote: Quote
    status: Status
    api_key: str | None = None

    @property
    def is_topup(self) -> bool:
        """Whether it pays into a key that was there before."""
        return self.quote.purpose == LIGHTNING_TOPUP

    def __repr__(self) -> str:
        return f"Invoice({self.quote.id}, {self.status})"


def status_of(quote: Quote, now_ms: int) -> Status:
    """Say how far a quote is."""
    match quote.state:
        case QuoteState.UNPAID:
            return Status.PENDING if now_ms < quote.expires_at else Status.EXPIRED
        case QuoteState.PAID:
            return Status.SETTLEMENT_PENDING
        case QuoteState.ISSUED:
            return Status.PAID
        case QuoteState.EXPIRED:
            return Status.EXPIRED
        case QuoteState.LOST:
            return Status.RECONCILIATION_REQUIRED
