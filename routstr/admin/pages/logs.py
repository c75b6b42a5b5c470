"""The log for people: a search, and one request's story."""

from typing import Annotated, Final, cast
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request, Response

from routstr.admin.logs.desk import LogDesk, seconds_of
from routstr.admin.logs.schemas import LogPage
from routstr.admin.pages.door import Operator, show
from routstr.core.log_reading import LEVELS, LogQuery
from routstr.errors import RoutstrError
from routstr.theme.routes import PageRoute

HERE: Final = "/admin/logs"
_KEPT: Final = ("request_id", "level", "search", "date")
_TEXT_MAX: Final = 200
_SECONDS_DIGITS: Final = 10

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


def _desk(request: Request) -> LogDesk:
    return cast("LogDesk", request.app.state.admin_logs)


Desk = Annotated[LogDesk, Depends(_desk)]


@router.get("")
async def search(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show the lines that were looked for."""
    fields = {name: request.query_params.get(name, "").strip()[:_TEXT_MAX] for name in _KEPT}
    before = request.query_params.get("before", "")
    page, wrong = None, None
    try:
        query = LogQuery(fields["request_id"], fields["level"], fields["search"])
        page = await desk.page(query, fields["date"], before)
    except RoutstrError as error:
        wrong = error
    filters = urlencode({name: value for name, value in fields.items() if value})
    return show(
        request,
        signed,
        "logs.html",
        "logs",
        status=200 if wrong is None else wrong.status,
        page=page,
        fields=fields,
        levels=LEVELS,
        dates=(await desk.dates()).dates,
        filtered=bool(filters),
        newest=f"{HERE}?{filters}" if before else "",
        older=_older(page, filters),
        wrong=wrong,
        at=seconds_of,
    )


@router.get("/{request_id}")
async def story(request_id: str, request: Request, signed: Operator, desk: Desk) -> Response:
    """Show all that is known of one request."""
    at, before = request.query_params.get("at", ""), request.query_params.get("before", "")
    known = at.isascii() and at.isdecimal() and len(at) <= _SECONDS_DIGITS
    told = await desk.story(request_id, int(at) if known else None, before)
    return show(request, signed, "log.html", "logs", story=told)


def _older(page: LogPage | None, filters: str) -> str:
    if page is None or page.next_before is None:
        return ""
    return f"{HERE}?{filters}&{urlencode({'before': page.next_before})}"
