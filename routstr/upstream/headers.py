"""Which headers pass, both ways: only what is listed here.

To the provider go, of the client's headers, :data:`FORWARDED` and what ``FORWARD_HEADERS`` adds.
Its credentials, cookies, addresses and user agent never do, nor does anything that belongs to the
connection (RFC 9110 section 7.6.1), be it listed or named by ``Connection``. Of ``Anthropic-Beta``
those names stay here that make a request dearer than its quote. To the client go
:data:`RETURNED`: how long to wait and how long it took. A provider's cookies, quotas, account and
request ids stay here.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Final

from multidict import CIMultiDict, CIMultiDictProxy, istr

RawHeaders = Sequence[tuple[bytes, bytes]]

FORWARDED: Final = (
    "Accept",
    "OpenAI-Beta",
    "Anthropic-Beta",
    "Anthropic-Version",
    "HTTP-Referer",
    "X-Title",
    "traceparent",
    "tracestate",
)
"""Content-Type belongs to the list too: bodies are written anew, so it is always JSON's."""

RETURNED: Final = (
    istr("Retry-After"),
    istr("Retry-After-Ms"),
    istr("OpenAI-Processing-Ms"),
)

_BETAS: Final = b"anthropic-beta"
_DEARER_BETAS: Final = ("context-1m", "extended-cache-ttl", "fast-mode")
"""How names of features begin that have a price of their own: long contexts, caches, speed."""

_CONNECTION: Final = (
    "connection",
    "expect",
    "http2-settings",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
)
_BODY: Final = ("accept-encoding", "content-encoding", "content-length", "content-type", "host")
_CREDENTIALS: Final = (
    "api-key",
    "authorization",
    "cookie",
    "cookie2",
    "x-api-key",
    "x-cashu",
    "x-goog-api-key",
)
_WHEREABOUTS: Final = (
    "client-ip",
    "fastly-client-ip",
    "forwarded",
    "origin",
    "referer",
    "true-client-ip",
    "via",
    "x-client-ip",
    "x-cluster-client-ip",
    "x-real-ip",
)
_NEVER: Final = frozenset((*_CONNECTION, *_BODY, *_CREDENTIALS, *_WHEREABOUTS))
_NEVER_PREFIXES: Final = ("cf-", "proxy-", "sec-", "x-forwarded-")
_MADE_MAX: Final = 64
_MADE_BYTES_MAX: Final = 512
"""Of headers that are kept made: what is longer is hardly sent twice."""
_KEPT_ALIVE: Final = frozenset({b"keep-alive", b"close", b""})


class RequestHeaders:
    """Builds the headers of requests to one provider."""

    __slots__ = ("_allowed", "_base", "_looked_at", "_made")

    def __init__(self, base: CIMultiDictProxy[str], extra: Iterable[str] = ()) -> None:
        """``extra`` is ``FORWARD_HEADERS``. Raises :class:`ValueError` naming one that may not."""
        self._base: Final = base
        self._allowed: Final[Mapping[bytes, istr]] = {
            name.lower().encode(): istr(name) for name in (*FORWARDED, *map(_checked, extra))
        }
        self._looked_at: Final = frozenset({*self._allowed, b"connection"})
        self._made: Final[dict[tuple[tuple[bytes, bytes], ...], CIMultiDict[str]]] = {}

    def shared(self, received: RawHeaders) -> CIMultiDict[str]:
        """The same as :meth:`build`, for who changes nothing in it: clients repeat themselves."""
        looked_at = self._looked_at
        told = tuple([field for field in received if field[0] in looked_at])
        made = self._made.get(told)
        if made is None:
            made = self.build(told)
            if len(self._made) >= _MADE_MAX:
                self._made.clear()
            if sum(len(value) for _, value in told) <= _MADE_BYTES_MAX:
                self._made[told] = made
        return made

    def build(self, received: RawHeaders) -> CIMultiDict[str]:
        """The provider's own headers and those of the client's (names in lower case) that pass."""
        headers = self._base.copy()
        allowed = self._allowed
        for name, value in received:
            if name in allowed:
                text = value.decode("utf-8", "surrogateescape")
                if name == _BETAS:
                    text = _without_dearer(text)
                if text and text.isprintable():  # no control characters, nothing but UTF-8
                    headers[allowed[name]] = text
            elif name == b"connection" and value.lower() not in _KEPT_ALIVE:
                named = {token.strip() for token in value.lower().split(b",")} | {b"connection"}
                return self.build([field for field in received if field[0] not in named])
        return headers


def _without_dearer(betas: str) -> str:
    names = [name.strip() for name in betas.split(",")]
    return ",".join(name for name in names if not name.lower().startswith(_DEARER_BETAS))


def _checked(name: str) -> str:
    lower = name.lower()
    if lower in _NEVER or lower.startswith(_NEVER_PREFIXES):
        raise ValueError(
            f"FORWARD_HEADERS: {name!r} is never passed to a provider; it belongs to the "
            "connection or tells who the client is"
        )
    return name


def returned(headers: CIMultiDictProxy[str]) -> list[tuple[bytes, bytes]]:
    """The provider's headers that the client may see."""
    return [
        (name.lower().encode(), headers[name].encode("utf-8"))
        for name in RETURNED
        if name in headers
    ]
