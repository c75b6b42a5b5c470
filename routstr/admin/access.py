"""Log-in and log-out, and what every other route of the admin API asks first."""

from typing import Annotated, cast

from fastapi import APIRouter, Depends, Header, Request, Response

from routstr.admin.schemas import Done, LoginAnswer, LoginRequest
from routstr.admin.sessions import SESSION_SECONDS, Sessions

Authorization = Annotated[str | None, Header(include_in_schema=False)]


def private(response: Response) -> None:
    """Answers are for the operator: never cached, never shared."""
    response.headers["Cache-Control"] = "no-store"


def _sessions(request: Request) -> Sessions:
    return cast("Sessions", request.app.state.admin.sessions)


SessionsOf = Annotated[Sessions, Depends(_sessions)]


async def operator(sessions: SessionsOf, authorization: Authorization = None) -> None:
    """Refuse everybody but the operator."""
    await sessions.require(authorization)


router = APIRouter(prefix="/admin/api", tags=["admin"], dependencies=[Depends(private)])


@router.post("/login")
async def login(body: LoginRequest, request: Request, sessions: SessionsOf) -> LoginAnswer:
    """Begin a session with the operator's password."""
    address = "" if request.client is None else request.client.host
    token = await sessions.begin(body.password, address)
    return LoginAnswer(token=token, expires_in=SESSION_SECONDS)


@router.post("/logout")
async def logout(sessions: SessionsOf, authorization: Authorization = None) -> Done:
    """End the session."""
    await sessions.end(authorization)
    return Done()
