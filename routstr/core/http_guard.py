"""What a connection may do before a request is a request: sizes, times, one way to read it.

The server in front parses strictly, but it waits for a head without end of time or size, adds
trailers to the headers of a request that has begun, and hears nothing more on a connection that
asks for a protocol which nobody speaks here: behind a proxy the next client's request would wait
there. All of this ends here, for every route, before the application is asked.
"""

import asyncio
import sys
from http import HTTPStatus
from typing import Final, TypeVar

import httptools

from routstr.core.one_write import OneWriteProtocol
from routstr.core.rendering import Protocol, render_error
from routstr.core.request_id import REQUEST_ID_HEADER, new_request_id
from routstr.errors import BodyTimeout, HeadersTooLarge, RequestError, RoutstrError, TooManyAtOnce

HEAD_SLACK_BYTES: Final = 16 * 1024
"""Of a head beyond its headers: the first line, and what stands between names and values."""
PIPELINED_MAX: Final = 32
"""Requests of one connection that wait for the one before them."""
CONNECTIONS_MAX: Final = 32_768
_FILES_ELSEWHERE: Final = 128
"""Open files that are neither clients nor providers: database, logs, mints."""
_RETRY_AFTER: Final = {"Retry-After": "1"}
_OF_UPGRADES: Final = frozenset({b"connection", b"upgrade", b"http2-settings"})


def room_for_connections() -> int:
    """How many clients may be connected: half of the files that the system lets us open.

    The other half is for providers. Raises the process's own limit to what it may be.
    """
    if sys.platform == "win32":
        return CONNECTIONS_MAX
    import resource  # noqa: PLC0415 - not on every system

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = 2 * CONNECTIONS_MAX + _FILES_ELSEWHERE
    if hard != resource.RLIM_INFINITY:
        wanted = min(wanted, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    return max(1, (wanted - _FILES_ELSEWHERE) // 2)


class _Unheard(list[tuple[bytes, bytes]]):
    """Where trailers go: a field that comes after the body changes nothing."""

    def append(self, _field: tuple[bytes, bytes], /) -> None:
        pass


_UNHEARD: Final = _Unheard()


class GuardedProtocol(OneWriteProtocol):
    """The server's protocol, within bounds."""

    look_s = 30.0
    """A head that takes so long is too slow; it may take twice as long before that is seen.
    So it is with a client that reads nothing of an answer."""
    connections_max = CONNECTIONS_MAX

    _looking: asyncio.TimerHandle | None = None
    _seen: object = None
    _unread = 0
    _quiet_bytes = 0
    """Since the last head or piece of a body was whole: of a head, of trailers, between chunks."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """A client has connected; when there are too many, one that asks for nothing has to go."""
        super().connection_made(transport)
        self._looking = self.loop.call_later(self.look_s, self._look)
        if len(self.connections) > self.connections_max and not self._make_room():
            self._refuse(TooManyAtOnce("Too many connections.", headers=_RETRY_AFTER))

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended."""
        self._look_no_more()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Read on."""
        self._unset_keepalive_if_required()
        self._quiet_bytes += len(data)
        try:
            while data:
                try:
                    self.parser.feed_data(data)
                    break
                except httptools.HttpParserUpgrade as upgrade:
                    data = self._upgrade(data[upgrade.args[0] :])
        except httptools.HttpParserError:
            self._refuse(RequestError("This is no valid HTTP request."))
            return
        if self._quiet_bytes > self._head_bytes_max:
            self._refuse(HeadersTooLarge())

    def on_headers_complete(self) -> None:
        """A head is there: it must be one that every reader reads alike."""
        self._quiet_bytes = 0
        headers = self.headers
        found = dict(headers)
        version = self.parser.get_http_version()
        if version == "1.1":
            coding = found.get(b"transfer-encoding")
            odd = b"host" not in found or (coding is not None and coding.lower() != b"chunked")
        else:
            odd = version != "1.0" or b"transfer-encoding" in found
        if len(found) != len(headers) and not odd:
            odd = len([name for name, _ in headers if name == b"host"]) > 1
        if odd or len(self.pipeline) >= PIPELINED_MAX:
            raise httptools.HttpParserError
        super().on_headers_complete()
        if not self.parser.should_upgrade():
            self.headers = _UNHEARD

    def on_body(self, body: bytes) -> None:
        """A piece of a body is there."""
        self._quiet_bytes = 0
        super().on_body(body)

    def _should_upgrade(self) -> bool:
        return True  # whatever is asked for: :meth:`_upgrade` decides

    def _upgrade(self, rest: bytes) -> bytes:
        """Change to a WebSocket, or go on without the wish: returns what is to be read next."""
        if self.scope["method"] == "CONNECT":
            raise httptools.HttpParserError
        if self._get_upgrade() == b"websocket" and self._should_upgrade_to_ws():
            if not self.is_idle:
                raise httptools.HttpParserError
            self._look_no_more()
            self.handle_websocket_upgrade()
            return b""
        method, version = self.scope["method"].encode(), self.scope["http_version"].encode()
        head = [b"%b %b HTTP/%b" % (method, self.url, version)]
        head += [b"%b: %b" % field for field in self.headers if field[0] not in _OF_UPGRADES]
        if any(b"close" in value.lower() for name, value in self.headers if name == b"connection"):
            head.append(b"connection: close")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)
        return b"\r\n".join([*head, b"", rest])

    @property
    def _head_bytes_max(self) -> int:
        return (self.config.h11_max_incomplete_event_size or 0) + HEAD_SLACK_BYTES

    @property
    def is_idle(self) -> bool:
        """Whether nothing is being answered."""
        cycle = _known(self.cycle)
        return cycle is None or cycle.response_complete

    def _look(self) -> None:
        """Let a connection go on which nothing has moved since the last look."""
        self._looking = self.loop.call_later(self.look_s, self._look)
        cycle, unread = _known(self.cycle), self.transport.get_write_buffer_size()
        stuck, self._unread = unread and unread == self._unread, unread
        seen, self._seen = self._seen, (_known(self.scope) or self) if self.is_idle else None
        if stuck:
            self.transport.abort()
        elif seen is None or seen is not self._seen:
            pass
        elif seen is self or (cycle is not None and cycle.scope is seen):
            if self._quiet_since is None:  # else it is the turn of the timer for silence
                self.transport.close()  # no head has begun: there is nothing to answer
        else:
            self._refuse(BodyTimeout("The request did not arrive in time."))

    def _look_no_more(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _make_room(self) -> bool:
        """Close a connection on which nothing is being answered."""
        for other in self.connections:
            if other is not self and isinstance(other, GuardedProtocol) and other.is_idle:
                other.transport.close()
                return True
        return False

    def _refuse(self, error: RoutstrError) -> None:
        """Answer with an error where no other answer has begun or is waited for, and close."""
        cycle = _known(self.cycle)
        begun = cycle is not None and cycle.response_started and not cycle.response_complete
        if not begun and not self.pipeline and not self.transport.is_closing():
            self.transport.write(_written(error))
        if cycle is not None and not cycle.response_complete:
            cycle.disconnected = True
            cycle.message_event.set()
        self.transport.close()


_T = TypeVar("_T")


def _known(one: _T) -> _T | None:
    """The server's attributes are None until something has come."""
    return one


def _written(error: RoutstrError) -> bytes:
    """An error as it goes over the wire."""
    request_id = new_request_id()
    reply = render_error(error, request_id, Protocol.MANAGEMENT)
    named = (REQUEST_ID_HEADER.encode(), request_id.encode())
    head = [b"HTTP/1.1 %d %b" % (reply.status, HTTPStatus(reply.status).phrase.encode())]
    head += [b"%b: %b" % field for field in (*reply.headers, named, (b"connection", b"close"))]
    return b"\r\n".join([*head, b"", reply.body])
