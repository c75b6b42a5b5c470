"""One request and its response, with all that its access line will tell."""

import time
from collections.abc import Awaitable, Callable, Iterable
from typing import Final
from typing import Protocol as Port

from starlette.types import Message, Receive, Scope, Send

from routstr.core.access_log import AccessRecord
from routstr.core.one_write import WHOLE
from routstr.core.rendering import Header, Protocol, Reply, render_error
from routstr.core.tracing import Trace
from routstr.errors import RoutstrError
from routstr.payment.change import Change
from routstr.payment.metering import Receipt
from routstr.proxy.receipts import change_fields, change_headers, change_words

CLIENT_GONE: Final = 499
"""Status in the log when the client left before there was an answer; never sent."""

SWITCHING: Final = 101
"""Status of an accepted WebSocket."""

Whole = Callable[[int, list[Header], bytes], bool]
"""Sends a complete answer at once, if it can; see :mod:`routstr.core.one_write`."""

_CLOSE: Final[Header] = (b"connection", b"close")
_NEVER_AGAIN: Final = {"x-should-retry": "false"}
"""OpenAI's clients would ask again, with a token that is spent, and never show this error."""


class Visit(Port):
    """The limits that a request is under; see :mod:`routstr.proxy.limits.gate`."""

    async def weigh(self, tokens: int) -> None:
        """The prompt has about this many tokens. Raises ``RateLimitError``."""
        ...

    async def pay(self, account: int) -> None:
        """The holder of a key pays, from this account. Raises ``RateLimitError``."""
        ...


class Exchange:
    """The client's side of a request: reads from it, answers it, remembers what happened."""

    __slots__ = (
        "_headers",
        "_now",
        "_send",
        "_whole",
        "answered_at",
        "asked_at",
        "body_read",
        "change",
        "code",
        "first_byte_at",
        "key_id",
        "model",
        "protocol",
        "provider",
        "receipt",
        "receive",
        "request_id",
        "scope",
        "sent_bytes",
        "started",
        "status",
        "trace",
        "visit",
    )

    def __init__(
        self,
        scope: Scope,
        receive: Receive,
        send: Send,
        request_id: str,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        """``now`` tells seconds that never go back."""
        self.scope: Final = scope
        self.receive: Final = receive
        self._send = send
        self._whole: Whole | None = scope.pop(WHOLE, None)
        self._headers: list[Header] = []
        self.request_id: Final = request_id
        self.body_read = False
        """Whether the whole request was read; if not, the connection cannot be used again."""
        self.started = False
        self.status = CLIENT_GONE
        self.sent_bytes = 0
        self._now: Final = now
        self.first_byte_at: float | None = None
        """When the response began, by ``now``."""
        self.asked_at: float | None = None
        """When a provider was asked first."""
        self.answered_at: float | None = None
        """When the last of what a provider sent was there, as far as is known."""
        self.code: str | None = None
        self.key_id: str | None = None
        self.model: str | None = None
        self.provider: str | None = None
        """Who serves the request, once somebody does."""
        self.protocol = Protocol.OPENAI
        """In whose words errors are told."""
        self.receipt: Receipt | None = None
        self.visit: Visit | None = None
        self.trace: Trace | None = None
        """What it spends its time on, if somebody wants to know."""
        self.change: Change | None = None
        """What became of the rest of a payment that was made for this request alone."""

    def always_send(self, headers: Iterable[Header]) -> None:
        """Add headers to the response, whatever it becomes."""
        self._headers.extend(headers)

    def tap(self, between: Callable[[Send], Send]) -> None:
        """Let somebody see what is sent from now on, before the client does."""
        self._send = between(self._send)
        self._whole = None

    def asks(self) -> None:
        """A provider is asked now."""
        if self.asked_at is None:
            self.asked_at = self._now()

    def hears(self) -> None:
        """What a provider sends is there now, all of it unless this is called again."""
        self.answered_at = self._now()

    @property
    def upstream_s(self) -> float | None:
        """How long the request was with providers; None: it was with none, or got no answer."""
        if self.asked_at is None or self.answered_at is None:
            return None
        return self.answered_at - self.asked_at

    async def start(self, status: int, headers: list[Header]) -> None:
        """Send the response's head."""
        self.started = True
        self.first_byte_at = self._now()
        self.status = status
        headers = headers + self._headers
        await self._send({"type": "http.response.start", "status": status, "headers": headers})

    def write(self, data: bytes, *, last: bool = False) -> Awaitable[None]:
        """Send a part of the response's body."""
        self.sent_bytes += len(data)  # no coroutine of its own: every event passes here
        return self._send({"type": "http.response.body", "body": data, "more_body": not last})

    async def answer(self, status: int, headers: list[Header], body: bytes) -> None:
        """Send a complete response."""
        self.started = True
        self.first_byte_at = self._now()
        self.status = status
        self.sent_bytes += len(body)
        headers = [*headers, (b"content-length", b"%d" % len(body)), *self._headers]
        if self._whole is not None and self._whole(status, headers, body):
            return
        await self._send({"type": "http.response.start", "status": status, "headers": headers})
        await self._send({"type": "http.response.body", "body": body, "more_body": False})

    async def upgrade(self, subprotocol: str | None) -> None:
        """Accept a WebSocket."""
        self.started = True
        self.first_byte_at = self._now()
        self.status = SWITCHING
        await self._send(
            {"type": "websocket.accept", "subprotocol": subprotocol, "headers": self._headers}
        )

    async def pass_on(self, message: Message) -> None:
        """Send a message of an accepted WebSocket."""
        self.sent_bytes += len(message.get("text") or "")
        await self._send(message)

    async def refuse(self, error: RoutstrError) -> None:
        """Answer with an error; once the response has started it is too late and only noted."""
        self.code = error.code
        if self.started:
            return
        reply = self.render(error)
        # what was not read of the request would be taken for the next one's beginning
        unread = [] if self.body_read else [_CLOSE]
        await self.start(reply.status, [*reply.headers, *unread])
        await self.write(reply.body, last=True)

    def record(self, endpoint: str, began: float, ended: float) -> AccessRecord:
        """What the access line tells, of the route ``endpoint``; moments as ``now`` tells them."""
        receipt, first, upstream_s = self.receipt, self.first_byte_at, self.upstream_s
        return AccessRecord(
            self.request_id,
            endpoint,
            self.status,
            (ended - began) * 1_000,
            self.scope.get("method", "GET"),  # a WebSocket begins with one (RFC 6455)
            key_id=self.key_id,
            model=self.model,
            input_tokens=receipt.usage.input if receipt else None,
            output_tokens=receipt.usage.completion if receipt else None,
            cost_msat=int(receipt.charged) if receipt else None,
            response_bytes=self.sent_bytes,
            error=self.code,
            first_byte_ms=None if first is None else (first - began) * 1_000,
            provider=self.provider,
            upstream_ms=None if upstream_s is None else upstream_s * 1_000,
        )

    def render(self, error: RoutstrError) -> Reply:
        """The answer for an error, with the change of what was paid for this request."""
        if self.change is not None:
            error.headers = {**error.headers, **change_headers(self.change), **_NEVER_AGAIN}
            error.fields = {**error.fields, **change_fields(self.change, "refund_token")}
            words = change_words(self.change)
            error.message = f"{error.message.removesuffix(words).rstrip()} {words}"
        return render_error(error, self.request_id, self.protocol)
