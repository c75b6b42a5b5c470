"""Payment requests: what a payer must send, as text (NUT-18 ``creqA``, NUT-26 ``creqB``). Pure.

Decoding takes text from strangers. It ends in a PaymentRequest or in InvalidPaymentRequest, within
bounded work.
"""

import re
from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Annotated, Any, Final

import cbor2
import msgspec
from msgspec import Meta, Struct, field

from routstr.wallet import bech32, cbor, payment_request_tlv
from routstr.wallet.bech32 import InvalidBech32, Variant
from routstr.wallet.cbor import InvalidCbor
from routstr.wallet.tlv import InvalidTlv

MAX_CHARS: Final = 10_000
MAX_AMOUNT: Final = (1 << 64) - 1

_PREFIX_A: Final = "creqA"
_PREFIX_B: Final = "creqb"
_BASE64: Final = re.compile(r"[A-Za-z0-9_-]+={0,2}")

Tag = Annotated[tuple[str, ...], Meta(min_length=1)]


class InvalidPaymentRequest(ValueError):
    """The text is no payment request, or the request cannot be written in this notation."""


class Transport(Struct, frozen=True, omit_defaults=True):
    """A way to send the payment: ``nostr`` to an npub or nprofile, ``post`` to a URL."""

    kind: str = field(name="t")
    target: str = field(name="a")
    tags: tuple[Tag, ...] = field(name="g", default=())


class Lock(Struct, frozen=True, omit_defaults=True):
    """The spending condition that the payment must carry (NUT-10): ``P2PK``, ``HTLC`` ..."""

    kind: str = field(name="k")
    data: str = field(name="d")
    tags: tuple[Tag, ...] = field(name="t", default=())


class PaymentRequest(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What to pay. ``amount`` is in ``unit``; None says that the payer chooses.

    No ``mints``: those of any mint will do. No ``transports``: in-band, as in the ``X-Cashu``
    header of the request that was refused (NUT-24).
    """

    id: str | None = field(name="i", default=None)
    amount: int | None = field(name="a", default=None)
    unit: str | None = field(name="u", default=None)
    single_use: bool | None = field(name="s", default=None)
    mints: tuple[str, ...] = field(name="m", default=())
    description: str | None = field(name="d", default=None)
    transports: tuple[Transport, ...] = field(name="t", default=())
    lock: Lock | None = field(name="nut10", default=None)


def decode(text: str) -> PaymentRequest:
    """Read a request in either notation. Raises InvalidPaymentRequest."""
    text = text.strip()
    if len(text) > MAX_CHARS:
        raise InvalidPaymentRequest(f"The payment request is longer than {MAX_CHARS} characters.")
    prefix = text[: len(_PREFIX_A)].lower()
    if prefix == _PREFIX_A.lower():
        return _request(_from_cbor(text[len(_PREFIX_A) :]))
    if prefix == _PREFIX_B:
        return _request(_from_bech32(text))
    raise InvalidPaymentRequest("A payment request starts with creqA or creqB.")


def encode_a(request: PaymentRequest) -> str:
    """Write a request as creqA, without padding. Raises InvalidPaymentRequest."""
    data = cbor2.dumps(_content(request))
    return _bounded(_PREFIX_A + urlsafe_b64encode(data).rstrip(b"=").decode("ascii"))


def encode_b(request: PaymentRequest) -> str:
    """Write a request as creqB, in the upper case that QR codes like.

    It knows the transports ``nostr`` and ``post`` and has short tags only. Raises
    InvalidPaymentRequest.
    """
    try:
        data = payment_request_tlv.write(_content(request))
    except InvalidTlv as error:
        raise InvalidPaymentRequest(f"It cannot be written as creqB: {error}.") from None
    return _bounded(bech32.encode(_PREFIX_B, data, Variant.BECH32M).upper())


def _from_cbor(text: str) -> object:
    text = text.replace("+", "-").replace("/", "_")  # some wallets write plain base64
    if not _BASE64.fullmatch(text):
        raise InvalidPaymentRequest("The payment request is not base64.")
    text = text.rstrip("=")
    try:
        return cbor.read(urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except InvalidCbor:
        raise InvalidPaymentRequest("The payment request is not CBOR.") from None
    except ValueError:
        raise InvalidPaymentRequest("The payment request is cut off.") from None


def _from_bech32(text: str) -> object:
    try:
        prefix, data = bech32.decode(text, Variant.BECH32M)
        if prefix == _PREFIX_B:
            return payment_request_tlv.read(data)
    except (InvalidBech32, InvalidTlv) as error:
        raise InvalidPaymentRequest(f"The payment request is broken: {error}.") from None
    raise InvalidPaymentRequest("A payment request starts with creqA or creqB.")


def _request(content: object) -> PaymentRequest:
    try:
        return _checked(msgspec.convert(content, PaymentRequest))
    except msgspec.ValidationError as error:
        raise InvalidPaymentRequest(f"The payment request is malformed: {error}.") from None


def _checked(request: PaymentRequest) -> PaymentRequest:
    """Check what both notations ask for, whoever made the request."""
    if request.amount is not None and not 0 <= request.amount <= MAX_AMOUNT:
        raise InvalidPaymentRequest("The amount of a payment request is from 0 to 2**64 - 1.")
    if request.amount is not None and request.unit is None:
        raise InvalidPaymentRequest("The payment request names an amount without its unit.")
    if request.unit == "" or "" in request.mints:
        raise InvalidPaymentRequest("The payment request has an empty unit or mint.")
    return request


def _content(request: PaymentRequest) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.to_builtins(_checked(request))
    return content


def _bounded(text: str) -> str:
    if len(text) > MAX_CHARS:
        raise InvalidPaymentRequest(f"The payment request is longer than {MAX_CHARS} characters.")
    return text
