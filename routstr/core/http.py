"""The kinds of outgoing HTTP sessions; all ignore proxies and cookies of the environment.

* :func:`upstream_session` talks to the operator's own providers: shared, unbounded, fast. With
  ``checked`` it connects to public addresses only: for providers that came over the network.
* :func:`outgoing_session` talks to addresses that an outsider may influence (mints, Lightning
  addresses): every connection is checked, at the last moment, against the address that it is made
  to, so neither a literal address, a name that resolves to a private one, nor a name that changes
  its mind passes. Redirects are refused.

Onion services, and with ``TOR_ALL`` all that is public, are reached through Tor
(:mod:`routstr.core.tor`).

All leave bodies compressed as they came: ask for ``identity``. Make them inside a running loop,
close them in the end.
"""

import socket
from types import SimpleNamespace
from typing import Final, NoReturn, final

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from routstr.core.addresses import ForbiddenAddress, check_public
from routstr.core.settings import Settings
from routstr.core.tor import TorConnector, is_onion

HEAD_BYTES_MAX: Final = 64 * 1024  # a change token in a header is longer than aiohttp's default
_DNS_SECONDS: Final = 60
_CONNECT_SECONDS: Final = 10
# below what common servers allow: a POST on a connection just closed has an unclear outcome
_KEEPALIVE_SECONDS: Final = 4
_OUTGOING_CONNECTIONS_MAX: Final = 100

_SocketAddress = tuple[
    int | socket.AddressFamily, int | socket.SocketKind, int, str, tuple[object, ...]
]


class RedirectRefused(aiohttp.ClientError):
    """The other side answered with a redirect, which this node does not follow."""


def upstream_session(
    settings: Settings, *, checked: bool = False, resolver: AbstractResolver | None = None
) -> aiohttp.ClientSession:
    """The one session to the operator's providers: no limit on connections, long headers.

    ``checked``: as :func:`outgoing_session` connects, which is what stored providers get.
    """
    guard = _Guard(allow_loopback=settings.allow_insecure_mints)
    connector = TorConnector(
        settings,
        limit=0,
        ttl_dns_cache=_DNS_SECONDS,
        resolver=_CheckedResolver(guard, resolver or aiohttp.ThreadedResolver())
        if checked
        else resolver,
        socket_factory=guard.make_socket if checked else None,
    )
    timeout = aiohttp.ClientTimeout(
        total=settings.upstream_total_seconds,
        sock_connect=settings.upstream_connect_seconds,
    )
    return aiohttp.ClientSession(
        connector=connector,
        timeout=timeout,
        cookie_jar=aiohttp.DummyCookieJar(),
        trust_env=False,
        auto_decompress=False,
        skip_auto_headers=("User-Agent", "Accept", "Accept-Encoding"),
        max_line_size=HEAD_BYTES_MAX,
        max_field_size=HEAD_BYTES_MAX,
    )


def outgoing_session(
    settings: Settings,
    *,
    allow_loopback: bool = False,
    resolver: AbstractResolver | None = None,
) -> aiohttp.ClientSession:
    """A session that connects to public addresses only, and never follows a redirect.

    A refused address is a ``ClientConnectorError``: nothing was sent. ``allow_loopback`` is for
    mints on the developer's machine (``ALLOW_INSECURE_MINTS``). The time of a whole call is limited
    by ``MINT_OPERATION_TIMEOUT_SECONDS``; the size of an answer by whoever reads it.
    """
    guard = _Guard(allow_loopback=allow_loopback)
    connector = TorConnector(
        settings,
        limit=_OUTGOING_CONNECTIONS_MAX,
        keepalive_timeout=_KEEPALIVE_SECONDS,
        ttl_dns_cache=_DNS_SECONDS,
        resolver=_CheckedResolver(guard, resolver or aiohttp.ThreadedResolver()),
        socket_factory=guard.make_socket,
    )
    watch = aiohttp.TraceConfig()
    watch.on_request_redirect.append(_refuse_redirect)
    return aiohttp.ClientSession(
        connector=connector,
        timeout=aiohttp.ClientTimeout(
            total=settings.mint_operation_timeout_seconds, sock_connect=_CONNECT_SECONDS
        ),
        cookie_jar=aiohttp.DummyCookieJar(),
        headers={"User-Agent": "routstr", "Accept-Encoding": "identity"},
        trust_env=False,
        auto_decompress=False,
        trace_configs=[watch],
    )


async def _refuse_redirect(
    _session: aiohttp.ClientSession,
    _context: SimpleNamespace,
    _params: aiohttp.TraceRequestRedirectParams,
) -> NoReturn:
    raise RedirectRefused("a redirect is not followed")


@final
class _Guard:
    """Decides which addresses are connected to."""

    __slots__ = ("_allow_loopback",)

    def __init__(self, *, allow_loopback: bool) -> None:
        self._allow_loopback = allow_loopback

    def check(self, ip: str) -> None:
        """Raise ``ForbiddenAddress`` for an address that is not public."""
        check_public(ip, allow_loopback=self._allow_loopback)

    def make_socket(self, address: _SocketAddress) -> socket.socket:
        """The socket for one connection attempt: the last gate, which every address passes."""
        family, kind, protocol, _, place = address
        self.check(str(place[0]))
        return socket.socket(family, kind, protocol)


@final
class _CheckedResolver(AbstractResolver):
    """Leaves out the addresses that would be refused, and says so when none is left."""

    def __init__(self, guard: _Guard, inner: AbstractResolver) -> None:
        self._guard = guard
        self._inner = inner

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        if is_onion(host):  # gone through Tor already; asking DNS would tell the world (RFC 7686)
            raise ForbiddenAddress(f"{host} is reached through Tor only")
        allowed: list[ResolveResult] = []
        refusal: ForbiddenAddress | None = None
        for result in await self._inner.resolve(host, port, family):
            try:
                self._guard.check(result["host"])
            except ForbiddenAddress as error:
                refusal = error
            else:
                allowed.append(result)
        if not allowed and refusal is not None:
            raise refusal
        return allowed

    # the inner one is closed by whoever made it; a ThreadedResolver holds nothing
    async def close(self) -> None: ...
