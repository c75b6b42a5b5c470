"""Routes that need no credential."""

from collections.abc import Awaitable, Callable
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import JSONResponse
from msgspec import Struct

from routstr.catalog.service import Catalog
from routstr.core.late_route import LateRoute
from routstr.core.onion import OnionAddress
from routstr.core.settings import Settings
from routstr.errors import ModelNotFound, NotFound
from routstr.node.health import OPEN, STOPPING, Health
from routstr.payment.maintenance import STATE
from routstr.version import __version__


class NodeParts(Struct, frozen=True):
    """What these routes need."""

    settings: Settings
    catalog: Catalog
    health: Health
    onion: OnionAddress
    npub: Callable[[], str]
    """That of the node's key on Nostr; empty: it has none."""
    receipt_pubkey: Callable[[], Awaitable[str]]
    """Of the key that signs receipts, 64 hexadecimal digits."""


def _parts(request: Request) -> NodeParts:
    return cast("NodeParts", request.app.state.node)


Parts = Annotated[NodeParts, Depends(_parts)]
JSON = "application/json"
_FRESH: Final = {"Cache-Control": "no-store"}
_NEEDED: Final = ("database", "upstream", "price")
"""Without one of these nothing is served."""

router = APIRouter(route_class=LateRoute, tags=["node"])


@router.get("/", include_in_schema=False)
async def root(parts: Parts) -> dict[str, str]:
    """Say what runs here."""
    settings = parts.settings
    return {
        "name": settings.name,
        "description": settings.description,
        "version": __version__,
        "status": "running",
        "ui": "available",
    }


@router.get("/v1/info")
async def info(parts: Parts) -> dict[str, object]:
    """Describe the node: name, addresses, mints."""
    settings, deposits = parts.settings, await parts.health.deposits()
    return {
        "name": settings.name,
        "description": settings.description,
        "version": __version__,
        "npub": parts.npub() or settings.npub,
        "receipt_pubkey": await parts.receipt_pubkey(),
        "mints": list(settings.cashu_mints),
        "swap_mints": list(settings.swap_mints),
        "http_url": settings.http_url,
        "onion_url": parts.onion.url(),
        "child_key_cost_msats": int(settings.child_key_cost),
        "deposits_open": deposits == OPEN,
        "maintenance": deposits == STATE,
    }


@router.get("/v1/models")
@router.get("/v1/models/", include_in_schema=False)
@router.get("/models", include_in_schema=False)
@router.get("/models/", include_in_schema=False)
async def models(parts: Parts) -> Response:
    """List the models with what they cost, in USD and in sat."""
    return Response(parts.catalog.listing(), media_type=JSON)


@router.get("/v1/models/{model:path}")
@router.get("/models/{model:path}", include_in_schema=False)
async def model(model: str, parts: Parts) -> Response:
    """Show one model; 404 for one that is not sold."""
    try:
        body = parts.catalog.model_body(model.rstrip("/"))
    except ModelNotFound as error:
        raise NotFound(error.message) from error
    return Response(body, media_type=JSON)


@router.get("/health/live")
async def live() -> JSONResponse:
    """Tell that the process answers; whoever gets no answer may restart it."""
    return JSONResponse({"status": "alive"}, headers=_FRESH)


@router.get("/health/ready")
async def ready(parts: Parts) -> JSONResponse:
    """Tell whether requests may be sent here: 200, or 503 with what stands in the way."""
    able, report = await parts.health.check()
    stopping = report["status"] == STOPPING
    return JSONResponse(
        {
            "status": "ready" if able else STOPPING if stopping else "not ready",
            "missing": {name: report[name] for name in _NEEDED if report[name] != "ok"},
            "mints": report["mints"],
        },
        status_code=200 if able else 503,
        headers=_FRESH,
    )


@router.get("/health")
async def health(parts: Parts) -> JSONResponse:
    """Tell whether the node can serve: 200, or 503 with what stands in the way."""
    able, report = await parts.health.check()
    return JSONResponse(
        {**report, "version": __version__},
        status_code=200 if able else 503,
        headers=_FRESH,
    )
