"""What happens when somebody wants to pay in over Lightning."""

from typing import ClassVar

from routstr.errors.base import RoutstrError


class InvoiceError(RoutstrError):
    """The Lightning invoice could not be made. Nothing was paid."""

    status: ClassVar[int] = 500
    type: ClassVar[str] = "api_error"
    code: ClassVar[str] = "invoice_creation_failed"


class TopupUnauthorized(InvoiceError):
    """A top-up needs the key that is topped up: Authorization: Bearer sk-..."""

    status: ClassVar[int] = 401
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "topup_authorization_required"


class TopupKeyMalformed(InvoiceError):
    """The key that is topped up starts with sk-."""

    status: ClassVar[int] = 400
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "topup_invalid_api_key_format"


class TopupKeyNotFound(InvoiceError):
    """The key that is to be topped up is not known here."""

    status: ClassVar[int] = 404
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "topup_api_key_not_found"


class InvoiceNotFound(InvoiceError):
    """Invoice not found."""

    status: ClassVar[int] = 404
    type: ClassVar[str] = "invalid_request_error"
    code: ClassVar[str] = "invoice_not_found"


class TooManyInvoices(InvoiceError):
    """You have too many unpaid Lightning invoices. Pay one, or wait until one has expired."""

    status: ClassVar[int] = 429
    type: ClassVar[str] = "rate_limit_error"
    code: ClassVar[str] = "too_many_open_invoices"


class LightningMintBusy(InvoiceError):
    """The mint asks to slow down. No invoice was made; please retry later."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_rate_limited"
    code: ClassVar[str] = "lightning_mint_rate_limited"


class LightningMintUnreachable(InvoiceError):
    """The mint cannot be reached. No invoice was made; please retry."""

    status: ClassVar[int] = 503
    type: ClassVar[str] = "mint_unreachable"
    code: ClassVar[str] = "lightning_mint_unreachable"
