"""One spelling for a mint's URL, so that a list of allowed mints can be compared with a token."""

from typing import Final
from urllib.parse import SplitResult, urlsplit

MAX_URL_CHARS: Final = 512
_DEFAULT_PORTS: Final = {"http": 80, "https": 443}


def normal_mint_url(text: str) -> str:
    """Return the URL with lower-case scheme and host, no default port and no trailing slash.

    Raises ValueError when it is no plain http(s) URL: credentials, a query, a fragment, spaces,
    control characters or letters beyond ASCII (use punycode) are refused. It says nothing about
    whether the address may be contacted.
    """
    if not 0 < len(text) <= MAX_URL_CHARS or not text.isascii():
        raise ValueError("a mint's URL is ASCII and not longer than 512 characters")
    if not text.isprintable() or set(text) & set(" \\<>\"'`{}|^@?#"):
        raise ValueError("a mint's URL has no spaces, credentials, query or fragment")
    parts = urlsplit(text)
    host, port = parts.hostname, parts.port  # both raise ValueError when malformed
    if parts.scheme not in _DEFAULT_PORTS or not host:
        raise ValueError("a mint's URL starts with https:// or http:// and a host name")
    place = f"[{host}]" if ":" in host else host
    if port not in (None, _DEFAULT_PORTS[parts.scheme]):
        place = f"{place}:{port}"
    return SplitResult(parts.scheme, place, parts.path.rstrip("/"), "", "").geturl()
