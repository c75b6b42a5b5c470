"""The list of other nodes, for whoever looks for one."""

from typing import Annotated, Any, cast

import msgspec
from fastapi import APIRouter, Depends, Request, Response

from routstr.core.late_route import LateRoute
from routstr.discovery.directory import Directory, Listed
from routstr.discovery.schemas import ProviderList
from routstr.errors import NotFound


def _directory(request: Request) -> Directory:
    return cast("Directory", request.app.state.directory)


router = APIRouter(route_class=LateRoute, tags=["node"])


@router.get("/v1/providers/", response_model=ProviderList)
@router.get("/providers/", include_in_schema=False)
async def providers(
    directory: Annotated[Directory, Depends(_directory)],
    *,
    include_json: bool = False,
    pubkey: str = "",
) -> Response:
    """List nodes that relays tell of; 404 where the operator does not read them."""
    if not directory.lists:
        raise NotFound("Provider discovery is disabled")
    found = directory.shuffled(pubkey.lower())
    told = [_with_health(one) if include_json else _provider(one) for one in found]
    return Response(msgspec.json.encode({"providers": told}), media_type="application/json")


def _provider(one: Listed) -> dict[str, Any]:
    said: dict[str, Any] = msgspec.structs.asdict(one.provider)
    return {**said, "onion_url": one.provider.onion_url, "review": one.review}


def _with_health(one: Listed) -> dict[str, Any]:
    return {"provider": _provider(one), "health": one.health}
