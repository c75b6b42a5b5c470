"""What of the books can be had as a file, and how it is asked for."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from fastapi.responses import StreamingResponse
from pydantic import BaseModel

from routstr.admin.books.desk import BooksDesk, InvoiceQuery, TransferQuery
from routstr.admin.books.export import EXPORT_PAGE, FORMATS, as_csv, as_json
from routstr.admin.books.schemas import InvoiceInfo, TransferInfo
from routstr.admin.keys.schemas import TokenInfo
from routstr.errors import InvalidParameter

Fields = Mapping[str, str]
_Rows = tuple[Sequence[Any], int | None]
TABLES: Final[Mapping[str, type[BaseModel]]] = {
    "transfers": TransferInfo,
    "invoices": InvoiceInfo,
    "tokens": TokenInfo,
}


def seconds_of(fields: Fields, name: str) -> int | None:
    """A moment of a query, in Unix seconds; raises InvalidParameter."""
    given = fields.get(name, "").strip()
    if not given:
        return None
    if not (given.isascii() and given.isdigit()) or len(given) > 12:  # noqa: PLR2004 - digits
        raise InvalidParameter(f"{name} is a Unix time.", details={"param": name})
    return int(given)


async def file_of(desk: BooksDesk, table: str, form: str, fields: Fields) -> StreamingResponse:
    """Send a table, as far as ``fields`` filter it, as CSV or JSON; raises InvalidParameter.

    The first page is read before anything is sent, so that what is wrong can still be told.
    """
    if table not in TABLES or form not in FORMATS:
        raise InvalidParameter(
            f"There is {', '.join(TABLES)}, as {' or '.join(FORMATS)}.",
            details={"param": "format"},
        )
    turn = _turns(desk, table, fields)
    first = await turn(None)

    async def pages(before: int | None) -> _Rows:
        return first if before is None else await turn(before)

    columns = tuple(TABLES[table].model_fields)
    made = as_csv(pages, columns) if form == "csv" else as_json(pages, columns)
    return StreamingResponse(
        made,
        media_type=FORMATS[form],
        headers={
            "Content-Disposition": f'attachment; filename="{table}.{form}"',
            "Cache-Control": "no-store",
            "X-Content-Type-Options": "nosniff",
        },
    )


def _turns(desk: BooksDesk, table: str, fields: Fields) -> Callable[[int | None], Awaitable[_Rows]]:
    key, status = fields.get("key", "").strip(), fields.get("status", "")
    if table == "transfers":
        since, until = seconds_of(fields, "since"), seconds_of(fields, "until")
        query = TransferQuery(fields.get("kind", ""), key, since, until)

        async def transfers(before: int | None) -> _Rows:
            page = await desk.transfers(query, before, EXPORT_PAGE)
            return page.transfers, page.next_before

        return transfers
    if table == "tokens":

        async def tokens(before: int | None) -> _Rows:
            page = await desk.tokens(status, key, before, EXPORT_PAGE)
            return page.tokens, page.next_before

        return tokens
    wanted = InvoiceQuery(status, fields.get("purpose", ""), fields.get("search", ""))

    async def invoices(before: int | None) -> _Rows:
        page = await desk.invoices(wanted, before, EXPORT_PAGE)
        return page.invoices, page.next_before

    return invoices
