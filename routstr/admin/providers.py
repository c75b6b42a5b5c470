"""Routes of the providers: listed, added, changed, removed. A change is used at once."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Request

from routstr.admin.access import Guard, private
from routstr.admin.desk import ProviderDesk
from routstr.admin.schemas import (
    NamedChange,
    ProviderAnswer,
    ProviderChange,
    ProviderCreate,
    ProviderType,
    Removed,
)
from routstr.admin.scopes import Scope
from routstr.core.late_route import LateRoute


def _desk(request: Request) -> ProviderDesk:
    return cast("ProviderDesk", request.app.state.admin.providers)


Desk = Annotated[ProviderDesk, Depends(_desk)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(Guard(Scope.PROVIDERS))],
)


@router.get("/provider-types")
async def provider_types(desk: Desk) -> list[ProviderType]:
    """List the types of providers that can be added."""
    return desk.types()


@router.get("/upstream-providers")
async def list_providers(desk: Desk) -> list[ProviderAnswer]:
    """List the providers, that of the settings first."""
    return await desk.every()


@router.post("/upstream-providers")
async def add_provider(body: ProviderCreate, desk: Desk) -> ProviderAnswer:
    """Add a provider."""
    return await desk.add(body)


@router.patch("/upstream-providers")
async def change_named_provider(body: NamedChange, desk: Desk) -> ProviderAnswer:
    """Change the provider whose slug the body names."""
    return await desk.change(body.slug, body)


@router.get("/upstream-providers/{provider}")
async def show_provider(provider: str, desk: Desk) -> ProviderAnswer:
    """Show one provider, by id or slug."""
    return await desk.one(provider)


@router.patch("/upstream-providers/{provider}")
async def change_provider(provider: str, body: ProviderChange, desk: Desk) -> ProviderAnswer:
    """Change a provider, by id or slug."""
    return await desk.change(provider, body)


@router.delete("/upstream-providers/{provider}")
async def remove_provider(provider: str, desk: Desk) -> Removed:
    """Remove a provider, by id or slug. Requests that it serves end in peace."""
    return await desk.remove(provider)
