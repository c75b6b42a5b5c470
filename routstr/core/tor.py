"""What is reached through Tor: connections through its SOCKS port, names asked of nobody but Tor.

Onion services always go this way; with ``TOR_ALL`` everything public does. The proxy gets names,
never addresses that were looked up here (socks5h), so that no name server learns of them; which
addresses are inner ones, an exit of Tor decides for itself (it refuses them).
"""

import errno
from typing import Any, Final, final
from urllib.parse import urlsplit

import aiohttp
from aiohttp import ClientRequest
from aiohttp.connector import Connection
from aiohttp.tracing import Trace

from routstr.core.addresses import ForbiddenAddress, is_public, literal_address
from routstr.core.settings import Settings

CONNECT_SECONDS: Final = 60.0
"""Longest wait for a connection through Tor: the circuit to an onion service is made first."""
_OWN: Final = (".local", ".localhost", ".internal", ".lan", ".home.arpa", ".localdomain")


def is_onion(host: str) -> bool:
    """Whether a name is an onion service's, which means nothing outside of Tor (RFC 7686)."""
    return host.rstrip(".").lower().endswith(".onion")


def is_own(host: str) -> bool:
    """Whether a name or address has a meaning only inside the operator's own network."""
    ip = literal_address(host)
    if ip is not None:
        return not is_public(ip)
    name = host.rstrip(".").lower()
    return "." not in name or name.endswith(_OWN)


@final
class TorConnector(aiohttp.TCPConnector):
    """Connects itself, and through Tor to what is reached that way.

    What keeps a direct connection from inner addresses is the caller's ``resolver`` and
    ``socket_factory``; inner hosts never go through Tor. A connection that could not be made is a
    ``ClientConnectorError``: nothing was sent.
    """

    def __init__(self, settings: Settings, **kept: Any) -> None:  # noqa: ANN401 - TCPConnector's
        """``kept``: what a ``TCPConnector`` takes; the limits hold for both ways, each."""
        super().__init__(**kept)
        self._proxy_url: Final = settings.tor_proxy_url
        self._all: Final = settings.tor_all
        self._kept: Final = {
            name: value for name, value in kept.items() if name in {"limit", "keepalive_timeout"}
        }
        self._tor: aiohttp.TCPConnector | None = None

    async def connect(
        self, req: ClientRequest, traces: list[Trace], timeout: aiohttp.ClientTimeout
    ) -> Connection:
        """A connection for a request, from the pool or a new one."""
        host = req.url.raw_host or ""
        if not is_onion(host) and not (self._all and not is_own(host)):
            return await super().connect(req, traces, timeout)
        patient = aiohttp.ClientTimeout(connect=timeout.connect, sock_connect=CONNECT_SECONDS)
        if not self._proxy_url:
            reason = ForbiddenAddress(f"{host} is reached through Tor only: set TOR_PROXY_URL")
            raise aiohttp.ClientConnectorError(req.connection_key, reason)
        through, failures = self._through(), _failures()
        try:
            return await through.connect(req, traces, patient)
        except aiohttp.ClientError:
            raise
        except failures as error:
            told = OSError(errno.EHOSTUNREACH, f"Tor: {str(error) or type(error).__name__}")
            raise aiohttp.ClientConnectorError(req.connection_key, told) from error

    async def close(self, *, abort_ssl: bool = False) -> None:
        """Close the connections of both ways."""
        await super().close(abort_ssl=abort_ssl)
        if self._tor is not None:
            await self._tor.close(abort_ssl=abort_ssl)

    def _through(self) -> aiohttp.TCPConnector:
        if self._tor is None:
            from aiohttp_socks import ProxyConnector  # noqa: PLC0415 - few nodes need it

            place = urlsplit(self._proxy_url)
            self._tor = ProxyConnector(
                host=place.hostname or "", port=place.port or 0, rdns=True, **self._kept
            )
        return self._tor


def _failures() -> tuple[type[Exception], ...]:
    from aiohttp_socks import (  # noqa: PLC0415 - few nodes need it
        ProxyConnectionError,
        ProxyError,
        ProxyTimeoutError,
    )

    return OSError, EOFError, ProxyConnectionError, ProxyError, ProxyTimeoutError
