"""What surrounds the management API: ids, limits, CORS, the access line, the last handler.

Pure ASGI around the FastAPI application. The hot routes do not pass here; they use the same
parts (:func:`refuse_large_head`, ``Cors``, ``render_error``, ``AccessLog``) themselves.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routstr.core.access_log import AccessRecord
from routstr.core.clock import Clock
from routstr.core.cors import Cors
from routstr.core.deprecation import FURTHER_HEADERS
from routstr.core.logging import get_logger
from routstr.core.rendering import (
    Header,
    Protocol,
    Reply,
    render_error,
    render_uncaught,
    send_reply,
)
from routstr.core.request_id import REQUEST_ID, REQUEST_ID_HEADER, new_request_id
from routstr.core.settings import Settings
from routstr.core.traffic import Lines
from routstr.errors import BodyTimeout, BodyTooLarge, HeadersTooLarge, RoutstrError

_LENGTH_DIGITS: Final = 20  # enough for any body; int() of thousands of digits is an error
_CLIENT_GONE: Final = 499  # what nginx logs; never sent
_CLOSE: Final[Header] = (b"connection", b"close")
_ID_HEADER: Final = REQUEST_ID_HEADER.encode()

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class RequestLimits:
    """Bounds on what a client may send, and on the time that the whole body may take."""

    body_bytes: int
    header_bytes: int
    header_count: int
    body_seconds: float = 60

    @classmethod
    def of(cls, settings: Settings) -> "RequestLimits":
        """The operator's limits."""
        return cls(
            settings.request_body_bytes_max, settings.header_bytes_max, settings.header_count_max
        )

    def refuse_large_head(self, headers: Iterable[Header]) -> None:
        """Raise ``HeadersTooLarge``, or ``BodyTooLarge`` for what the client announces."""
        count = size = 0
        for name, value in headers:
            count += 1
            size += len(name) + len(value)
            if name == b"content-length":
                self.refuse_large_body(int(value[:_LENGTH_DIGITS]) if value.isdigit() else 0)
        if count > self.header_count or size > self.header_bytes:
            raise HeadersTooLarge(
                f"The headers are larger than this node accepts "
                f"({self.header_count} headers, {self.header_bytes} bytes)."
            )

    def refuse_large_body(self, size: int) -> None:
        """Raise ``BodyTooLarge`` when a body has more bytes than allowed."""
        if size > self.body_bytes:
            raise BodyTooLarge(f"The body is larger than {self.body_bytes} bytes.")


@final
class ManagementShell:
    """The ASGI application around the management API."""

    def __init__(
        self,
        app: ASGIApp,
        *,
        limits: RequestLimits,
        cors: Cors,
        access: Lines,
        clock: Clock,
    ) -> None:
        self._app = app
        self._limits = limits
        self._cors = cors
        self._access = access
        self._clock = clock

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        request_id = new_request_id()
        started = self._clock.monotonic()
        preflight = self._cors.preflight(scope)
        headers = [(_ID_HEADER, request_id.encode())]
        if preflight is None:
            origin = next((value for name, value in scope["headers"] if name == b"origin"), None)
            headers += self._cors.headers(origin)
        scope[FURTHER_HEADERS] = headers
        exchange = _Exchange(self._limits, receive, send, request_id, headers)
        token = REQUEST_ID.set(request_id)
        try:
            if preflight is None:
                await self._serve(scope, exchange)
            else:
                await exchange.answer(preflight)
        finally:
            REQUEST_ID.reset(token)
            self._access.write(
                AccessRecord(
                    request_id,
                    endpoint=route_pattern(scope),
                    status=exchange.status,
                    duration_ms=(self._clock.monotonic() - started) * 1_000,
                    method=scope["method"],
                    response_bytes=exchange.sent_bytes,
                    error=exchange.code or scope.get("routstr.error_code"),
                )
            )

    async def _serve(self, scope: Scope, exchange: "_Exchange") -> None:
        try:
            self._limits.refuse_large_head(scope["headers"])
            await self._app(scope, exchange.receive, exchange.send)
        except RoutstrError as error:
            await exchange.refuse(error)
        except Exception:  # the last handler: log it, answer, and never show it
            _log.exception("uncaught exception", endpoint=route_pattern(scope))
            if exchange.complete:
                return  # the framework has answered already
            if exchange.started:
                raise  # too late to answer: the server closes the connection
            await exchange.answer(render_uncaught(exchange.request_id, Protocol.MANAGEMENT))


@final
class _Exchange:
    """One request and its response, as the shell sees them pass."""

    __slots__ = (
        "_body_bytes",
        "_body_due",
        "_headers",
        "_limits",
        "_receive",
        "_refusal",
        "_send",
        "code",
        "complete",
        "request_id",
        "sent_bytes",
        "started",
        "status",
    )

    def __init__(
        self,
        limits: RequestLimits,
        receive: Receive,
        send: Send,
        request_id: str,
        headers: list[Header],
    ) -> None:
        self._limits = limits
        self._receive = receive
        self._send = send
        self._headers = headers
        self._body_bytes = 0
        self._body_due: float | None = asyncio.get_running_loop().time() + limits.body_seconds
        self._refusal: RoutstrError | None = None
        self.request_id = request_id
        self.code: str | None = None
        self.status = _CLIENT_GONE
        self.started = False
        self.complete = False
        self.sent_bytes = 0

    async def receive(self) -> Message:
        """Pass the request on, until its body is larger or slower than allowed."""
        try:
            async with asyncio.timeout_at(self._body_due):
                message = await self._receive()
            self._body_bytes += len(message.get("body", b""))
            self._limits.refuse_large_body(self._body_bytes)
        except TimeoutError:
            self._refusal = BodyTimeout()
        except BodyTooLarge as error:
            self._refusal = error
        else:
            if not message.get("more_body", False):
                self._body_due = None
            return message
        raise self._refusal  # frameworks may swallow it and answer 400: see send()

    async def send(self, message: Message) -> None:
        """Pass the application's response on, unless the shell has refused the request."""
        if self._refusal is None:
            await self._pass(message)
        elif not self.started:
            await self.refuse(self._refusal)

    async def _pass(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.started = True
            self.status = message["status"]
            message = {**message, "headers": [*message.get("headers", ()), *self._headers]}
        elif message["type"] == "http.response.body":
            self.sent_bytes += len(message.get("body", b""))
            self.complete = not message.get("more_body", False)
        await self._send(message)

    async def refuse(self, error: RoutstrError) -> None:
        """Answer with an error and close the connection: the rest of the body is not read."""
        if self.started:
            return
        reply = render_error(error, self.request_id, Protocol.MANAGEMENT)
        await self.answer(Reply(reply.status, (*reply.headers, _CLOSE), reply.body, reply.code))

    async def answer(self, reply: Reply) -> None:
        """Send a complete answer."""
        self.code = reply.code or None
        await send_reply(self._pass, reply)


def route_pattern(scope: Scope) -> str:
    """The path with its parameters' names for their values, ``/v1/invoice/{id}``.

    A parameter may be a secret, so a path that no route knows is not repeated at all.
    """
    if "route" not in scope:
        return "(none)"
    pattern: str = scope["route"].path_format  # without what its router was put under
    path, found = str(scope["path"]), scope.get("path_params", {})
    asked = pattern.format(**found)
    return path.removesuffix(asked) + pattern if path.endswith(asked) else pattern
