"""WebSockets in front of the application: ``/v1/realtime`` is served, others are the application's.

What the hot routes do for requests is done for upgrades here: request id, limits of the head,
allowed origins, error envelopes (as the HTTP answer to a refused upgrade), one access line.

A browser cannot set headers: it sends its key as a subprotocol, as OpenAI's client does
(``openai-insecure-api-key.<key>``). The node reads it and tells nobody.
"""

from collections.abc import Awaitable, Callable
from typing import Final

from msgspec.structs import replace
from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.core.logging import get_logger
from routstr.core.rendering import UNCAUGHT
from routstr.core.request_id import REQUEST_ID, REQUEST_ID_HEADER, new_request_id
from routstr.errors import Draining, ForbiddenOrigin, RequestError, RoutstrError
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import Serve, Surroundings
from routstr.proxy.realtime.client import refusing
from routstr.proxy.realtime.dialing import ENDPOINT
from routstr.proxy.wire import Credentials, Head

KEY_PROTOCOL: Final = "openai-insecure-api-key."
_PATHS: Final = frozenset({ENDPOINT, f"{ENDPOINT}/", "/realtime", "/realtime/"})
_ID_HEADER: Final = REQUEST_ID_HEADER.encode()
_INTERNAL_ERROR: Final = 1011
_log: Final = get_logger(__name__)


class RealtimeRoute:
    """An ASGI application. ``draining``: whether the node takes nothing new any more."""

    def __init__(
        self,
        app: ASGIApp,
        serve: Serve,
        surroundings: Surroundings,
        draining: Callable[[], bool],
    ) -> None:
        self._app: Final = app
        self._serve: Final = serve
        self._around: Final = surroundings
        self._draining: Final = draining

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        if scope["type"] != "websocket" or scope["path"] not in _PATHS:
            return self._app(scope, receive, send)
        return self._converse(scope, receive, send)

    async def _converse(self, scope: Scope, receive: Receive, send: Send) -> None:
        now = self._around.clock.monotonic
        exchange = Exchange(scope, receive, refusing(send), new_request_id(), now)
        exchange.body_read = True  # an upgrade has none
        began = now()
        token = REQUEST_ID.set(exchange.request_id)
        try:
            await self._answer(exchange)
        finally:
            REQUEST_ID.reset(token)
            self._around.access.write(exchange.record(ENDPOINT, began, now()))

    async def _answer(self, exchange: Exchange) -> None:
        exchange.always_send([(_ID_HEADER, exchange.request_id.encode())])
        if (await exchange.receive())["type"] != "websocket.connect":
            return
        try:
            await self._serve(exchange, self._credentials(exchange), b"")
        except RoutstrError as error:
            await exchange.refuse(error)
        except Exception:  # noqa: BLE001 - the last handler: logged here and told to nobody
            _log.exception("a conversation failed", model=exchange.model, key_id=exchange.key_id)
            if exchange.started:
                await exchange.pass_on({"type": "websocket.close", "code": _INTERNAL_ERROR})
            else:
                await exchange.refuse(RoutstrError(UNCAUGHT))

    def _credentials(self, exchange: Exchange) -> Credentials:
        around, head = self._around, Head()
        try:
            head.read(exchange.scope["headers"], around.limits)
        finally:
            exchange.always_send(around.cors.headers(head.origin))
        if head.origin is not None and not around.cors.allows(head.origin):
            raise ForbiddenOrigin
        if self._draining():
            raise Draining
        offered = exchange.scope.get("subprotocols", ())
        keys = {one.removeprefix(KEY_PROTOCOL) for one in offered if one.startswith(KEY_PROTOCOL)}
        if not keys:
            return head.credentials
        if len(keys) > 1 or head.credentials.authorization is not None:
            raise RequestError("The connection brings two keys.")
        return replace(head.credentials, authorization=f"Bearer {keys.pop()}")
