"""What came over plain HTTP is refused: with a page, with JSON, instead of an upgrade."""

from collections.abc import Callable
from typing import Final, cast

from fastapi import FastAPI, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.core.https import HttpsOnly
from routstr.core.logging import get_logger
from routstr.core.rendering import render_error, send_reply
from routstr.core.request_id import new_request_id
from routstr.core.settings import Settings
from routstr.errors import HttpsRequired, RoutstrError
from routstr.proxy.realtime.client import refusing
from routstr.theme.problems import Handler

_HINT: Final = (
    "a proxy that ends TLS is named in TRUSTED_PROXIES, and sends X-Forwarded-Proto; "
    "REQUIRE_HTTPS=false lets plain HTTP in"
)
_log: Final = get_logger(__name__)


def https_only(
    entrance: ASGIApp, api: FastAPI, shell: Callable[[ASGIApp], ASGIApp], settings: Settings
) -> HttpsOnly:
    """The entrance, behind HTTPS as far as the settings want it.

    ``api`` knows how errors look; ``shell`` gives the answer its id, CORS and access line.
    """
    refusal = shell(_Refusal(api, settings.http_url))
    return HttpsOnly(entrance, refusal, required=settings.require_https)


class _Refusal:
    """An ASGI application that answers everything with the error; the log tells of it once."""

    def __init__(self, api: FastAPI, http_url: str) -> None:
        self._api: Final = api
        self._http_url: Final = http_url
        self._told = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if not self._told:
            self._told = True
            _log.warning("plain_http_refused", hint=_HINT)
        error = self._error()
        if scope["type"] == "websocket":
            await receive()  # the server wants to be asked before it is answered
            await send_reply(refusing(send), render_error(error, new_request_id()))
            return
        request = Request({**scope, "app": self._api}, receive)
        told = cast("Handler", self._api.exception_handlers[RoutstrError])
        answer = await told(request, error)
        await answer(scope, receive, send)

    def _error(self) -> HttpsRequired:
        """Names the address to use, if the node knows one that is right."""
        url = self._http_url
        if not url.startswith("https://"):
            return HttpsRequired()
        message = f"This node is spoken to over HTTPS only: {url}. What was sent may be known now."
        return HttpsRequired(message, details={"url": url})
