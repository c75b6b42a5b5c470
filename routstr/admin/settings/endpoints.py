"""Routes of the settings: read with where they come from, changed as a whole or not at all."""

from typing import Annotated, Any

from fastapi import APIRouter, Body, Depends, Request

from routstr.admin.access import Guard, private
from routstr.admin.scopes import Scope
from routstr.admin.settings.desk import SettingsDesk
from routstr.core.late_route import LateRoute


def desk_of(request: Request) -> SettingsDesk:
    """The desk of the node that is asked."""
    return SettingsDesk(request.app.state.options)


Desk = Annotated[SettingsDesk, Depends(desk_of)]
Values = Annotated[
    dict[str, Any],
    Body(
        description="values by name; null: the default again",
        examples=[{"upstream_provider_fee": "1.1", "name": None}],
    ),
]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.SETTINGS))],
)


@router.get("/settings")
async def show_settings(desk: Desk) -> dict[str, Any]:
    """Tell every value by its name and, under ``settings``, where it comes from."""
    return await desk.flat()


@router.patch("/settings")
async def change_settings(body: Values, desk: Desk) -> dict[str, Any]:
    """Change some settings. They are in use when this answers; nothing is, unless all fit."""
    await desk.change(body)
    return await desk.flat()
