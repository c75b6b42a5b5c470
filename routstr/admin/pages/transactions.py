"""The books for people: transfers, Lightning invoices, tokens given out; each as a file too."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.books.desk import (
    INVOICE_STATES,
    KINDS,
    TOKEN_STATES,
    BooksDesk,
    InvoiceQuery,
    TransferQuery,
)
from routstr.admin.books.files import file_of
from routstr.admin.books.schemas import InvoicePage, TokenPage, TransferPage
from routstr.admin.keys.schemas import TokenInfo
from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.pages.fields import Fields, Turning, days
from routstr.errors import RoutstrError
from routstr.theme.routes import PageRoute, is_part

HERE: Final = "/admin/transactions"
_KEPT: Final = ("kind", "key", "from", "to", "status", "purpose", "search")
PURPOSES: Final = ("create", "topup")

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


def _desk(request: Request) -> BooksDesk:
    return cast("BooksDesk", request.app.state.admin_books)


Books = Annotated[BooksDesk, Depends(_desk)]


@router.get("")
async def transfers(request: Request, signed: Operator, books: Books) -> Response:
    """List transfers of the ledger."""
    fields, turning = _asked(request, HERE)
    empty = TransferPage(transfers=[], next_before=None)
    page, wrong = empty, None
    try:
        since, until = days(fields)
        query = TransferQuery(fields.get("kind", ""), fields.get("key", "").strip(), since, until)
        page = await books.transfers(query, turning.before)
    except RoutstrError as error:
        wrong = error
    return _show(request, signed, "transfers", page, wrong)


@router.get("/invoices")
async def invoices(request: Request, signed: Operator, books: Books) -> Response:
    """List Lightning invoices."""
    fields, turning = _asked(request, f"{HERE}/invoices")
    page, wrong = InvoicePage(invoices=[], total=0, next_before=None), None
    try:
        query = InvoiceQuery(
            fields.get("status", ""), fields.get("purpose", ""), fields.get("search", "")
        )
        page = await books.invoices(query, turning.before)
    except RoutstrError as error:
        wrong = error
    return _show(request, signed, "invoices", page, wrong)


@router.get("/tokens")
async def tokens(request: Request, signed: Operator, books: Books) -> Response:
    """List tokens that were given out."""
    fields, turning = _asked(request, f"{HERE}/tokens")
    page, wrong = TokenPage(tokens=[], next_before=None), None
    try:
        key = fields.get("key", "").strip()
        page = await books.tokens(fields.get("status", ""), key, turning.before)
    except RoutstrError as error:
        wrong = error
    return _show(request, signed, "tokens", page, wrong)


@router.post("/tokens/{token}/check")
async def check(token: int, request: Request, signed: Operator, books: Books) -> Response:
    """Ask the mint about a token: the row as it is now, or the list from it on."""
    problem: RoutstrError | None = None
    try:
        row = await books.ask_mint(token)
    except RoutstrError as error:
        problem = error
        found = (await books.tokens(before=token + 1, limit=1)).tokens
        if not found or found[0].id != token:
            raise
        row = found[0]
    if is_part(request):
        return _row(request, signed, row, problem)
    if problem is not None:
        raise problem
    return RedirectResponse(f"{HERE}/tokens?before={token + 1}", status_code=303)


@router.get("/export/{table}.{form}")
async def export(
    table: str, form: str, request: Request, _signed: Operator, books: Books
) -> Response:
    """Send a list as a file, filtered as it is shown."""
    fields = dict(request.query_params)
    since, until = days(fields)
    fields["since"] = "" if since is None else str(since)
    fields["until"] = "" if until is None else str(until)
    return await file_of(books, table, form, fields)


def _asked(request: Request, path: str) -> tuple[Fields, Turning]:
    fields = request.query_params
    return fields, Turning(path, fields, _KEPT)


def _row(
    request: Request, signed: Signed, row: TokenInfo, problem: RoutstrError | None
) -> Response:
    return show(request, signed, "transactions_token.html", one=row, asked=True, problem=problem)


def _show(
    request: Request,
    signed: Signed,
    tab: str,
    page: TransferPage | InvoicePage | TokenPage,
    wrong: RoutstrError | None,
) -> Response:
    path = HERE if tab == "transfers" else f"{HERE}/{tab}"
    fields, turning = _asked(request, path)
    return show(
        request,
        signed,
        f"transactions_{tab}.html",
        "transactions",
        status=200 if wrong is None else wrong.status,
        page=page,
        tab=tab,
        path=path,
        fields={name: fields.get(name, "") for name in _KEPT},
        filters=turning.filters,
        newer=turning.newer,
        older=turning.older(page.next_before),
        wrong=wrong,
        kinds=KINDS,
        states=TOKEN_STATES if tab == "tokens" else INVOICE_STATES,
        purposes=PURPOSES,
    )
