"""A key's own page. The key never comes here: the page asks the API with it, in the browser."""

from fastapi import APIRouter, Request, Response

from routstr.theme.routes import PageRoute, theme_of
from routstr.web.parts import Parts

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get("/key")
async def key(request: Request, parts: Parts) -> Response:
    """Show the page; what it says of a key is filled in by the browser."""
    return theme_of(request).page(
        request, "web/key.html", mints=parts.mints, child_cost=int(parts.settings.child_key_cost)
    )
