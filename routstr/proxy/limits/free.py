"""What costs nothing, one address's share of it: balances, lists, the operator's API, pages.

Counted apart from paid requests, by the same number: whoever asks for a balance too often can pay
all the same. What a machine asks a node of itself, and the files of pages, are let through.
"""

from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.core.request_id import REQUEST_ID
from routstr.proxy.exchange import Exchange
from routstr.proxy.limits.gate import Gate, Visit

_OPEN: Final = ("/assets/", "/health", "/metrics")


class LimitedApp:
    """An ASGI application behind a gate; raises :class:`RateLimitError` for one too many."""

    __slots__ = ("_app", "_gate")

    def __init__(self, gate: Gate, app: ASGIApp) -> None:
        self._gate: Final = gate
        self._app: Final = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and not scope["path"].startswith(_OPEN):
            visit = Visit(self._gate, Exchange(scope, receive, send, REQUEST_ID.get() or ""))
            await visit.ask()
            send = visit.listen(send)
        await self._app(scope, receive, send)
