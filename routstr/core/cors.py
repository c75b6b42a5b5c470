"""Cross-origin rules, made once from ``CORS_ORIGINS``; for hot routes and the management API."""

from collections.abc import Iterable, Mapping
from typing import Final, final

from starlette.types import Scope

from routstr.core.rendering import Header, Reply

EXPOSED_HEADERS: Final = (
    "x-routstr-request-id",
    "x-cashu",
    "x-routstr-cost-msats",
    "x-routstr-cost-usd",
    "x-routstr-input-cost-msats",
    "x-routstr-output-cost-msats",
    "x-routstr-cache",
    "x-routstr-corrected",
    "x-routstr-max-tokens",
    "x-routstr-change",
    "x-routstr-unrefunded-msats",
    "retry-after",
    *(
        f"x-ratelimit-{what}-{metric}"
        for what in ("limit", "remaining", "reset")
        for metric in ("requests", "tokens")
    ),
    "idempotent-replayed",
    "ehbp-response-nonce",
    "ehbp-encapsulated-key",
)
_ALLOW_ORIGIN: Final = b"access-control-allow-origin"
_EXPOSE: Final[Header] = (b"access-control-expose-headers", ", ".join(EXPOSED_HEADERS).encode())
_VARY_ORIGIN: Final[Header] = (b"vary", b"Origin")
_PREFLIGHT: Final[tuple[Header, ...]] = (
    (b"access-control-allow-methods", b"GET, POST, PUT, PATCH, DELETE, OPTIONS"),
    (b"access-control-max-age", b"7200"),
    (b"vary", b"Access-Control-Request-Headers"),
    (b"content-length", b"0"),
)


@final
class Cors:
    """Which headers a browser's request gets.

    ``*`` never goes with ``allow-credentials``; a named origin may send credentials, and its
    answers vary by origin so that no cache gives one site's answer to another.
    """

    __slots__ = ("_any", "_by_origin", "_others")

    def __init__(self, origins: Iterable[str]) -> None:
        """``origins`` are ``scheme://host[:port]`` in lower case, or ``*``."""
        names = tuple(origins)
        self._any: list[Header] | None = None
        if "*" in names:
            self._any = [(_ALLOW_ORIGIN, b"*"), _EXPOSE]
        self._by_origin: Mapping[bytes, list[Header]] = {
            name.encode(): [
                (_ALLOW_ORIGIN, name.encode()),
                (b"access-control-allow-credentials", b"true"),
                _EXPOSE,
                _VARY_ORIGIN,
            ]
            for name in names
        }
        self._others: list[Header] = [_VARY_ORIGIN]

    def headers(self, origin: bytes | None) -> list[Header]:
        """Headers for a response; ``origin`` is the request's header. Do not change the list."""
        if self._any is not None:
            return self._any
        return self._by_origin.get(origin or b"", self._others)

    def allows(self, origin: bytes) -> bool:
        """Whether pages of an origin may ask; browsers do not check it for WebSockets."""
        return self._any is not None or origin in self._by_origin

    def preflight(self, scope: Scope) -> Reply | None:
        """The answer to a browser's question before the request; None when it is none.

        An origin that is not allowed gets no permission, which is the browser's cue to refuse.
        """
        if scope["method"] != "OPTIONS":
            return None
        asked: dict[bytes, bytes] = dict(scope["headers"])
        if b"origin" not in asked or b"access-control-request-method" not in asked:
            return None
        allowed = self.headers(asked[b"origin"])
        headers = [*allowed, *_PREFLIGHT]
        wanted = asked.get(b"access-control-request-headers")
        if wanted and allowed is not self._others:
            # repeated, because "*" would leave Authorization out
            headers.append((b"access-control-allow-headers", wanted))
        return Reply(204, tuple(headers), b"")
