"""What others say on Nostr, as a part of the page about it."""

from fastapi import APIRouter, Request, Response

from routstr.admin.nostr.network_endpoints import Desk
from routstr.admin.pages.door import Operator, show
from routstr.theme.routes import PageRoute

router = APIRouter(prefix="/admin/nostr", route_class=PageRoute, include_in_schema=False)


@router.get("/network")
async def look(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show it."""
    return show(request, signed, "nostr_network.html", network=await desk.show())
