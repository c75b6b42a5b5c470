"""Log-in and log-out, and what every other route of the admin API asks first."""

from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Request, Response

from routstr.admin.nostr_sign_in import NostrSignIn, is_signed
from routstr.admin.schemas import Done, LoginAnswer, LoginRequest
from routstr.admin.scopes import Scope, needed
from routstr.admin.sessions import SESSION_SECONDS, Caller, Sessions, Visit
from routstr.core.late_route import LateRoute
from routstr.errors import SignInRefused

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


def nostr_sign_in_of(request: Request) -> NostrSignIn | None:
    """How a key of Nostr signs in; None: the operator does not want that."""
    return cast("NostrSignIn | None", getattr(request.app.state, "nostr_sign_in", None))


async def sign_in_with_nostr(
    request: Request, authorization: str | None, *, browser: bool = False
) -> str:
    """Begin a session with a signed event. Raises as :meth:`NostrSignIn.begin`."""
    way = nostr_sign_in_of(request)
    if way is None or not is_signed(authorization):
        raise SignInRefused
    return await way.begin(authorization or "", str(request.url), visit(request), browser=browser)


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

router = APIRouter(
    route_class=LateRoute, prefix="/admin/api", tags=["admin"], dependencies=[Depends(private)]
)


@router.post("/login")
async def login(
    request: Request,
    sessions: SessionsOf,
    body: LoginRequest | None = None,
    authorization: Authorization = None,
) -> LoginAnswer:
    """Begin a session with the operator's password, or with `Authorization: Nostr` (NIP-98)."""
    if body is None:
        token = await sign_in_with_nostr(request, authorization)
    else:
        token = await sessions.begin(body.password, visit(request))
    return LoginAnswer(token=token, expires_in=SESSION_SECONDS)


@router.post("/logout")
async def logout(sessions: SessionsOf, authorization: Authorization = None) -> Done:
    """End the session."""
    await sessions.end(authorization)
    return Done()
