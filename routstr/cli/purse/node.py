"""A node as a client meets it: a request, its answer, and what the answer says of money."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from typing import Any, Final

import aiohttp
import msgspec
from msgspec import Struct

from routstr.core.addresses import is_loopback, literal_address, normalise_url, split_http_url
from routstr.wallet.payment_request import InvalidPaymentRequest, decode

HEADER: Final = "X-Cashu"
PENDING: Final = "X-Routstr-Change"
ANSWER_BYTES_MAX: Final = 64 * 1024**2
_DIGITS_MAX: Final = 19
_PLAIN: Final = {"Accept-Encoding": "identity", "User-Agent": "routstr-pay"}


class Unpayable(ValueError):
    """What was asked for cannot be paid; the message says why."""


class Demand(Struct, frozen=True):
    """What a 402 asks for: a token of ``amount`` in ``unit`` of one of ``mints`` (NUT-24)."""

    amount: int
    unit: str
    mints: tuple[str, ...]


class Answer(Struct, frozen=True):
    """A whole answer; ``token`` is what its X-Cashu header holds."""

    status: int
    body: bytes
    token: str
    cost_msat: int | None

    @property
    def data(self) -> Mapping[str, Any]:
        """The body as JSON, when it is an object."""
        try:
            found = msgspec.json.decode(self.body)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        return found if isinstance(found, dict) else {}

    @property
    def problem(self) -> str:
        """The message of an error; empty when it is none."""
        error = self.data.get("error")
        said = str(error.get("message") or "") if isinstance(error, dict) else ""
        # a terminal shows it: nothing that it would obey
        words = " ".join("".join(c if c.isprintable() else " " for c in said).split())
        failed = self.status >= HTTPStatus.BAD_REQUEST
        return words or (f"HTTP status {self.status}" if failed else "")

    @property
    def demand(self) -> Demand:
        """What this 402 asks for. Raises :class:`Unpayable`."""
        text = self.token or str(self.data.get("payment_request") or "")
        if not text:
            raise Unpayable(self.problem or "the node does not say what it wants")
        try:
            request = decode(text)
        except InvalidPaymentRequest as error:
            raise Unpayable(f"the node's payment request is broken: {error}") from None
        if request.amount is None or request.unit is None or request.lock is not None:
            raise Unpayable("the node wants something that this purse cannot make")
        return Demand(request.amount, request.unit, request.mints)


def checked_address(url: str) -> str:
    """A node's address in one spelling; tokens go over TLS, to this machine, or to an onion.

    Raises :class:`Unpayable`.
    """
    try:
        normal = normalise_url(url.strip().rstrip("/").removesuffix("/v1"))
    except ValueError as error:
        raise Unpayable(f"the node's address {error}") from None
    parts = split_http_url(normal)
    host = parts.hostname or ""
    literal = literal_address(host)
    local = host == "localhost" or (literal is not None and is_loopback(literal))
    if parts.scheme != "https" and not local and not host.endswith(".onion"):
        raise Unpayable("the node's address is without TLS: everybody on the way could take tokens")
    return normal


class Nodes:
    """Asks nodes. ``session`` is closed by whoever made it."""

    def __init__(self, session: aiohttp.ClientSession) -> None:
        self._session: Final = session

    async def ask(
        self, method: str, url: str, body: bytes | None = None, *, token: str = ""
    ) -> Answer:
        """One request and its whole answer. Raises ``aiohttp.ClientError`` and ``OSError``."""
        async with self.asking(method, url, body, token=token) as response:
            read = bytearray()
            async for part in response.content.iter_any():
                read += part
                if len(read) > ANSWER_BYTES_MAX:
                    raise aiohttp.ClientPayloadError("the answer is too large")
            return answer_of(response, bytes(read))

    @asynccontextmanager
    async def asking(
        self, method: str, url: str, body: bytes | None = None, *, token: str = ""
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """One request whose answer is read as it comes."""
        headers = {**_PLAIN, "Content-Type": "application/json"} if body else dict(_PLAIN)
        if token:
            headers[HEADER] = token
        async with self._session.request(
            method, url, data=body, headers=headers, allow_redirects=False
        ) as response:
            yield response


def answer_of(response: aiohttp.ClientResponse, body: bytes = b"") -> Answer:
    """An answer, as far as its body was read."""
    return Answer(
        response.status,
        body,
        response.headers.get(HEADER, ""),
        cost_of(response.headers.get("X-Routstr-Cost-Msats", "")),
    )


def cost_of(header: str) -> int | None:
    """A cost in msat; None for what is none."""
    plain = header.isascii() and header.isdigit() and len(header) <= _DIGITS_MAX
    return int(header) if plain else None
