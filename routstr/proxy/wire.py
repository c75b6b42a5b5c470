"""What arrives from a client, bounded before anything looks at it.

The server in front accepts heads of 100 kB and bodies without end, and waits for them for ever;
these limits are the node's own. Whoever exceeds one is answered and the connection is closed.
"""

from collections.abc import Callable, Sequence
from itertools import chain
from time import monotonic
from typing import Final

from msgspec import Struct
from starlette.types import Receive

from routstr.core.middleware import RequestLimits
from routstr.errors import (
    BodyTimeout,
    BodyTooLarge,
    HeadersTooLarge,
    RequestError,
    UnsupportedBody,
)
from routstr.upstream.deadlines import Deadlines

_ONCE: Final = (
    b"authorization",
    b"content-encoding",
    b"content-length",
    b"idempotency-key",
    b"x-cashu",
    b"x-max-cost-msat",
    b"x-routstr-fit-balance",
    b"x-routstr-model-path",
)
_BROUGHT: Final = (
    b"x-cashu",
    b"idempotency-key",
    b"key-expiry-time",
    b"refund-lnurl",
    b"x-max-cost-msat",
    b"x-routstr-fit-balance",
    b"x-routstr-model-path",
)
"""The headers of :class:`Credentials` beside ``Authorization``, in the order of its fields."""
_RARE: Final = frozenset(_BROUGHT)
BODY_IDLE_SECONDS: Final = 30.0
BODY_TOTAL_SECONDS: Final = 300.0
"""How long a client may be silent inside its request, and take for all of it."""

_UNENCODED: Final = frozenset({b"", b"identity"})


class ClientGone(Exception):
    """The client hung up before it had sent its request. Nothing was done for it."""


class Credentials(Struct, frozen=True, gc=False):
    """What a request brings to pay with: ``Authorization`` and ``X-Cashu``; None where absent.

    ``Idempotency-Key`` means something only together with them. ``Key-Expiry-Time`` and
    ``Refund-LNURL`` are terms of the key that a token becomes which is sent for the first time.
    ``X-Max-Cost-Msat`` and ``X-Routstr-Fit-Balance`` say how much may be paid with them,
    ``X-Routstr-Model-Path`` to whose provider.
    """

    authorization: str | None = None
    x_cashu: str | None = None
    idempotency_key: str | None = None
    key_expiry_time: str | None = None
    refund_lnurl: str | None = None
    max_cost: str | None = None
    fit_balance: str | None = None
    model_path: str | None = None

    def __repr__(self) -> str:
        return "Credentials()"  # they are secrets


_NONE: Final = Credentials()


class Head:
    """The request headers that the node itself reads."""

    __slots__ = ("content_length", "credentials", "encoding", "origin")

    def __init__(self) -> None:
        self.credentials = _NONE
        self.content_length = 0
        self.encoding = b""
        self.origin: bytes | None = None

    def read(self, headers: Sequence[tuple[bytes, bytes]], limits: RequestLimits) -> None:
        """Pick what is needed, then check size and number. Names are in lower case (ASGI)."""
        found = dict(headers)
        self.origin = found.get(b"origin")
        size = sum(map(len, chain.from_iterable(headers)))
        if len(headers) > limits.header_count or size > limits.header_bytes:
            raise HeadersTooLarge(
                f"More than {limits.header_count} headers or {limits.header_bytes} bytes of them "
                "are not accepted."
            )
        if len(found) != len(headers):
            _refuse_twice(headers)
        authorization = _text(found.get(b"authorization"))
        if authorization is None and (key := _text(found.get(b"x-api-key"))):
            authorization = f"Bearer {key}"  # as Anthropic's clients send it
        if _RARE.isdisjoint(found):
            self.credentials = Credentials(authorization)
        else:
            self.credentials = Credentials(authorization, *map(_text, map(found.get, _BROUGHT)))
        encoding = found.get(b"content-encoding")
        self.encoding = encoding.strip().lower() if encoding else b""
        length = found.get(b"content-length", b"0")
        if not length.isdigit():
            raise RequestError("Content-Length is not a number.")
        self.content_length = int(length[:20])


def _text(value: bytes | None) -> str | None:
    return None if value is None else value.decode("latin-1").strip()


def _refuse_twice(headers: Sequence[tuple[bytes, bytes]]) -> None:
    """Two credentials or two lengths in one head: whichever is meant, one reader is wrong."""
    for name in _ONCE:
        if len({value for key, value in headers if key == name}) > 1:
            raise RequestError(f"The header {name.decode()!r} was sent twice.")


async def read_body(
    receive: Receive,
    head: Head,
    limits: RequestLimits,
    deadlines: Deadlines,
    *,
    idle_s: float = BODY_IDLE_SECONDS,
    arrived: Callable[[], bytes | None] | None = None,
) -> bytes:
    """The whole body as it was sent. Raises :class:`ClientGone` when it never comes whole.

    ``arrived`` is the server's, where it can tell at once that all of it is there.
    """
    if head.encoding not in _UNENCODED:
        raise UnsupportedBody("Send the body without Content-Encoding.")
    if head.content_length > limits.body_bytes:
        raise _too_large(limits)
    if arrived is not None and (whole := arrived()) is not None:
        return _within(whole, limits)
    try:
        with deadlines.within(idle_s) as deadline:
            deadline.shorten(BODY_TOTAL_SECONDS)
            message = await receive()
            if message["type"] == "http.request" and not message.get("more_body", False):
                return _within(message.get("body", b""), limits)
            pieces = bytearray()
            while message["type"] == "http.request":
                pieces += message.get("body", b"")
                if len(pieces) > limits.body_bytes:
                    raise _too_large(limits)
                if not message.get("more_body", False):
                    return bytes(pieces)
                deadline.due = monotonic() + idle_s
                message = await receive()
    except TimeoutError:
        raise BodyTimeout from None
    raise ClientGone


def _within(body: bytes, limits: RequestLimits) -> bytes:
    if len(body) > limits.body_bytes:
        raise _too_large(limits)
    return body


def _too_large(limits: RequestLimits) -> BodyTooLarge:
    return BodyTooLarge(f"Bodies of more than {limits.body_bytes} bytes are not accepted.")
