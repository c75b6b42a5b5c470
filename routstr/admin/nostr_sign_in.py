"""Signing in with a key of Nostr (NIP-98): a signed event says who asks for what, and when.

It counts once, for a minute, at this node's own address only: a page elsewhere that lets its
visitors sign something cannot use it here.
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Collection
from typing import Final
from urllib.parse import urlsplit

from msgspec import Struct

from routstr.admin.sessions import Sessions, Visit
from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.core.tor import is_own

SCHEME: Final = "nostr"
WINDOW_MS: Final = 60_000
_CHARS_MAX: Final = 8_192
_log = get_logger(__name__)


class Claim(Struct, frozen=True):
    """What an event says whose signature is right; ``created_at`` in ms since 1970."""

    id: str
    created_at: int
    url: str
    method: str


Read = Callable[[bytes], Awaitable[Claim | None]]
"""A claim of the operator's out of JSON; None: it is none, of somebody else, or forged."""
Spend = Callable[[str], Awaitable[bool]]
"""Use an event's id up; false: it was used before."""


class NostrSignIn:
    """Begins sessions of whoever has the operator's key."""

    def __init__(
        self,
        sessions: Sessions,
        clock: Clock,
        read: Read,
        spend: Spend,
        addresses: Callable[[], Collection[str]],
    ) -> None:
        """``addresses`` are the URLs at which this node is known to be."""
        self._sessions: Final = sessions
        self._clock: Final = clock
        self._read: Final = read
        self._spend: Final = spend
        self._addresses: Final = addresses

    async def begin(
        self, authorization: str, asked: str, visit: Visit, *, browser: bool = False
    ) -> str:
        """The token of a new session; ``asked`` is the URL of the request, as it came.

        Raises ``SignInRefused``, ``TooManyLogins``, ``AdminNotConfigured``.
        """

        async def proven() -> bool:
            event = decoded(authorization)
            claim = None if event is None else await self._read(event)
            return (
                claim is not None
                and self._is_fresh(claim)
                and claim.method.upper() == "POST"
                and self._is_here(claim.url, asked)
                and await self._spend(claim.id)
            )

        return await self._sessions.begin_by(proven, visit, browser=browser)

    def _is_fresh(self, claim: Claim) -> bool:
        return abs(self._clock.now_ms() - claim.created_at) <= WINDOW_MS

    def _is_here(self, claimed: str, asked: str) -> bool:
        """Whether it names the route that is asked, at an address of this node.

        The Host header alone is what a visitor says. Only for names that mean nothing outside of
        the operator's own network it is enough.
        """
        try:
            said, came = urlsplit(claimed), urlsplit(asked)
            host = said.hostname or ""
        except ValueError:
            return False
        if said.path != came.path or said.query or not host:
            return False
        known = {urlsplit(url).netloc.lower() for url in self._addresses()}
        if said.netloc.lower() in known:
            return True
        return is_own(host) and said.netloc.lower() == came.netloc.lower()


def is_signed(authorization: str | None) -> bool:
    """Whether a header is meant as such an event."""
    return (authorization or "").partition(" ")[0].lower() == SCHEME


def decoded(authorization: str) -> bytes | None:
    """The event's JSON in a header; None: there is none."""
    scheme, _, text = authorization.partition(" ")
    if scheme.lower() != SCHEME or len(text) > _CHARS_MAX:
        return None
    try:
        return base64.b64decode(text.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
