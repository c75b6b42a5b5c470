"""What the clients' pages need, in the application's state as ``web``."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Annotated, Final, cast

from fastapi import Depends, Request
from msgspec import Struct
from starlette.routing import Match
from starlette.types import Scope

from routstr.core.clock import Clock
from routstr.core.settings import Settings
from routstr.theme.routes import PageRoute
from routstr.web.offer import Offers

Look = Callable[[], Awaitable[tuple[bool, dict[str, object]]]]
"""Whether the node can serve, and a report that names its parts."""
_PAGE: Final = b"text/html"


class ClientParts(Struct, frozen=True):
    """The node as its clients see it. ``began``: when it started, on the monotonic clock."""

    settings: Settings
    offers: Offers
    look: Look
    clock: Clock
    began: float

    @property
    def mints(self) -> Sequence[str]:
        """Whose ecash is taken."""
        return self.settings.cashu_mints

    @property
    def uptime_s(self) -> float:
        """Seconds since the start."""
        return self.clock.monotonic() - self.began


def _parts(request: Request) -> ClientParts:
    return cast("ClientParts", request.app.state.web)


Parts = Annotated[ClientParts, Depends(_parts)]


class BrowserRoute(PageRoute):
    """A page at an address where programs get JSON: only who asks for HTML gets it."""

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """Match browsers only."""
        accepted = (value for name, value in scope.get("headers", ()) if name == b"accept")
        if not any(_PAGE in value.lower() for value in accepted):
            return Match.NONE, {}
        return super().matches(scope)


def address_of(request: Request, settings: Settings) -> str:
    """Where this node is, without a slash at the end; the page's own address in browsers."""
    return settings.http_url or str(request.base_url).rstrip("/")
