"""The hot routes: a plain ASGI callable in front of the application, for what must be fast.

It does itself what the application's shell does for every other route: request id, CORS, limits,
error envelopes, one access line. Everything that is not a hot route goes on to the application.
"""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from starlette.types import ASGIApp, Receive, Scope, Send

from routstr.core.access_log import AccessRecord
from routstr.core.clock import Clock
from routstr.core.cors import Cors
from routstr.core.logging import get_logger
from routstr.core.middleware import RequestLimits
from routstr.core.one_write import ARRIVED
from routstr.core.rendering import UNCAUGHT
from routstr.core.request_id import REQUEST_ID, REQUEST_ID_HEADER, new_request_id
from routstr.core.tracing import Tracer
from routstr.errors import Draining, RoutstrError, TooManyUploads
from routstr.proxy.exchange import Exchange
from routstr.proxy.forms import Form, FormLimits, read_form
from routstr.proxy.spool import Spool
from routstr.proxy.wire import ClientGone, Credentials, Head, read_body
from routstr.upstream.deadlines import Deadlines

Serve = Callable[[Exchange, Credentials, bytes], Awaitable[None]]
"""Answers an exchange, given its credentials and its body, or raises a ``RoutstrError``."""
ServeForm = Callable[[Exchange, Credentials, Form], Awaitable[None]]
"""The same for a form, which is there until this returns."""

USUAL_FORMS: Final = FormLimits(64 * 1024**2)
UPLOADS_MAX: Final = 64
"""How many forms are read and kept at the same time."""

RETRY_AFTER_SECONDS: Final = 5
_ID_HEADER: Final = REQUEST_ID_HEADER.encode()
_log: Final = get_logger(__name__)


class AccessLines(Protocol):
    """Where access lines go."""

    def write(self, record: AccessRecord) -> None: ...


@dataclass(frozen=True, slots=True)
class Upload:
    """A route whose requests are forms."""

    serve: ServeForm


class Finder(Protocol):
    """Knows routes that are more than a fixed path."""

    def find(self, method: str, raw_path: bytes) -> tuple[str, Serve | Upload] | None:
        """The name of the endpoint for the access line and who serves it; None: nobody here."""
        ...


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the hot routes share with the rest of the node."""

    limits: RequestLimits
    cors: Cors
    access: AccessLines
    clock: Clock
    deadlines: Deadlines
    forms: FormLimits = USUAL_FORMS
    tracer: Tracer | None = None


class HotRoutes:
    """Dispatches POSTs by path. ``active`` counts the requests under way."""

    def __init__(
        self,
        app: ASGIApp,
        routes: Mapping[str, Serve | Upload],
        surroundings: Surroundings,
        others: Finder | None = None,
    ) -> None:
        """``routes`` by endpoint (``/v1/chat/completions``), for POST.

        Each answers without ``/v1`` and with a trailing slash, too. ``others`` is asked for what
        is none of them.
        """
        self._app: Final = app
        self._others: Final = others
        self._uploads = 0
        self._routes: Final = {
            path: (endpoint, serve)
            for endpoint, serve in routes.items()
            for short in (endpoint, endpoint.removeprefix("/v1"))
            for path in (short, f"{short}/")
        }
        self._around: Final = surroundings
        self.active = 0
        self.draining = False

    def drain(self) -> None:
        """From now on refuse paid requests; those under way go on."""
        self.draining = True

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """An ASGI application."""
        route = self._route(scope) if scope["type"] == "http" else None
        if route is None:
            await self._app(scope, receive, send)
            return
        endpoint, serve = route
        now = self._around.clock.monotonic
        exchange = Exchange(scope, receive, send, new_request_id(), now)
        began, tracer = now(), self._around.tracer
        if tracer is not None:
            exchange.trace = tracer.begin()
        token = REQUEST_ID.set(exchange.request_id)
        self.active += 1
        try:
            await self._answer(serve, exchange)
        finally:
            self.active -= 1
            REQUEST_ID.reset(token)
            self._write_line(endpoint, exchange, began)

    def _route(self, scope: Scope) -> tuple[str, Serve | Upload] | None:
        method = scope["method"]
        route = self._routes.get(scope["path"])
        if route is not None and (method == "POST" or self._around.cors.preflight(scope)):
            return route
        if self._others is None:
            return None
        return self._others.find(method, scope.get("raw_path") or scope["path"].encode())

    async def _answer(self, serve: Serve | Upload, exchange: Exchange) -> None:
        exchange.always_send([(_ID_HEADER, exchange.request_id.encode())])
        try:
            await self._serve(serve, exchange)
        except ClientGone:
            pass
        except RoutstrError as error:
            await exchange.refuse(error)
        except Exception:  # noqa: BLE001 - the last handler: logged here and told to nobody
            _log.exception("a hot route failed", model=exchange.model, key_id=exchange.key_id)
            await exchange.refuse(RoutstrError(UNCAUGHT))

    async def _serve(self, serve: Serve | Upload, exchange: Exchange) -> None:
        around, scope = self._around, exchange.scope
        if reply := around.cors.preflight(scope):
            await exchange.start(reply.status, list(reply.headers))
            await exchange.write(reply.body, last=True)
            return
        head = Head()
        try:
            head.read(scope["headers"], around.limits)
        finally:
            exchange.always_send(around.cors.headers(head.origin))
        if self.draining:
            raise Draining
        if isinstance(serve, Upload):
            await self._serve_form(serve, exchange, head)
            return
        body = await read_body(
            exchange.receive,
            head,
            around.limits,
            around.deadlines,
            arrived=scope.pop(ARRIVED, None),
        )
        exchange.body_read = True
        if exchange.trace is not None:
            exchange.trace.read()
        await serve(exchange, head.credentials, body)

    async def _serve_form(self, route: Upload, exchange: Exchange, head: Head) -> None:
        if self._uploads >= UPLOADS_MAX:
            raise TooManyUploads(headers={"Retry-After": str(RETRY_AFTER_SECONDS)})
        around = self._around
        self._uploads += 1
        try:
            with Spool() as spool:
                form = await read_form(
                    exchange.scope, exchange.receive, head, spool, around.forms, around.deadlines
                )
                exchange.body_read = True
                if exchange.trace is not None:
                    exchange.trace.read()
                await route.serve(exchange, head.credentials, form)
        finally:
            self._uploads -= 1

    def _write_line(self, endpoint: str, exchange: Exchange, began: float) -> None:
        around = self._around
        record = exchange.record(endpoint, began, around.clock.monotonic())
        around.access.write(record)
        if exchange.trace is not None and around.tracer is not None:
            around.tracer.finish(exchange.trace, record, exchange.scope["headers"])
