"""HTTP/1.1 towards clients: uvicorn's protocol, with less work for each answer.

Who may send what, and where a message ends, is decided by httptools' parser and by uvicorn; here
are only those parts that every request passes. They differ in this:

- Head and first bytes of an answer go in one write. A write is the dearest thing that a fast
  request does, and a client is woken once instead of twice. A head waits for its body until the
  event loop's next turn, at the longest.
- Names of fields are looked at once, not in each answer; of values, for what would end a field
  (RFC 9110, 5.5: CR, LF, NUL).
- A connection has one timer for its silence, not one after each answer.
"""

import asyncio
from collections.abc import Callable
from functools import lru_cache
from string import ascii_letters, digits
from typing import Any, Final
from urllib.parse import unquote

import httptools
from starlette.types import Message
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol
from uvicorn.protocols.http.httptools_impl import RequestResponseCycle as Cycle

ARRIVED: Final = "routstr.arrived"
"""Where a scope holds :meth:`OneWriteCycle.arrived`; take it out: it is for the first who asks."""
WHOLE: Final = "routstr.whole"
"""Where it holds :meth:`OneWriteCycle.whole`, in the same way."""
_NO_BODY: Final = frozenset({204, 304})
_FRAMING: Final = frozenset({b"content-length: ", b"transfer-encoding: ", b"connection: "})
_LINE: Final = b"\r\n"
_NUL: Final = 0
_LF: Final = 10
_CR: Final = 13
"""As numbers: whether bytes are in bytes is asked with an error that is raised and forgotten."""
_TOKEN: Final = frozenset(b"!#$%&'*+-.^_`|~" + digits.encode() + ascii_letters.encode())
_TARGETS_MAX: Final = 256
_TARGET_BYTES_MAX: Final = 64
"""Paths of endpoints are short; what is longer holds somebody's own words."""
_KNOWN_NAMES_MAX: Final = 256


class OneWriteCycle(Cycle):
    """One request and its answer."""

    _head: bytes | None = None
    """The head of the answer, until it is written: what fails before is still a 500."""
    call_soon: Callable[[Callable[[], None]], object]
    """The event loop's."""

    async def send(self, message: Message) -> None:  # type: ignore[override]
        """Take the head of the answer, or a part of its body."""
        if self.flow.write_paused and not self.disconnected:
            await self.flow.drain()
        if self.disconnected:
            return
        kind = message["type"]
        if kind == "http.response.start" and not self.response_started and self._head is None:
            self.waiting_for_100_continue = False
            self._head = self._written(message["status"], message.get("headers", ()))
            self.call_soon(self.flush)
        elif kind != "http.response.body" or self.response_complete:
            raise RuntimeError(f"Unexpected ASGI message {kind!r}")
        elif self._head is None and not self.response_started:
            raise RuntimeError("A body has come before its head.")
        else:
            self._send_body(message.get("body", b""), last=not message.get("more_body", False))

    async def send_500_response(self) -> None:
        """Answer for an application that has failed."""
        self._head = None
        await super().send_500_response()

    def arrived(self) -> bytes | None:
        """The body, if nothing of it was received yet and all of it is there; else None."""
        if self.more_body or self.disconnected or self.response_complete:
            return None
        body, self.body = bytes(self.body), bytearray()
        self.waiting_for_100_continue = False
        self.flow.resume_reading()
        self.message_event.clear()  # from now on there is only a departure to hear of
        return body

    def whole(self, status: int, headers: Any, body: bytes) -> bool:  # noqa: ANN401 - pairs of bytes
        """Send a complete answer now; False: it is to be sent in messages, as any other.

        That is so where it would have to wait for a slow client, or nobody hears it.
        """
        if self.flow.write_paused or self.disconnected:
            return False
        if self.response_started or self._head is not None:
            return False
        self.waiting_for_100_continue = False
        self._head = self._written(status, headers)
        self._send_body(body, last=True)
        return True

    def flush(self) -> None:
        """Write a head that nothing has followed yet."""
        head, self._head = self._head, None
        if head is not None and not self.disconnected:
            self.response_started = True
            self.transport.write(head)

    def _send_body(self, body: bytes, *, last: bool) -> None:
        if self.scope["method"] == "HEAD":
            self.expected_content_length = 0
            data = b""
        elif self.chunked_encoding:
            data = b"%x\r\n%b\r\n" % (len(body), body) if body else b""
            if last:
                data += b"0\r\n\r\n"
        else:
            self.expected_content_length -= len(body)
            if self.expected_content_length < 0:
                raise RuntimeError("Response content longer than Content-Length")
            data = body
        head, self._head = self._head, None
        if head is not None:
            self.response_started = True
            data = head + data
        if data:
            self.transport.write(data)
        if last:
            self._end()

    def _end(self) -> None:
        if self.expected_content_length:
            raise RuntimeError("Response content shorter than Content-Length")
        self.response_complete = True
        self.scope.pop(ARRIVED, None)  # type: ignore[typeddict-item]
        self.scope.pop(WHOLE, None)  # type: ignore[typeddict-item]
        self.message_event.set()
        if not self.keep_alive:
            self.transport.close()
        self.on_response()

    def _written(self, status: int, headers: Any) -> bytes:  # noqa: ANN401 - pairs of bytes
        """The head as it is sent; raises RuntimeError when it would not be read as one head."""
        parts = [STATUS_LINE[status]]
        closes = False
        self.chunked_encoding, self.expected_content_length = None, 0
        for some in (self.default_headers, headers):
            for name, value in some:
                known = _name(name)
                parts += (known, value, _LINE)
                if known in _FRAMING:
                    closes |= self._framed(known, value)
        values = b"".join(parts[2::3])
        if _CR in values or _LF in values or _NUL in values:
            raise RuntimeError("Invalid HTTP header value.")
        if not self.keep_alive and not closes:
            parts.append(b"connection: close\r\n")
        bodiless = self.scope["method"] == "HEAD" or status in _NO_BODY
        if self.chunked_encoding is None and not bodiless:
            self.chunked_encoding = True
            parts.append(b"transfer-encoding: chunked\r\n")
        parts.append(_LINE)
        return b"".join(parts)

    def _framed(self, known: bytes, value: bytes) -> bool:
        """Note how the body ends; whether the answer says that the connection does."""
        if known == b"content-length: ":
            if self.chunked_encoding is None:
                self.expected_content_length = int(value)
                self.chunked_encoding = False
        elif known == b"transfer-encoding: ":
            if value.lower() == b"chunked":
                self.expected_content_length = 0
                self.chunked_encoding = True
        elif b"close" in {word.strip() for word in value.lower().split(b",")}:
            self.keep_alive = False
            return True
        return False


class OneWriteProtocol(HttpToolsProtocol):
    """A client's connection."""

    _quiet_since: float | None = None
    """When its last answer ended, on the loop's clock; None while there is something to do."""

    def on_headers_complete(self) -> None:
        """Begin to serve a request whose head is there."""
        parser, scope = self.parser, self.scope
        scope["method"] = parser.get_method().decode("ascii")
        if (version := parser.get_http_version()) != "1.1":
            scope["http_version"] = version
        if parser.should_upgrade() and self._should_upgrade():
            return
        if self.root_path or self.limit_concurrency is not None:
            raise RuntimeError("a root path and a limit of connections are not served here")
        scope["path"], scope["raw_path"], scope["query_string"] = _target(self.url)
        before = self.cycle
        self.cycle = cycle = OneWriteCycle(
            scope,
            self.transport,
            self.flow,
            self.logger,
            self.access_logger,
            access_log=False,
            default_headers=self.server_state.default_headers,
            message_event=asyncio.Event(),
            expect_100_continue=self.expect_100_continue,
            keep_alive=version != "1.0" and parser.should_keep_alive(),
            on_response=self.on_response_complete,
        )
        cycle.call_soon = self.loop.call_soon
        scope[ARRIVED] = cycle.arrived  # type: ignore[typeddict-unknown-key]
        scope[WHOLE] = cycle.whole  # type: ignore[typeddict-unknown-key]
        if before is None or before.response_complete:
            self._start_asgi_task(cycle, self.app)
        else:  # sent before the last one was answered: it waits for its turn
            self.flow.pause_reading()
            self.pipeline.appendleft((cycle, self.app))

    def on_response_complete(self) -> None:
        """Serve the request that waits, or wait for one."""
        self.server_state.total_requests += 1
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
            return
        self._quiet_since = self.loop.time()
        if self.timeout_keep_alive_task is None:
            self._look_again_in(self.timeout_keep_alive)

    def timeout_keep_alive_handler(self) -> None:
        """Close when nothing has come for long enough."""
        self.timeout_keep_alive_task = None
        if self._quiet_since is None:
            return
        left = self._quiet_since + self.timeout_keep_alive - self.loop.time()
        if left > 0:
            self._look_again_in(left)
        else:
            super().timeout_keep_alive_handler()

    def _look_again_in(self, seconds: float) -> None:
        self.timeout_keep_alive_task = self.loop.call_later(
            seconds, self.timeout_keep_alive_handler
        )

    def connection_lost(self, exc: Exception | None) -> None:
        """The client has gone."""
        super().connection_lost(exc)
        if self.timeout_keep_alive_task is not None:
            self.timeout_keep_alive_task.cancel()
            self.timeout_keep_alive_task = None

    def _unset_keepalive_if_required(self) -> None:
        """Something has come: the timer, when it looks, finds no silence."""
        self._quiet_since = None


@lru_cache(maxsize=_KNOWN_NAMES_MAX)
def _name(name: bytes) -> bytes:
    """A field's name as it is written; raises RuntimeError when it is none (RFC 9110, 5.1)."""
    if not name or not _TOKEN.issuperset(name):
        raise RuntimeError("Invalid HTTP header name.")
    return name.lower() + b": "


def _target(url: bytes) -> tuple[str, bytes, bytes]:
    """Path, path as it was sent, and query. Raises httptools' error for what is none."""
    return _known_target(url) if len(url) <= _TARGET_BYTES_MAX else _parsed(url)


def _parsed(url: bytes) -> tuple[str, bytes, bytes]:
    parsed = httptools.parse_url(url)
    path = parsed.path.decode("ascii")
    return unquote(path) if "%" in path else path, parsed.path, parsed.query or b""


_known_target: Final = lru_cache(maxsize=_TARGETS_MAX)(_parsed)
