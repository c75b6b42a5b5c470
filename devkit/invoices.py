"""Lightning invoices (BOLT 11) as any wallet would make them: signed, and paid by nobody.

A mint's fake backend pays them as it pays any invoice.
"""

import hashlib
import os
from collections.abc import Sequence
from typing import Final

import coincurve

from routstr.core.clock import SystemClock
from routstr.wallet import bech32
from routstr.wallet.bech32 import Variant

_HASH, _SECRET, _DESCRIPTION, _DESCRIPTION_HASH, _EXPIRY = 1, 16, 13, 23, 6
_TIME_WORDS: Final = 7
_NOTHING: Final = 24  # min_final_cltv_expiry: filled up with zeros


def make_invoice(
    amount_msat: int, *, description_hash: bytes | None = None, expiry_s: int = 3_600
) -> str:
    """Make an invoice for an amount, with a payment hash of its own."""
    prefix = f"lnbc{amount_msat * 10}p"
    words = [
        *_number(SystemClock().now_ms() // 1_000, _TIME_WORDS),
        *_field(_HASH, _words(hashlib.sha256(os.urandom(32)).digest())),
        *_field(_SECRET, _words(os.urandom(32))),
        *_field(_EXPIRY, _number(expiry_s, 4)),
    ]
    if description_hash is None:
        words += _field(_DESCRIPTION, _words(b"coffee"))
    else:
        words += _field(_DESCRIPTION_HASH, _words(description_hash))
    # the words must fill whole bytes, also with the signature behind them
    words += _field(_NOTHING, _number(18, 2 + -(len(words) + 5) % 8))
    signed = _bytes(words)
    key = coincurve.PrivateKey(b"\x11" * 32)
    digest = hashlib.sha256(prefix.encode() + signed).digest()
    signature = key.sign_recoverable(digest, hasher=None)
    return bech32.encode(prefix, signed + signature, Variant.BECH32)


def _field(tag: int, words: Sequence[int]) -> list[int]:
    return [tag, *_number(len(words), 2), *words]


def _number(value: int, words: int) -> list[int]:
    return [value >> 5 * place & 31 for place in reversed(range(words))]


def _words(data: bytes) -> list[int]:
    bits = len(data) * 8
    padded = -(-bits // 5)
    return _number(int.from_bytes(data) << (padded * 5 - bits), padded)


def _bytes(words: Sequence[int]) -> bytes:
    value = 0
    for word in words:
        value = value << 5 | word
    return value.to_bytes(len(words) * 5 // 8)
