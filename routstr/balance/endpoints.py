"""Routes of money in and out of keys."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request, Response

from routstr.auth.terms import from_headers
from routstr.balance.idempotency import RepeatableRoute
from routstr.balance.key_service import key_terms
from routstr.balance.parameters import (
    Authorization,
    KeyExpiryTime,
    RefundLnurlHeader,
    XCashuHeader,
    private,
)
from routstr.balance.schemas import (
    CreateAnswer,
    CreateQuery,
    CreateRequest,
    LightningRefundAnswer,
    RefundAnswer,
    RefundRequest,
    TopupAnswer,
    TopupRequest,
)
from routstr.balance.service import BalanceService
from routstr.errors import InvalidParameter


def _service(request: Request) -> BalanceService:
    return cast("BalanceService", request.app.state.balance)


Service = Annotated[BalanceService, Depends(_service)]

router = APIRouter(tags=["balance"], dependencies=[Depends(private)], route_class=RepeatableRoute)


@router.post("/create")
async def create(
    body: CreateRequest,
    service: Service,
    key_expiry_time: KeyExpiryTime = None,
    refund_lnurl: RefundLnurlHeader = None,
) -> CreateAnswer:
    """Create a key from a Cashu token."""
    headers = from_headers(key_expiry_time, refund_lnurl)
    terms = key_terms(body, headers, refund_lnurl=body.refund_lnurl, metadata=body.metadata)
    return await service.create(body.initial_balance_token, terms)


@router.get("/create")
async def create_by_query(
    service: Service,
    given: Annotated[CreateQuery, Query()],
    key_expiry_time: KeyExpiryTime = None,
    refund_lnurl: RefundLnurlHeader = None,
) -> CreateAnswer:
    """Create a key; prefer POST, which keeps the token out of URLs."""
    headers = from_headers(key_expiry_time, refund_lnurl)
    terms = key_terms(given, headers, refund_lnurl=given.refund_lnurl)
    return await service.create(given.initial_balance_token, terms)


@router.post("/topup")
async def top_up(
    service: Service,
    body: TopupRequest | None = None,
    cashu_token: str | None = None,
    authorization: Authorization = None,
) -> TopupAnswer:
    """Add a token's value to the key; the token is in the body or, less well, in the query."""
    token = (body.cashu_token if body is not None else None) or cashu_token
    if not token:
        raise InvalidParameter("A cashu_token is required.")
    return await service.top_up(authorization, token)


@router.post("/refund", response_model_exclude_none=True)
async def refund(
    service: Service,
    response: Response,
    body: RefundRequest | None = None,
    authorization: Authorization = None,
    x_cashu: XCashuHeader = None,
    refund_lnurl: RefundLnurlHeader = None,
) -> RefundAnswer | LightningRefundAnswer:
    """Take back everything that is left: of a key, as a Cashu token or over Lightning.

    With `X-Cashu`: of the payment for a request, as a token.
    """
    address = body.lightning_address if body is not None else None
    if x_cashu is None:
        if address := address or refund_lnurl:
            return await service.refund_over_lightning(authorization, address)
        return await service.refund(authorization)
    if address is not None:
        raise InvalidParameter("What is left of a request's payment is given back as a token.")
    answer = await service.claim(x_cashu)
    response.headers["X-Cashu"] = answer.token
    return answer
