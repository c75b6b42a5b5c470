"""Who is let in, for people: password, tokens, sessions, who signed in."""

from contextlib import suppress
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Request, Response
from fastapi.responses import RedirectResponse

from routstr.admin.access import visit
from routstr.admin.access_desk import AccessDesk
from routstr.admin.agents import name_of
from routstr.admin.pages.door import Operator, Signed, show
from routstr.admin.scopes import Scope
from routstr.core.secret import Secret
from routstr.errors import AdminError, InvalidPassword, RoutstrError, SessionNotFound, TokenNotFound
from routstr.theme.routes import PageRoute, form

HERE: Final = "/admin/security"
DAYS: Final = (30, 90, 365)
"""The choices of how long a token lives, beside "until it is revoked"."""

router = APIRouter(prefix=HERE, route_class=PageRoute, include_in_schema=False)


def _desk(request: Request) -> AccessDesk:
    return cast("AccessDesk", request.app.state.admin.access)


Desk = Annotated[AccessDesk, Depends(_desk)]


async def _page(
    request: Request,
    signed: Signed,
    desk: AccessDesk,
    status: int = 200,
    **shown: object,
) -> Response:
    """The page; ``wrong`` is what went wrong ``at`` one of its cards, ``made`` a new token."""
    usual = {"done": "", "wrong": None, "at": "", "made": ""}
    return show(
        request,
        signed,
        "security.html",
        "security",
        status=status,
        **{**usual, **shown},
        locked=desk.password_locked,
        sessions=await desk.sessions(signed.session),
        tokens=await desk.tokens(),
        sign_ins=await desk.sign_ins(),
        origin=str(request.base_url).rstrip("/"),
        agent=name_of,
        scopes=list(Scope),
        days=DAYS,
    )


@router.get("")
async def look(request: Request, signed: Operator, desk: Desk) -> Response:
    """Show all of it."""
    return await _page(request, signed, desk, done=request.query_params.get("done", ""))


@router.post("/password")
async def change_password(request: Request, signed: Operator, desk: Desk) -> Response:
    """Change the password."""
    fields = await form(request)
    current, new = (Secret(fields.get(name, "")) for name in ("current", "new"))
    try:
        await desk.change_password(signed.authorization, current, new, visit(request))
    except RoutstrError as error:
        # 401 would be about the session; this one is in order
        status = 400 if isinstance(error, InvalidPassword) else error.status
        wrong = error if isinstance(error, AdminError) else AdminError(error.message)
        return await _page(request, signed, desk, status, wrong=wrong, at="password")
    return _back("password")


@router.post("/tokens")
async def create_token(request: Request, signed: Operator, desk: Desk) -> Response:
    """Make a token, and show it, once."""
    fields = await form(request)
    scopes = [scope for scope in Scope if fields.get(f"scope-{scope}")]
    days = fields.get("days", "")
    try:
        _, text = await desk.create_token(
            fields.get("name", ""), scopes, int(days) if days.isdecimal() else None
        )
    except AdminError as error:
        return await _page(request, signed, desk, error.status, wrong=error, at="tokens")
    return await _page(request, signed, desk, made=text)


@router.post("/tokens/{token}/revoke")
async def revoke_token(_signed: Operator, desk: Desk, token: int) -> Response:
    """Revoke a token; one that is gone already is what was wanted."""
    with suppress(TokenNotFound):
        await desk.revoke_token(token)
    return _back("revoked")


@router.post("/sessions/{session}/end")
async def end_session(_signed: Operator, desk: Desk, session: int) -> Response:
    """End a session; one that has ended is what was wanted."""
    with suppress(SessionNotFound):
        await desk.end_session(session)
    return _back("ended")


@router.post("/sessions/end-others")
async def end_others(signed: Operator, desk: Desk) -> Response:
    """End all sessions but this one."""
    await desk.end_others(signed.session)
    return _back("ended")


def _back(done: str) -> Response:
    return RedirectResponse(f"{HERE}?done={done}", status_code=303)
