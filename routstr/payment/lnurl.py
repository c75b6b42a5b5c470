"""Asking somebody's Lightning address for an invoice (LNURL: LUD-01, 06, 16, 17).

Whoever has a balance here names the server that is asked, so it is treated as hostile: only https
to public addresses (the session checks each connection), no redirects, small answers, little time.
What it says about the amount is checked against the invoice itself.
"""

import hashlib
import re
from dataclasses import dataclass
from http import HTTPStatus
from typing import Annotated, Final, TypeVar
from urllib.parse import urlsplit

import aiohttp
import msgspec
from yarl import URL

from routstr.core.addresses import check_mint_url, split_http_url
from routstr.core.clock import Clock
from routstr.errors import LightningAddressRefused
from routstr.money import MAX_MSAT, MSAT_PER_SAT, Msat
from routstr.wallet import bech32
from routstr.wallet.bech32 import InvalidBech32, Variant
from routstr.wallet.bolt11 import Bolt11, InvalidInvoice, decode
from routstr.wallet.mint_errors import printable

CALL_SECONDS_MAX: Final = 10.0
ANSWER_BYTES_MAX: Final = 64 * 1024
ADDRESS_CHARS_MAX: Final = 512
_CHUNK_BYTES: Final = 8 * 1024
_ADDRESS: Final = re.compile(r"([a-z0-9_.+-]{1,64})@([a-z0-9.-]{1,253}(?::[0-9]{1,5})?)")
_HEADERS: Final = {"Accept": "application/json", "Accept-Encoding": "identity"}
_LOCAL: Final = frozenset({"localhost", "127.0.0.1", "::1"})
_NOT_AS_AGREED: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)

AnswerT = TypeVar("AnswerT")
_Amount = Annotated[int, msgspec.Meta(ge=0, le=MAX_MSAT)]


@dataclass(frozen=True, slots=True)
class PayOffer:
    """What an address takes: between ``least`` and ``most``; asked for at ``callback``."""

    callback: str
    least: Msat
    most: Msat
    metadata_hash: bytes


class _PayJson(msgspec.Struct):
    """Pay parameters (LUD-06). Amounts are msat."""

    tag: str
    callback: str
    least: _Amount = msgspec.field(name="minSendable")
    most: _Amount = msgspec.field(name="maxSendable")
    metadata: str


class _InvoiceJson(msgspec.Struct):
    """The callback's answer."""

    pr: str


class _ErrorJson(msgspec.Struct):
    """What is said instead of an answer (LUD-01)."""

    status: str = ""
    reason: str = ""


def pay_url(address: str, *, allow_local: bool = False) -> str:
    """Return the URL of an address's pay parameters: ``name@host``, LNURL1..., ``lnurlp://``.

    Raises :class:`LightningAddressRefused` for anything else and for an address that is not
    public. ``allow_local`` permits this machine, by plain http, for development.
    """
    text = address.strip()
    if len(text) > ADDRESS_CHARS_MAX:
        raise LightningAddressRefused("The Lightning address is too long.")
    if text[:10].lower() == "lightning:":
        text = text[10:]
    if match := _ADDRESS.fullmatch(text.lower()):
        url = f"{_scheme(match[2], allow_local=allow_local)}://{match[2]}/.well-known/lnurlp/"
        return _checked(url + match[1], allow_local=allow_local)
    if text[:9].lower() == "lnurlp://":
        rest = text[9:]
        url = f"{_scheme(re.split('[/?]', rest)[0], allow_local=allow_local)}://{rest}"
        return _checked(url, allow_local=allow_local)
    if text[:6].lower() == "lnurl1":
        return _checked(_from_bech32(text), allow_local=allow_local)
    raise LightningAddressRefused("This is neither a Lightning address nor an LNURL.")


class Lnurl:
    """Asks for pay parameters and invoices."""

    def __init__(
        self, session: aiohttp.ClientSession, clock: Clock, *, allow_local: bool = False
    ) -> None:
        """``session`` connects to public addresses only (``core.http.outgoing_session``)."""
        self._session = session
        self._clock = clock
        self._allow_local = allow_local

    def check(self, address: str) -> None:
        """Raise :class:`LightningAddressRefused` for what cannot be asked; asks nobody."""
        pay_url(address, allow_local=self._allow_local)

    async def offer(self, address: str) -> PayOffer:
        """Ask what an address takes; :class:`LightningAddressRefused` when it cannot be paid."""
        answer = await self._get(pay_url(address, allow_local=self._allow_local), _PayJson)
        if answer.tag != "payRequest":
            raise LightningAddressRefused("The address is not one to pay to.")
        if not 0 < answer.most >= answer.least:
            raise LightningAddressRefused("The address takes no amount at all.")
        callback = _checked(answer.callback, allow_local=self._allow_local)
        digest = hashlib.sha256(answer.metadata.encode()).digest()
        return PayOffer(callback, Msat(answer.least), Msat(answer.most), digest)

    async def invoice(self, offer: PayOffer, sats: int) -> str:
        """Ask for an invoice of exactly this amount, and check that it is one."""
        amount = sats * MSAT_PER_SAT
        joint = "&" if "?" in offer.callback else "?"
        answer = await self._get(f"{offer.callback}{joint}amount={amount}", _InvoiceJson)
        bolt11 = answer.pr.strip().lower().removeprefix("lightning:")
        try:
            invoice = decode(bolt11)
        except InvalidInvoice:
            raise LightningAddressRefused("The address answered with no valid invoice.") from None
        self._check(invoice, amount, offer)
        return bolt11

    def _check(self, invoice: Bolt11, amount: int, offer: PayOffer) -> None:
        if invoice.amount is None or int(invoice.amount) != amount:
            raise LightningAddressRefused("The address answered with an invoice of another amount.")
        if invoice.description_hash not in (None, offer.metadata_hash):
            raise LightningAddressRefused(
                "The address answered with an invoice for something else."
            )
        if invoice.expires_at * 1_000 <= self._clock.now_ms():
            raise LightningAddressRefused("The address answered with an invoice that has expired.")

    async def _get(self, url: str, answer: type[AnswerT]) -> AnswerT:
        try:
            body = await self._read(url)
        except (aiohttp.ClientError, OSError):  # TimeoutError is an OSError
            # the library's words may name inner addresses: they are not told
            raise LightningAddressRefused("The address's server cannot be reached.") from None
        try:
            return msgspec.json.decode(body, type=answer)
        except _NOT_AS_AGREED:
            raise LightningAddressRefused(_reason(body)) from None

    async def _read(self, url: str) -> bytes:
        limits = aiohttp.ClientTimeout(total=CALL_SECONDS_MAX)
        async with self._session.get(
            URL(url, encoded=True), headers=_HEADERS, timeout=limits, allow_redirects=False
        ) as response:
            if response.status != HTTPStatus.OK:
                raise LightningAddressRefused("The address's server knows no such address.")
            if response.headers.get("Content-Encoding", "identity") != "identity":
                raise LightningAddressRefused("The address's server does not answer as agreed.")
            body = bytearray()
            async for chunk in response.content.iter_chunked(_CHUNK_BYTES):
                body += chunk
                if len(body) > ANSWER_BYTES_MAX:
                    raise LightningAddressRefused("The address's server answers with too much.")
            return bytes(body)


def _reason(body: bytes) -> str:
    """Repeat the server's own reason, made fit for showing, if it gives one."""
    try:
        error = msgspec.json.decode(body, type=_ErrorJson)
    except _NOT_AS_AGREED:
        error = _ErrorJson()
    if error.status.upper() == "ERROR" and error.reason:
        return f"The address's server refused: {printable(error.reason)}"
    return "The address's server does not answer as agreed."


def _scheme(place: str, *, allow_local: bool) -> str:
    try:
        host = urlsplit(f"//{place}").hostname
    except ValueError:
        host = None
    return "http" if allow_local and host in _LOCAL else "https"


def _from_bech32(text: str) -> str:
    try:
        prefix, data = bech32.decode(text, Variant.BECH32)
        url = data.decode("ascii")
    except (InvalidBech32, UnicodeDecodeError):
        raise LightningAddressRefused("The LNURL is damaged.") from None
    if prefix != "lnurl":
        raise LightningAddressRefused("The LNURL is damaged.")
    return url


def _checked(url: str, *, allow_local: bool) -> str:
    """Return a URL that may be asked: https, public as far as it shows, not an onion service."""
    if "#" in url:
        raise LightningAddressRefused("The address's URL must not have a fragment.")
    try:
        check_mint_url(url, allow_insecure=allow_local)
        host = split_http_url(url).hostname or ""
    except ValueError as error:
        raise LightningAddressRefused(f"The address's URL {error}.") from None
    if host.rstrip(".").endswith(".onion"):
        raise LightningAddressRefused(
            "The address is reached through Tor only, which is not set up."
        )
    return url
