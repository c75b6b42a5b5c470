"""Statements that the node signs: what it says of money can be held against it later.

A statement is a JSON object of strings, whole numbers, booleans, null, and lists and objects of
them, with its ``type`` and the node's public key inside. What is signed (BIP-340, Schnorr over
secp256k1) is a tagged hash of its canonical form: without ``signature``, names sorted, no
whitespace, UTF-8, as RFC 8785 has it for such values. The tag keeps these signatures apart from
those of Nostr events, which the same key may make.
"""

from collections.abc import Mapping
from hashlib import sha256
from typing import Any, Final, Protocol, final

import msgspec

from routstr.wallet.crypto import public_key, reduce_to_scalar, sign_schnorr, verify_schnorr

PURPOSE: Final = "statements"
"""Of the node's subkey that signs where there is no key on Nostr."""
_TAG: Final = sha256(b"routstr/statement/v1").digest()
_KEY_BYTES: Final = 32
_SIGNATURE_BYTES: Final = 64
_BYTES_MAX: Final = 16 * 1024**2


class BadStatement(ValueError):
    """This is no statement, or not as it was signed; the message says what is wrong."""


@final
class SigningKey:
    """A key that signs statements; it does not print."""

    __slots__ = ("__scalar", "pubkey")

    pubkey: str
    """The x coordinate of the public key, 64 hexadecimal digits, as on Nostr."""

    def __init__(self, scalar: bytes) -> None:
        """``scalar``: 32 bytes. Raises ``CurveError``."""
        self.__scalar = scalar
        self.pubkey = public_key(scalar)[1:].hex()

    @classmethod
    def derived(cls, subkey: bytes) -> "SigningKey":
        """The key of 32 random bytes."""
        return cls(reduce_to_scalar(subkey))

    def sign(self, facts: Mapping[str, Any]) -> dict[str, Any]:
        """Make a statement of these facts: with the public key and the signature."""
        told = {**facts, "pubkey": self.pubkey}
        return {**told, "signature": sign_schnorr(_digest(told), self.__scalar).hex()}

    def __repr__(self) -> str:
        return f"SigningKey({self.pubkey})"


class Signer(Protocol):
    """Knows the key that the node signs with."""

    async def key(self) -> SigningKey:
        """Return the node's key on Nostr, else the one that comes from its secret."""
        ...


def read(text: bytes) -> dict[str, Any]:
    """Read a statement. Raises :class:`BadStatement`."""
    if len(text) > _BYTES_MAX:
        raise BadStatement("it is too long")
    try:
        found = msgspec.json.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        raise BadStatement("it is not JSON") from None
    if not isinstance(found, dict):
        raise BadStatement("it is not a JSON object")
    return found


def verify(statement: Mapping[str, Any], *, kind: str = "", pubkey: str = "") -> None:
    """Make sure that a statement is as it was signed. Raises :class:`BadStatement`.

    ``kind``: what its ``type`` has to be. ``pubkey``: who has to have signed it, 64 hexadecimal
    digits; without it any key will do, and the reader has to know that it is the node's.
    """
    told = {name: value for name, value in statement.items() if name != "signature"}
    if kind and told.get("type") != kind:
        raise BadStatement(f"it is no {kind}")
    key = _bytes(told.get("pubkey"), _KEY_BYTES, "pubkey")
    signature = _bytes(statement.get("signature"), _SIGNATURE_BYTES, "signature")
    if pubkey and key.hex() != pubkey.lower():
        raise BadStatement(f"it is signed by {key.hex()}")
    if not verify_schnorr(_digest(told), signature, key):
        raise BadStatement("its signature does not belong to it")


def canonical(told: Mapping[str, Any]) -> bytes:
    """Write what is signed, without its signature."""
    return msgspec.json.encode(told, order="sorted")


def _digest(told: Mapping[str, Any]) -> bytes:
    return sha256(_TAG + _TAG + canonical(told)).digest()


def _bytes(value: object, length: int, name: str) -> bytes:
    try:
        found = bytes.fromhex(value) if isinstance(value, str) else b""
    except ValueError:
        found = b""
    if len(found) != length:
        raise BadStatement(f"its {name} is missing or no {2 * length} hexadecimal digits")
    return found
