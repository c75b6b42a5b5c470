"""Files for the browser, and how a visitor wants pages to look."""

from typing import Final

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from routstr.theme.assets import PREFIX
from routstr.theme.engine import LANGUAGE_COOKIE, SCHEME_COOKIE, SCHEMES
from routstr.theme.routes import PageRoute, form, theme_of
from routstr.theme.texts import LANGUAGES

_YEAR_S: Final = 365 * 86_400

router = APIRouter(route_class=PageRoute, include_in_schema=False)


@router.get(PREFIX + "/{path:path}")
async def asset(request: Request) -> Response:
    """Give a file."""
    return await theme_of(request).assets(request)


@router.post("/look")
async def look(request: Request) -> Response:
    """Remember language and colours, and go back to where the visitor was."""
    wanted = await form(request)
    back = wanted.get("back", "")
    own = back.startswith("/") and not back.startswith(("//", "/\\"))
    response = RedirectResponse(back if own else "/", status_code=303)
    for name, cookie, known in (
        ("language", LANGUAGE_COOKIE, LANGUAGES),
        ("colours", SCHEME_COOKIE, SCHEMES),
    ):
        if wanted.get(name) in known:
            response.set_cookie(cookie, wanted[name], max_age=_YEAR_S, samesite="lax")
    return response
