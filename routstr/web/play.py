"""A small chat that is paid for message by message. Keys and tokens never come to this page.

The browser asks the API with them, as any other client does.
"""

from fastapi import APIRouter, Request, Response

from routstr.theme.routes import PageRoute, theme_of
from routstr.web.parts import Parts

router = APIRouter(route_class=PageRoute, include_in_schema=False)
_LONG = 100


@router.get("/play")
async def play(request: Request, parts: Parts) -> Response:
    """Show the page; ``?model=`` is chosen already."""
    offer = parts.offers.now()
    rows = () if offer is None else offer.for_words
    asked = request.query_params.get("model", "")[:_LONG]
    chosen = next((row.id for row in rows if row.id == asked), rows[0].id if rows else "")
    return theme_of(request).page(request, "web/play.html", offer=offer, rows=rows, chosen=chosen)
