"""Routes of earnings, requests, alerts and maintenance in the admin API."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Query, Request

from routstr.admin.access import operator, private
from routstr.admin.overview import statistics
from routstr.admin.overview.desk import OverviewDesk
from routstr.admin.overview.reports import Reports
from routstr.admin.overview.schemas import (
    AlertAnswer,
    AlertList,
    Dashboard,
    Dismissal,
    ErrorDetails,
    MaintenanceAnswer,
    MaintenanceChange,
    Metrics,
    RevenueByModel,
    Summary,
)
from routstr.admin.schemas import Done
from routstr.core.late_route import LateRoute


def overview_of(request: Request) -> OverviewDesk:
    """The desk of the node that is asked."""
    return cast("OverviewDesk", request.app.state.overview)


def _reports(request: Request) -> Reports:
    return Reports(overview_of(request).statistics)


Desk = Annotated[OverviewDesk, Depends(overview_of)]
Usage = Annotated[Reports, Depends(_reports)]
Hours = Annotated[int, Query(ge=1, le=statistics.HOURS_MAX)]
Interval = Annotated[int, Query(ge=1, le=1_440, description="minutes; told by the hour or day")]
Limit = Annotated[int, Query(ge=1, le=1_000)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(operator)],
)


@router.get("/usage/metrics")
async def usage_metrics(usage: Usage, interval: Interval = 60, hours: Hours = 24) -> Metrics:
    """Tell what each hour or day brought."""
    return await usage.metrics(hours, interval)


@router.get("/usage/summary")
async def usage_summary(usage: Usage, hours: Hours = 24) -> Summary:
    """Tell what the last hours brought."""
    return await usage.summary(hours)


@router.get("/usage/revenue-by-model")
async def revenue_by_model(usage: Usage, hours: Hours = 24, limit: Limit = 20) -> RevenueByModel:
    """Tell which models brought most."""
    return await usage.by_model(hours, limit)


@router.get("/usage/error-details")
async def error_details(usage: Usage, hours: Hours = 24, limit: Limit = 100) -> ErrorDetails:
    """Tell which errors requests ended with."""
    return await usage.errors(hours, limit)


@router.get("/usage/dashboard")
async def dashboard(
    usage: Usage,
    interval: Interval = 60,
    hours: Hours = 24,
    error_limit: Limit = 100,
    model_limit: Limit = 20,
) -> Dashboard:
    """Tell all of it in one answer."""
    return Dashboard(
        summary=await usage.summary(hours),
        metrics=await usage.metrics(hours, interval),
        model_usage_mix=await usage.mix(hours, interval, model_limit),
        revenue_by_model=await usage.by_model(hours, model_limit),
        error_details=await usage.errors(hours, error_limit),
    )


@router.get("/maintenance")
async def show_maintenance(desk: Desk) -> MaintenanceAnswer:
    """Tell whether new deposits are refused."""
    return MaintenanceAnswer.of(await desk.maintenance.since())


@router.patch("/maintenance")
async def change_maintenance(body: MaintenanceChange, desk: Desk) -> MaintenanceAnswer:
    """Refuse new deposits, or take them again. Refunds and paid requests go on."""
    return MaintenanceAnswer.of(await desk.maintenance.turn(on=body.enabled))


@router.get("/alerts")
async def list_alerts(desk: Desk) -> AlertList:
    """List what is wrong, the newest first."""
    return AlertList(alerts=[AlertAnswer.of(alert) for alert in await desk.board.active()])


@router.post("/alerts/dismiss")
async def dismiss_alert(body: Dismissal, desk: Desk) -> Done:
    """Take an alert away that has been dealt with; what is still seen comes back."""
    await desk.board.dismiss(body.name, body.subject)
    return Done()
