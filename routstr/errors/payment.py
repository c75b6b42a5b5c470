"""The request is understood and the payer is known, but the money does not fit."""

from collections.abc import Mapping
from typing import ClassVar

from routstr.errors.base import RoutstrError
from routstr.errors.terms import Terms


class PaymentError(RoutstrError):
    """Payment required."""

    status: ClassVar[int] = 402
    type: ClassVar[str] = "insufficient_quota"
    code: ClassVar[str] = "payment_required"

    terms: Terms | None = None
    """What would settle the request, when that was worked out: shown beside the error."""


class InsufficientBalance(PaymentError):
    """Insufficient balance for this request."""

    status: ClassVar[int] = 402
    code: ClassVar[str] = "insufficient_balance"


class BalanceLimitExceeded(PaymentError):
    """The key has reached its balance limit; more money does not raise it."""

    status: ClassVar[int] = 402
    code: ClassVar[str] = "balance_limit_exceeded"


class TokenBelowMinimum(PaymentError):
    """The token is worth less than this request may cost. It was not redeemed."""

    status: ClassVar[int] = 402
    type: ClassVar[str] = "minimum_balance_required"
    code: ClassVar[str] = "minimum_balance_required"


class NothingToRefund(PaymentError):
    """No balance to refund."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "no_balance"


class BalanceTooSmall(PaymentError):
    """Balance too small to refund."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "balance_too_small"


class RefundBlocked(PaymentError):
    """Cannot refund key. There are ongoing requests for this api key."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "requests_in_flight"


class RefundNotFound(PaymentError):
    """Refund not found. No request was paid for with this token here."""

    status: ClassVar[int] = 404
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "refund_not_found"


class RefundPending(PaymentError):
    """Refund is pending; retry shortly."""

    status: ClassVar[int] = 425
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "refund_pending"


class RefundSwept(PaymentError):
    """Refund has been swept."""

    status: ClassVar[int] = 410
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "refund_swept"


class BalanceChanged(PaymentError):
    """Balance changed concurrently. Please retry the refund."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "balance_changed"


class RefundUnderWay(PaymentError):
    """A refund of this key over Lightning is under way. Ask again; nothing is paid twice."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "refund_in_progress"
    usual_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}


class RefundWithheld(PaymentError):
    """The mint has not confirmed the Lightning payment. The refund goes on; ask again."""

    status: ClassVar[int] = 502
    type: ClassVar[str] = "lightning_error"
    code: ClassVar[str] = "refund_withheld"
    usual_headers: ClassVar[Mapping[str, str]] = {"Retry-After": "5"}


class LightningAddressRefused(PaymentError):
    """This Lightning address cannot be paid to."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "invalid_lightning_address"


class SurplusTooSmall(PaymentError):
    """The node's own money, apart from what it owes, does not cover this payout."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "surplus_too_small"


class PayoutUnderWay(PaymentError):
    """A payout is under way, and nobody knows yet how it ends. One at a time."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "payout_in_progress"


class SwapUnderWay(PaymentError):
    """Ecash is on its way from this mint to another already. One move at a time."""

    status: ClassVar[int] = 409
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "swap_in_progress"


class PriceUnavailable(PaymentError):
    """No current price: paid requests are paused. Nothing was charged."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "service_unavailable"
    code: ClassVar[str] = "price_unavailable"
