"""HTTPS in front of everything: plain requests from elsewhere are refused, browsers stay with it.

Plain HTTP may come over this machine's loopback, and to names that never leave a machine or that
Tor encrypts (``localhost``, ``.onion``). Whether a request came over HTTPS is the connection's own
word, or that of a proxy in ``TRUSTED_PROXIES`` (``X-Forwarded-Proto``): the server has seen to it.
"""

from collections.abc import Awaitable
from typing import Final

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from routstr.core.addresses import is_loopback, literal_address

HSTS: Final = (b"strict-transport-security", b"max-age=31536000")
"""A year, of this host alone: what else lives in its domain is not the node's (RFC 6797)."""
_SECURE: Final = frozenset({"https", "wss"})
_OPEN: Final = ("/assets/", "/health", "/metrics")
"""What needs no credential, and is asked by watchers inside the operator's own network."""


_WANTED: Final = "routstr.https_wanted"


class HttpsOnly:
    """An ASGI application in front of all routes; ``refuse`` answers what came over plain HTTP.

    One look at each connection's scope. ``required``: whether anything is refused at all.
    """

    def __init__(self, app: ASGIApp, refuse: ASGIApp, *, required: bool) -> None:
        self._app: Final = app
        self._refuse: Final = refuse
        self._required: Final = required

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Serve one connection."""
        if scope.get("scheme") in _SECURE:
            if not is_local(host_of(scope)):
                send = staying(send)
        elif self._required:
            if not may_be_plain(scope):
                return self._refuse(scope, receive, send)
            scope[_WANTED] = True
        return self._app(scope, receive, send)


def may_be_plain(scope: Scope) -> bool:
    """Whether nobody on the way can read what came over plain HTTP, or nothing in it is secret."""
    client = scope.get("client")  # None: a socket of this machine
    if client is None or _is_loopback(client[0]) or is_local(host_of(scope)):
        return True
    return scope["type"] == "http" and str(scope["path"]).startswith(_OPEN)


def secure_cookies(scope: Scope) -> bool:
    """Whether a cookie for this client may travel over HTTPS only.

    So it is behind a proxy on this machine, too, that nobody named in ``TRUSTED_PROXIES``.
    """
    return scope.get("scheme") in _SECURE or (_WANTED in scope and not is_local(host_of(scope)))


def host_of(scope: Scope) -> str:
    """The host that the client asked for, in lower case, without a port; empty: unknown."""
    for name, value in scope["headers"]:
        if name == b"host":
            text = str(value, "latin-1").lower()
            return text[1:].partition("]")[0] if text[:1] == "[" else text.partition(":")[0]
    return ""


def is_local(host: str) -> bool:
    """Whether requests to this host stay on a machine, or are encrypted by Tor."""
    name = host.rstrip(".")
    return name == "localhost" or name.endswith((".localhost", ".onion")) or _is_loopback(name)


def _is_loopback(text: str) -> bool:
    if text == "127.0.0.1" or not text.startswith(("127.", "::")):  # nearly all: nothing to parse
        return text == "127.0.0.1"
    ip = literal_address(text)
    return ip is not None and is_loopback(getattr(ip, "ipv4_mapped", None) or ip)


def staying(send: Send) -> Send:
    """Let browsers use nothing but HTTPS for this host from now on."""

    def tell(message: Message) -> Awaitable[None]:  # no coroutine of its own: it sees every event
        if message["type"] == "http.response.start":
            message = {**message, "headers": [*message.get("headers", ()), HSTS]}
        return send(message)

    return tell
