"""Log-in and log-out, and what every other route of the admin API asks first."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Request, Response

from routstr.admin.schemas import Done, LoginAnswer, LoginRequest
from routstr.admin.scopes import Scope, needed
from routstr.admin.sessions import SESSION_SECONDS, Caller, Sessions, Visit

Authorization = Annotated[str | None, Header(include_in_schema=False)]


def private(response: Response) -> None:
    """Answers are for the operator: never cached, never shared."""
    response.headers["Cache-Control"] = "no-store"


def visit(request: Request) -> Visit:
    """Where a request comes from."""
    address = "" if request.client is None else request.client.host
    return Visit(address, request.headers.get("user-agent", ""))


def _sessions(request: Request) -> Sessions:
    return cast("Sessions", request.app.state.admin.sessions)


SessionsOf = Annotated[Sessions, Depends(_sessions)]


class Guard:
    """Refuses everybody but the operator, and tokens without the scope that a route needs.

    That is READ for what only looks, ``change`` for the rest, or what :func:`needs` says.
    """

    def __init__(self, change: Scope = Scope.WRITE) -> None:
        self._change: Final = change

    async def __call__(
        self, request: Request, sessions: SessionsOf, authorization: Authorization = None
    ) -> Caller:
        """Who asks; raises as :meth:`Sessions.require`."""
        scope = needed(request.scope.get("endpoint"), request.method, self._change)
        return await sessions.require(authorization, scope)


operator: Final = Guard()
"""For routes whose changes need the scope WRITE."""

router = APIRouter(prefix="/admin/api", tags=["admin"], dependencies=[Depends(private)])


@router.post("/login")
async def login(body: LoginRequest, request: Request, sessions: SessionsOf) -> LoginAnswer:
    """Begin a session with the operator's password."""
    token = await sessions.begin(body.password, visit(request))
    return LoginAnswer(token=token, expires_in=SESSION_SECONDS)


@router.post("/logout")
async def logout(sessions: SessionsOf, authorization: Authorization = None) -> Done:
    """End the session."""
    await sessions.end(authorization)
    return Done()
