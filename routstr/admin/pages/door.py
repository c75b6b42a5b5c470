"""Who may see the operator's pages: the session in a cookie, and a mark against foreign forms.

The cookie cannot be read by scripts and is not sent from other sites. What changes something needs
the session's mark as well, as the header ``X-CSRF-Token`` (htmx sends it by itself, see
``frame.html``) or the field ``csrf``.
"""

import hmac
from typing import Annotated, Any, Final, cast

from fastapi import Depends, Request, Response
from fastapi.responses import RedirectResponse
from msgspec import Struct

from routstr.admin.first_run import SETUP
from routstr.admin.sessions import PAGE_SECONDS_MAX, Caller, Sessions
from routstr.core.https import secure_cookies
from routstr.errors import AdminError, AdminNotConfigured, ForeignForm
from routstr.theme.routes import form, is_part, theme_of

COOKIE: Final = "routstr_session"
LOGIN: Final = "/admin/login"
_SAFE: Final = frozenset({"GET", "HEAD"})
_AREAS: Final = (
    ("overview", "/admin"),
    ("keys", "/admin/keys"),
    ("models", "/admin/models"),
    ("providers", "/admin/providers"),
    ("wallet", "/admin/wallet"),
    ("transactions", "/admin/transactions"),
    ("nostr", "/admin/nostr"),
    ("settings", "/admin/settings"),
    ("security", "/admin/security"),
    ("logs", "/admin/logs"),
)
"""The areas of the menu: each has a text ``admin.<name>``."""


class SignInNeeded(Exception):
    """Nobody is signed in: the visitor is sent to the page where that is done."""

    def __init__(self, where: str = LOGIN) -> None:
        super().__init__(where)
        self.where: Final = where


class Signed(Struct, frozen=True):
    """A session that is signed in. ``csrf`` is its mark, ``session`` its id."""

    token: str
    csrf: str
    session: int | None = None

    @property
    def authorization(self) -> str:
        """The session as the JSON interface wants it."""
        return f"Bearer {self.token}"


def sessions_of(request: Request) -> Sessions:
    """The sessions of the node that is asked."""
    return cast("Sessions", request.app.state.admin.sessions)


async def signed_in(request: Request) -> Signed:
    """Let only the operator pass. Raises :class:`SignInNeeded`, :class:`ForeignForm`."""
    sessions, token = sessions_of(request), request.cookies.get(COOKIE, "")
    try:
        caller: Caller = await sessions.require(f"Bearer {token}")
    except AdminNotConfigured:
        raise SignInNeeded(SETUP) from None
    except AdminError:
        raise SignInNeeded from None
    signed = Signed(token, sessions.mark(token), caller.session)
    if request.method not in _SAFE:
        told = request.headers.get("x-csrf-token") or (await form(request)).get("csrf", "")
        if not hmac.compare_digest(told.encode(), signed.csrf.encode()):
            raise ForeignForm
    return signed


Operator = Annotated[Signed, Depends(signed_in)]


async def send_to_sign_in(request: Request, error: Exception) -> Response:
    """Answer whoever is not signed in."""
    where = error.where if isinstance(error, SignInNeeded) else LOGIN
    if is_part(request):
        return Response(status_code=401, headers={"HX-Redirect": where})
    return RedirectResponse(where, status_code=303)


def show(
    request: Request,
    signed: Signed,
    template: str,
    area: str = "",
    **shown: Any,  # noqa: ANN401 - whatever the template shows
) -> Response:
    """Render a page of the operator. ``area`` is the menu's entry that is marked."""
    return theme_of(request).page(
        request, f"admin/{template}", csrf=signed.csrf, areas=_AREAS, area=area, **shown
    )


def give_cookie(request: Request, response: Response, token: str) -> None:
    """Let the browser keep a session."""
    secure = secure_cookies(request.scope)
    response.set_cookie(
        COOKIE, token, max_age=PAGE_SECONDS_MAX, path="/admin", httponly=True, secure=secure,
        samesite="strict",
    )  # fmt: skip
