"""Signing in and out in a browser."""

from typing import cast

from fastapi import APIRouter, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.access import nostr_sign_in_of, sign_in_with_nostr, visit
from routstr.admin.first_run import SETUP
from routstr.admin.pages.door import COOKIE, LOGIN, Operator, give_cookie, sessions_of
from routstr.admin.setup.desk import SetupDesk
from routstr.core.secret import Secret
from routstr.errors import AdminNotConfigured, RoutstrError
from routstr.theme.routes import PageRoute, form, theme_of

router = APIRouter(prefix="/admin", route_class=PageRoute, include_in_schema=False)


@router.get("/login")
async def ask(request: Request) -> Response:
    """Ask for the password, or how to set one."""
    if not await sessions_of(request).passwords.set_up():
        return RedirectResponse(SETUP, status_code=303)
    return _page(request)


@router.post("/login")
async def sign_in(request: Request) -> Response:
    """Begin a session, or say why not."""
    password = Secret((await form(request)).get("password", ""))
    try:
        token = await sessions_of(request).begin(password, visit(request), browser=True)
    except AdminNotConfigured:
        return RedirectResponse(SETUP, status_code=303)
    except RoutstrError as error:
        return _page(request, error.status, error.message)
    response = RedirectResponse(await _landing(request), status_code=303)
    give_cookie(request, response, token)
    return response


@router.post("/login/nostr")
async def sign_in_by_key(request: Request) -> Response:
    """Begin a session with an event that a script on the page had signed (NIP-98)."""
    header = request.headers.get("authorization")
    try:
        token = await sign_in_with_nostr(request, header, browser=True)
    except RoutstrError as error:
        return Response(status_code=error.status)
    response = Response(status_code=204)
    give_cookie(request, response, token)
    return response


@router.post("/logout")
async def sign_out(request: Request, signed: Operator) -> Response:
    """End the session."""
    await sessions_of(request).end(signed.authorization)
    response = RedirectResponse(LOGIN, status_code=303)
    response.delete_cookie(COOKIE, path="/admin")
    return response


def _page(request: Request, status: int = 200, error: str | None = None) -> Response:
    nostr = nostr_sign_in_of(request) is not None
    return theme_of(request).page(
        request, "admin/login.html", status=status, error=error, nostr=nostr
    )


async def _landing(request: Request) -> str:
    """The overview; the first run as long as who set the password here is not through with it."""
    desk = cast("SetupDesk", request.app.state.setup)
    if not desk.first_run.passwords.locked and await desk.step() is not None:
        return SETUP
    return "/admin"
