"""Routes for paying in over Lightning. The contract has them under several prefixes."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Path, Request, Response

from routstr.auth import keys
from routstr.auth.invoice_status import Invoice
from routstr.auth.invoices import Invoices, Wish
from routstr.auth.service import Authenticator, Payer
from routstr.auth.terms import KeyTerms
from routstr.balance.idempotency import Operation, RepeatableRoute
from routstr.balance.schemas import InvoiceAnswer, InvoiceRequest, InvoiceStatus, RecoverRequest
from routstr.core.clock import Clock
from routstr.errors import (
    AuthError,
    InvalidParameter,
    KeyExpired,
    TopupKeyMalformed,
    TopupKeyNotFound,
    TopupUnauthorized,
    WalletError,
)
from routstr.money import Msat

PREFIXES: Final = ("/v1/balance", "", "/v1", "/v2")
"""The first one is documented, the others are what clients know besides."""
_MS: Final = 1_000
_ID_CHARS_MAX: Final = 128
_TERMS: Final = ("balance_limit", "balance_limit_reset", "validity_date")


class LightningService:
    """What the endpoints decide."""

    def __init__(self, invoices: Invoices, auth: Authenticator, clock: Clock) -> None:
        self._invoices = invoices
        self._auth = auth
        self._clock = clock

    async def create(
        self,
        body: InvoiceRequest,
        authorization: str | None,
        address: str,
        operation: bytes | None,
    ) -> InvoiceAnswer:
        """Make an invoice; a top-up is for the key that asks."""
        payer = None
        if body.purpose == "topup":
            payer = await self._topped_up(authorization)
            if given := [name for name in _TERMS if getattr(body, name) is not None]:
                raise InvalidParameter(
                    "A top-up changes no terms of its key.", details={"param": given[0]}
                )
        expires_at = None if body.validity_date is None else body.validity_date * _MS
        limit = None if body.balance_limit is None else Msat(body.balance_limit)
        terms = KeyTerms(
            expires_at=expires_at,
            balance_limit=limit,
            balance_limit_reset=body.balance_limit_reset,
        )
        wish = Wish(body.amount_sats, address, payer, terms, body.mint)
        invoice_id, invoice = await self._invoices.create(wish, operation)
        quote = invoice.quote
        return InvoiceAnswer(
            invoice_id=invoice_id,
            bolt11=quote.request,
            amount_sats=quote.msat.sats_down,
            expires_at=quote.expires_at // _MS,
            payment_hash=quote.payment_hash.hex(),
            mint=quote.mint,
        )

    async def status(self, invoice_id: str) -> InvoiceStatus:
        """Tell how far an invoice is, and the key that it made."""
        return _told(await self._invoices.status(invoice_id))

    async def recover(self, bolt11: str) -> InvoiceStatus:
        """Tell how far an invoice is, to somebody who only knows what its payer knows."""
        return _told(await self._invoices.recover(bolt11))

    async def _topped_up(self, authorization: str | None) -> Payer:
        credential = keys.bearer(authorization)
        if not credential:
            raise TopupUnauthorized
        if not (credential.startswith(keys.PREFIX) or keys.is_token(credential)):
            raise TopupKeyMalformed
        try:
            payer = await self._auth.known_payer(authorization)
        except (AuthError, WalletError) as error:
            raise TopupKeyNotFound from error
        if payer.expires_at is not None and payer.expires_at <= self._clock.now_ms():
            raise KeyExpired
        return payer


def _told(invoice: Invoice) -> InvoiceStatus:
    quote = invoice.quote
    return InvoiceStatus(
        status=invoice.status.value,
        api_key=invoice.api_key,
        amount_sats=quote.msat.sats_down,
        paid_at=None if quote.paid_at is None else quote.paid_at // _MS,
        created_at=quote.created_at // _MS,
        expires_at=quote.expires_at // _MS,
        purpose="topup" if invoice.is_topup else "create",
        payment_hash=quote.payment_hash.hex(),
        mint=quote.mint,
    )


def _service(request: Request) -> LightningService:
    return cast("LightningService", request.app.state.lightning)


def _private(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


Service = Annotated[LightningService, Depends(_service)]
Authorization = Annotated[str | None, Header(include_in_schema=False)]

router = APIRouter(
    prefix="/lightning",
    tags=["lightning"],
    dependencies=[Depends(_private)],
    route_class=RepeatableRoute,
)


@router.post("/invoice")
async def invoice(
    body: InvoiceRequest,
    request: Request,
    service: Service,
    operation: Operation,
    authorization: Authorization = None,
) -> InvoiceAnswer:
    """Ask for a Lightning invoice that makes a key, or tops up the key that asks."""
    address = "" if request.client is None else request.client.host
    return await service.create(body, authorization, address, operation)


@router.get("/invoice/{invoice_id}/status")
async def status(
    service: Service, invoice_id: Annotated[str, Path(max_length=_ID_CHARS_MAX)]
) -> InvoiceStatus:
    """See how far an invoice is; once it is paid, the key that it made."""
    return await service.status(invoice_id)


@router.post("/recover")
async def recover(body: RecoverRequest, service: Service) -> InvoiceStatus:
    """See how far an invoice is by its bolt11, which tells no key."""
    return await service.recover(body.bolt11)
