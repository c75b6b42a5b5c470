"""Routes of the log."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from routstr.admin.access import operator, private
from routstr.admin.logs.desk import PAGE, LogDesk
from routstr.admin.logs.schemas import LogDates, LogPage, Story
from routstr.core.late_route import LateRoute
from routstr.core.log_reading import LogQuery
from routstr.errors import InvalidParameter

Text = Annotated[str, Query(max_length=200)]
Listed = Annotated[str, Query(max_length=500, description="several, with commas between")]
Limit = Annotated[int, Query(ge=1, le=1_000)]
Before = Annotated[str, Query(max_length=40, description="next_before of the page before")]
At = Annotated[int | None, Query(ge=0, le=10**10, description="about when it ended, Unix time")]


def _desk(request: Request) -> LogDesk:
    return cast("LogDesk", request.app.state.admin_logs)


Desk = Annotated[LogDesk, Depends(_desk)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(operator)],
)


@router.get("/logs")
async def list_logs(  # noqa: PLR0913, PLR0917 - one argument per filter of the contract
    desk: Desk,
    date: Annotated[str, Query(max_length=10, description="2026-12-31; empty: all days")] = "",
    level: Annotated[str, Query(description="this level and worse ones")] = "",
    request_id: Text = "",
    search: Text = "",
    status_codes: Listed = "",
    methods: Listed = "",
    endpoints: Listed = "",
    before: Before = "",
    limit: Limit = PAGE,
) -> LogPage:
    """Search the log, newest lines first."""
    query = LogQuery(
        request_id,
        level,
        search,
        _numbers(status_codes),
        [one.upper() for one in _several(methods)],
        _several(endpoints),
    )
    return await desk.page(query, date, before, limit)


@router.get("/logs/dates")
async def list_dates(desk: Desk) -> LogDates:
    """List the days of which there are lines, the last thirty."""
    return await desk.dates()


@router.get("/logs/{request_id}")
async def tell_story(request_id: str, desk: Desk, at: At = None, before: Before = "") -> Story:
    """Tell of one request: log lines, holds, what moved, its change."""
    return await desk.story(request_id, at, before)


def _several(text: str) -> list[str]:
    return [one.strip() for one in text.split(",") if one.strip()]


def _numbers(text: str) -> list[int]:
    try:
        return [int(one) for one in _several(text)]
    except ValueError:
        raise InvalidParameter("Statuses are numbers.", details={"param": "status_codes"}) from None
