"""Routes about who is let in: password, tokens, sessions, sign-ins."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Path, Request

from routstr.admin.access import Authorization, Guard, private, visit
from routstr.admin.access_desk import AccessDesk
from routstr.admin.access_schemas import (
    PasswordChange,
    PasswordChanged,
    SessionAnswer,
    SignInAnswer,
    TokenAnswer,
    TokenCreate,
    TokenMade,
)
from routstr.admin.schemas import Done, Removed
from routstr.admin.scopes import Scope
from routstr.admin.sessions import Caller
from routstr.core.late_route import LateRoute


def _desk(request: Request) -> AccessDesk:
    return cast("AccessDesk", request.app.state.admin.access)


_guard = Guard(Scope.SECURITY)
Desk = Annotated[AccessDesk, Depends(_desk)]
Number = Annotated[int, Path(ge=1, lt=2**63)]
Asking = Annotated[Caller, Depends(_guard)]

router = APIRouter(
    route_class=LateRoute,
    prefix="/admin/api",
    tags=["admin"],
    dependencies=[Depends(private), Depends(_guard)],
)


@router.patch("/password")
async def change_password(
    body: PasswordChange, request: Request, desk: Desk, authorization: Authorization = None
) -> PasswordChanged:
    """Change the operator's password. All other sessions end; tokens stay."""
    await desk.change_password(
        authorization, body.current_password, body.new_password, visit(request)
    )
    return PasswordChanged(message="The password is changed; all other sessions have ended.")


@router.get("/cli-tokens")
async def list_tokens(desk: Desk) -> list[TokenAnswer]:
    """List the tokens of programs, the newest first."""
    return [TokenAnswer.of(token) for token in await desk.tokens()]


@router.post("/cli-tokens")
async def create_token(body: TokenCreate, desk: Desk) -> TokenMade:
    """Make a token for a program. It is told only here."""
    token, text = await desk.create_token(body.name, body.scopes, body.expires_in_days)
    return TokenMade(**TokenAnswer.of(token).model_dump(), token=text)


@router.delete("/cli-tokens/{token}")
async def revoke_token(token: Number, desk: Desk) -> Removed:
    """Revoke a token, at once."""
    await desk.revoke_token(token)
    return Removed(deleted_id=token)


@router.get("/sessions")
async def list_sessions(desk: Desk, asking: Asking) -> list[SessionAnswer]:
    """List the sessions that have not ended, the newest first."""
    return [SessionAnswer.of(one) for one in await desk.sessions(asking.session)]


@router.delete("/sessions/{session}")
async def end_session(session: Number, desk: Desk) -> Removed:
    """End a session."""
    await desk.end_session(session)
    return Removed(deleted_id=session)


@router.delete("/sessions")
async def end_other_sessions(desk: Desk, asking: Asking) -> Done:
    """End all sessions but the one that asks."""
    await desk.end_others(asking.session)
    return Done()


@router.get("/sign-ins")
async def list_sign_ins(desk: Desk) -> list[SignInAnswer]:
    """List who gave a password last, right or wrong."""
    return [SignInAnswer.of(one) for one in await desk.sign_ins()]
