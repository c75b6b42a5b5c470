"""Public prices of bitcoin in USD: where they are read, and how an answer becomes a decimal.

Every answer is untrusted: its size and its time are limited, redirects are not followed, digits
are read as written (never through a float), and whatever is wrong with one source is that source's
:class:`SourceFailed` and nobody else's.
"""

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from http import HTTPStatus
from typing import Final, Protocol, TypeAlias

import aiohttp
import msgspec

BYTES_MAX: Final = 65_536
USD_MIN: Final = Decimal(1)
USD_MAX: Final = Decimal(10**12)
_DIGITS_MAX: Final = 25

Step: TypeAlias = str | int


class SourceFailed(Exception):
    """A source gave no usable price; the message says why."""


@dataclass(frozen=True, slots=True)
class PriceSource:
    """One public ticker: its address, and the path to the price inside its JSON."""

    name: str
    url: str
    path: tuple[Step, ...]


SOURCES: Final = (
    PriceSource(
        "kraken",
        "https://api.kraken.com/0/public/Ticker?pair=XBTUSD",
        ("result", "XXBTZUSD", "c", 0),
    ),
    PriceSource("coinbase", "https://api.coinbase.com/v2/prices/BTC-USD/spot", ("data", "amount")),
    PriceSource(
        "binance", "https://api.binance.com/api/v3/ticker/price?symbol=BTCUSDT", ("price",)
    ),
    PriceSource("bitstamp", "https://www.bitstamp.net/api/v2/ticker/btcusd/", ("last",)),
    PriceSource("mempool", "https://mempool.space/api/v1/prices", ("USD",)),
)


class Fetch(Protocol):
    """Reads a URL: the port to the network."""

    async def __call__(self, url: str) -> bytes:
        """The body of a 200 answer; raises :class:`SourceFailed` for everything else."""
        ...


@dataclass(frozen=True, slots=True)
class HttpFetch:
    """:class:`Fetch` through the node's shared HTTP session."""

    session: aiohttp.ClientSession
    bytes_max: int = BYTES_MAX
    headers: Mapping[str, str] = field(default_factory=dict, repr=False)

    async def __call__(self, url: str) -> bytes:
        try:
            async with self.session.get(url, headers=self.headers, allow_redirects=False) as answer:
                if answer.status != HTTPStatus.OK:
                    raise SourceFailed(f"HTTP status {answer.status}")
                return await self._body(answer.content)
        except (aiohttp.ClientError, OSError, ValueError) as error:
            raise SourceFailed(f"{type(error).__name__}: {error}") from error

    async def _body(self, stream: aiohttp.StreamReader) -> bytes:
        body = bytearray()
        async for part in stream.iter_any():
            body += part
            if len(body) > self.bytes_max:
                raise SourceFailed(f"answer larger than {self.bytes_max} bytes")
        return bytes(body)


@dataclass(frozen=True, slots=True)
class Page:
    """One address that is read again and again; two of one address and key are equal."""

    fetch: HttpFetch
    url: str

    async def __call__(self) -> bytes:
        """The body; raises :class:`SourceFailed`."""
        return await self.fetch(self.url)


async def ask(source: PriceSource, fetch: Fetch, timeout_s: float) -> Decimal:
    """The source's price; :class:`SourceFailed` for any other outcome, also after the timeout."""
    try:
        async with asyncio.timeout(timeout_s):
            body = await fetch(source.url)
    except TimeoutError as error:
        raise SourceFailed(f"no answer within {timeout_s} s") from error
    return parse_price(body, source.path)


def parse_price(body: bytes, path: tuple[Step, ...]) -> Decimal:
    """Find the price in an answer; :class:`SourceFailed` when there is no sane one."""
    try:
        value = msgspec.json.Decoder(float_hook=Decimal).decode(body)
        for step in path:
            value = value[step]
    except (msgspec.DecodeError, ValueError, ArithmeticError, RecursionError) as error:
        raise SourceFailed(f"not valid JSON: {error}") from error
    except (LookupError, TypeError) as error:
        raise SourceFailed("the price is not where it should be") from error
    return _sane(value)


def _sane(value: object) -> Decimal:
    if isinstance(value, bool) or not isinstance(value, str | int | Decimal):
        raise SourceFailed("the price is not a number")
    try:
        price = Decimal(value)
    except (InvalidOperation, ValueError) as error:
        raise SourceFailed("the price is not a number") from error
    if not price.is_finite() or not USD_MIN <= price <= USD_MAX:
        raise SourceFailed("the price is out of all reason")
    if len(price.as_tuple().digits) > _DIGITS_MAX:
        raise SourceFailed("the price has too many digits")
    return price
