"""Keys that lock a mint quote to this wallet, and signatures with them (NUT-20). Pure.

Whoever knows the id of a paid quote could take its ecash; the mint gives that of a locked one only
for a signature. A quote's key follows from the wallet's seed and a number of 62 random bits which
is stored with the quote: it is there again after a restart, and no two instances share one.
"""

import hmac
import secrets
from collections.abc import Sequence
from hashlib import sha256
from typing import Final

from routstr.wallet.crypto import public_key, reduce_to_scalar, sign_schnorr
from routstr.wallet.proofs import PreparedOutput

INDEX_BITS: Final = 62  # fits a signed column
_DOMAIN: Final = b"routstr/nut-20/v1"
_MESSAGE_DOMAIN: Final = b"Cashu_MintQuoteSig_v1"


def new_index() -> int:
    """Draw the number of a new quote's key."""
    return secrets.randbits(INDEX_BITS)


def locking_key(seed: bytes, index: int) -> str:
    """Return the public key to lock a quote with, compressed, in hexadecimal."""
    return public_key(_private(seed, index)).hex()


def signatures(
    seed: bytes, index: int, quote: str, outputs: Sequence[PreparedOutput]
) -> tuple[str, ...]:
    """Sign a request to mint, in each of the two forms that mints check, the older one first.

    A mint that knows only one of them refuses the other with ``QUOTE_SIGNATURE_INVALID``.
    """
    private = _private(seed, index)
    messages = (_plain(quote, outputs), _framed(quote, outputs))
    return tuple(sign_schnorr(sha256(one).digest(), private).hex() for one in messages)


def _plain(quote: str, outputs: Sequence[PreparedOutput]) -> bytes:
    """The quote's id and all blinded messages in hexadecimal, one behind the other."""
    return (quote + "".join(output.blinded.hex() for output in outputs)).encode()


def _framed(quote: str, outputs: Sequence[PreparedOutput]) -> bytes:
    """The same behind a name of its own, with amounts, and a length before every part."""
    parts = [quote.encode()]
    for output in outputs:
        parts += [_minimal(output.amount), output.blinded]
    return _MESSAGE_DOMAIN + b"".join(len(part).to_bytes(4, "big") + part for part in parts)


def _minimal(amount: int) -> bytes:
    return amount.to_bytes((amount.bit_length() + 7) // 8, "big")


def _private(seed: bytes, index: int) -> bytes:
    return reduce_to_scalar(hmac.digest(seed, _DOMAIN + index.to_bytes(8, "big"), "sha256"))
