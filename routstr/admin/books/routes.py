"""Routes of the books."""

from typing import Annotated, Literal, cast

from fastapi import APIRouter, Depends, Path, Query, Request
from fastapi.responses import StreamingResponse

from routstr.admin.access import operator, private
from routstr.admin.books.desk import PAGE, BooksDesk, InvoiceQuery, TransferQuery
from routstr.admin.books.files import file_of
from routstr.admin.books.schemas import InvoicePage, TokenPage, TransactionPage, TransferPage
from routstr.admin.keys.schemas import TokenInfo
from routstr.admin.scopes import Scope, needs
from routstr.core.late_route import LateRoute

Limit = Annotated[int, Query(ge=1, le=500)]
Before = Annotated[int | None, Query(ge=1, lt=2**63, description="next_before of the page before")]
Number = Annotated[int, Path(ge=1, lt=2**63)]
Seconds = Annotated[int | None, Query(ge=0, le=10**10, description="Unix time")]


def _desk(request: Request) -> BooksDesk:
    return cast("BooksDesk", request.app.state.admin_books)


Desk = Annotated[BooksDesk, Depends(_desk)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(operator)],
)


@router.get("/transfers")
async def list_transfers(
    desk: Desk,
    kind: str = "",
    key: str = "",
    since: Seconds = None,
    until: Seconds = None,
    before: Before = None,
    limit: Limit = PAGE,
) -> TransferPage:
    """List transfers of the ledger, newest first."""
    return await desk.transfers(TransferQuery(kind, key, since, until), before, limit)


@router.get("/transactions")
async def list_transactions(
    desk: Desk,
    type: Literal["", "in", "out"] = "",  # noqa: A002 - the contract's word
    status: str = "",
    before: Before = None,
    limit: Limit = PAGE,
) -> TransactionPage:
    """List what came in and went out as ecash, newest first. Tokens are never told."""
    return await desk.transactions(type, status, before, limit)


@router.get("/lightning-invoices")
async def list_invoices(
    desk: Desk,
    status: str = "",
    purpose: str = "",
    search: str = "",
    before: Before = None,
    limit: Limit = PAGE,
) -> InvoicePage:
    """List Lightning invoices, newest first."""
    return await desk.invoices(InvoiceQuery(status, purpose, search), before, limit)


@router.get("/issued-tokens")
async def list_tokens(
    desk: Desk, status: str = "", key: str = "", before: Before = None, limit: Limit = PAGE
) -> TokenPage:
    """List tokens that were given out, newest first, never their text."""
    return await desk.tokens(status, key, before, limit)


@router.post("/issued-tokens/{token}/check")
@needs(Scope.READ)
async def check_token(token: Number, desk: Desk) -> TokenInfo:
    """Ask the mint whether a token was redeemed."""
    return await desk.ask_mint(token)


@router.get("/export/{table}.{form}")
async def export(table: str, form: str, request: Request, desk: Desk) -> StreamingResponse:
    """Get transfers, tokens or invoices as a file, CSV or JSON, filtered as the lists are."""
    return await file_of(desk, table, form, request.query_params)
