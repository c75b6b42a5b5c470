"""Addresses that an outsider may name: one spelling for each, and which ones may be contacted."""

import errno
import ipaddress
import re
from typing import Final, TypeAlias
from urllib.parse import SplitResult, urlsplit

IPAddress: TypeAlias = ipaddress.IPv4Address | ipaddress.IPv6Address

_DEFAULT_PORTS: Final = {"http": 80, "https": 443}
_RELAY_SCHEMES: Final = {"ws": "http", "wss": "https"}
_PRINTABLE: Final = re.compile(r"[!-\[\]-~]+")  # ASCII without space and backslash
_NAME: Final = re.compile(r"(?=.{1,253}\Z)[a-z0-9_]([a-z0-9_.-]*[a-z0-9_])?\.?")
_URL_CHARS_MAX: Final = 512

_V6_GLOBAL: Final = ipaddress.IPv6Network("2000::/3")
_V4_REFUSED: Final = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # this network
        "10.0.0.0/8",  # private
        "100.64.0.0/10",  # carrier-grade NAT
        "127.0.0.0/8",  # loopback
        "169.254.0.0/16",  # link-local, cloud metadata
        "172.16.0.0/12",  # private
        "192.0.0.0/24",  # protocol assignments
        "192.0.2.0/24",  # documentation
        "192.88.99.0/24",  # 6to4 relays
        "192.168.0.0/16",  # private
        "198.18.0.0/15",  # benchmarks
        "198.51.100.0/24",  # documentation
        "203.0.113.0/24",  # documentation
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_V6_REFUSED: Final = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo, benchmarks, ORCHID
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4
        "3fff::/20",  # documentation
    )
)


class ForbiddenAddress(OSError):
    """The node does not connect to this address.

    An ``OSError``, so that an HTTP client treats it as a connection that could not be made.
    """

    def __init__(self, reason: str) -> None:
        super().__init__(errno.EACCES, reason)

    def __str__(self) -> str:
        return str(self.strerror)


def is_public(ip: IPAddress) -> bool:
    """Whether the address belongs to the public internet, and is not a disguise of another."""
    if isinstance(ip, ipaddress.IPv4Address):
        return not any(ip in network for network in _V4_REFUSED)
    # link-local, unique local, multicast, loopback and all embedded forms lie outside 2000::/3
    return (
        ip in _V6_GLOBAL
        and ip.scope_id is None
        and not any(ip in network for network in _V6_REFUSED)
    )


def check_public(ip: str | IPAddress, *, allow_loopback: bool = False) -> IPAddress:
    """The address, when the node may connect to it; else :class:`ForbiddenAddress`.

    ``allow_loopback`` lets 127.0.0.0/8 and ::1 through, for a mint on the developer's machine.
    """
    try:
        address = ipaddress.ip_address(ip)
    except ValueError:
        raise ForbiddenAddress(f"not an IP address: {ip!r}") from None
    if is_public(address) or (allow_loopback and is_loopback(address)):
        return address
    raise ForbiddenAddress(f"{address} is not a public address")


def is_loopback(ip: IPAddress) -> bool:
    """127.0.0.0/8 and ::1; a v4-mapped form is not accepted as either."""
    return ip.is_loopback and getattr(ip, "ipv4_mapped", None) is None


def literal_address(host: str) -> IPAddress | None:
    """The address that a URL's host is, or None when it is a name."""
    try:
        return ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return None


def network(address: str) -> str:
    """What a client is told apart by: of version 6 the network of 64 bits, which it has whole.

    What is no address stands for itself.
    """
    ip = literal_address(address)
    if isinstance(ip, ipaddress.IPv6Address):
        mapped = ip.ipv4_mapped
        return str(mapped or ipaddress.IPv6Network((int(ip), 64), strict=False))
    return address


def split_http_url(url: str) -> SplitResult:
    """Parse an absolute http(s) URL strictly: ``ValueError`` says what is wrong with it.

    Refused: other schemes, no host, a user or password, white space, control and non-ASCII
    characters (write such a host in punycode), a backslash, a bad port.
    """
    if len(url) > _URL_CHARS_MAX or not _PRINTABLE.fullmatch(url):
        raise ValueError("must be a URL in plain ASCII without spaces")
    parts = urlsplit(url)
    if parts.scheme not in _DEFAULT_PORTS or not parts.hostname:
        raise ValueError("must be an http:// or https:// URL with a host")
    if "@" in parts.netloc:
        raise ValueError("must not hold a user name or password")
    literal = literal_address(parts.hostname)
    in_brackets = "[" in parts.netloc
    if in_brackets != isinstance(literal, ipaddress.IPv6Address) or "%" in parts.netloc:
        raise ValueError("must have a valid address")
    if literal is None and not _NAME.fullmatch(parts.hostname):
        raise ValueError("must have a valid host name")
    if parts.port == 0:  # reading it raises ValueError when it is no port number
        raise ValueError("must have a valid port")
    return parts


def normalise_url(url: str) -> str:
    """One spelling per address: lower-case scheme and host, no default port, no final slash.

    ``ValueError`` for what :func:`split_http_url` refuses, and for a query or a fragment.
    """
    parts = split_http_url(url)
    if "?" in url or "#" in url:
        raise ValueError("must have neither a query nor a fragment")
    host = parts.hostname or ""
    if ":" in host:
        host = f"[{literal_address(host)}]"
    if parts.port is not None and parts.port != _DEFAULT_PORTS[parts.scheme]:
        host = f"{host}:{parts.port}"
    return f"{parts.scheme}://{host}{parts.path.rstrip('/')}"


def normalise_mint_url(url: str) -> str:
    """The spelling by which this node knows a mint: :func:`normalise_url`, spaces around cut.

    Used for settings and for the mint that a token names, so that both meet.
    """
    return normalise_url(url.strip(" "))


def check_mint_url(url: str, *, allow_insecure: bool) -> None:
    """Refuse (``ValueError``) a normalised mint URL that must not be contacted.

    https is always fine, http only for ``.onion`` (Tor encrypts) or, when ``allow_insecure`` is
    set for development, on this machine. A literal address must be public.
    """
    parts = split_http_url(url)
    host = parts.hostname or ""
    address = literal_address(host)
    local = host == "localhost" or (address is not None and is_loopback(address))
    if local and allow_insecure:
        return
    if local or (address is not None and not is_public(address)):
        raise ValueError("must be a public address (ALLOW_INSECURE_MINTS permits this machine)")
    if parts.scheme != "https" and not host.endswith(".onion"):
        raise ValueError("must be https:// (http:// only for .onion)")


def relay_url(text: str, *, allow_insecure: bool = False) -> str:
    """One spelling of a Nostr relay's address. Raises ``ValueError``.

    ``wss://`` always; ``ws://`` for onion services, and with ``allow_insecure`` on this machine.
    """
    scheme, separator, rest = text.strip().partition("://")
    http = _RELAY_SCHEMES.get(scheme.lower())
    if not separator or http is None:
        raise ValueError("must be the address of a relay (wss://relay.example.com)")
    url = normalise_url(f"{http}://{rest}")
    try:
        check_mint_url(url, allow_insecure=allow_insecure)
    except ValueError as error:
        raise ValueError(str(error).replace("http", "ws")) from None
    return url.replace("http", "ws", 1)
