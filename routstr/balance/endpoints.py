"""Routes of keys and balances. Answers are for one client: never cached, never shared."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Query, Request, Response

from routstr.balance.idempotency import RepeatableRoute
from routstr.balance.schemas import (
    CreateAnswer,
    CreateRequest,
    History,
    Info,
    LightningRefundAnswer,
    RefundAnswer,
    RefundRequest,
    TopupAnswer,
    TopupRequest,
    ValidityDate,
)
from routstr.balance.service import BalanceService
from routstr.errors import InvalidParameter
from routstr.ledger.books import PAGE_MAX


def _service(request: Request) -> BalanceService:
    return cast("BalanceService", request.app.state.balance)


def _private(response: Response) -> None:
    response.headers["Cache-Control"] = "no-store"


Service = Annotated[BalanceService, Depends(_service)]
Authorization = Annotated[str | None, Header(include_in_schema=False)]
XCashuHeader = Annotated[
    str | None, Header(alias="X-Cashu", description="the token that paid for a request")
]
RefundLnurl = Annotated[
    str | None,
    Header(alias="Refund-LNURL", description="the same as lightning_address in the body"),
]

router = APIRouter(tags=["balance"], dependencies=[Depends(_private)], route_class=RepeatableRoute)


@router.post("/create")
async def create(body: CreateRequest, service: Service) -> CreateAnswer:
    """Create a key from a Cashu token."""
    return await service.create(body.initial_balance_token, body.validity_date)


@router.get("/create")
async def create_by_query(
    service: Service,
    initial_balance_token: Annotated[str, Query(min_length=1)],
    validity_date: ValidityDate | None = None,
) -> CreateAnswer:
    """Create a key; prefer POST, which keeps the token out of URLs."""
    return await service.create(initial_balance_token, validity_date)


@router.get("/info")
@router.get("/", include_in_schema=False)
@router.get("", include_in_schema=False)
async def info(service: Service, authorization: Authorization = None) -> Info:
    """Show the key's balance and totals."""
    return await service.info(authorization)


@router.post("/topup")
async def top_up(
    service: Service,
    body: TopupRequest | None = None,
    cashu_token: str | None = None,
    authorization: Authorization = None,
) -> TopupAnswer:
    """Add a token's value to the key; the token is in the body or, less well, in the query."""
    token = body.cashu_token if body is not None else cashu_token
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
    refund_lnurl: RefundLnurl = None,
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


@router.get("/history")
async def history(
    service: Service,
    limit: Annotated[int, Query(ge=1, le=PAGE_MAX)] = 50,
    before: Annotated[int | None, Query(ge=1)] = None,
    authorization: Authorization = None,
) -> History:
    """List every transfer of the key's account, newest first."""
    return await service.history(authorization, limit=limit, before=before)
