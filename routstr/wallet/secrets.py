"""The wallet's seed, and the secrets that follow from it by keyset and counter (NUT-13).

Whoever has the twelve words can derive every secret again and ask the mints for the signatures.
"""

import hmac
from collections.abc import Callable
from typing import Final, NamedTuple

from mnemonic import Mnemonic

from routstr.wallet.crypto import SCALAR_BYTES, add_scalars, public_key, reduce_to_scalar
from routstr.wallet.keysets import is_full_id

MAX_COUNTER: Final = (1 << 31) - 1  # the most that both derivations can take

_HARDENED: Final = 1 << 31
_PURPOSE: Final = 129372
_KDF_DOMAIN: Final = b"Cashu_KDF_HMAC_SHA256"


class Derived(NamedTuple):
    """The secret of one output (hexadecimal text, as it is hashed) and its blinding factor."""

    secret: str
    r: bytes

    def __repr__(self) -> str:
        return "Derived(...)"


class _Node(NamedTuple):
    """A private key of a BIP-32 tree with its chain code."""

    key: bytes
    chain: bytes


def new_words() -> str:
    """Draw twelve BIP-39 words from the system's random source."""
    return Mnemonic("english").generate(strength=128)


def seed_from_words(words: str) -> bytes:
    """Turn BIP-39 words (English, checksum checked) into the 64 bytes of the wallet's seed.

    Raises ValueError, without repeating the words, when they are not such words.
    """
    text = " ".join(words.lower().split())
    if not Mnemonic("english").check(text):
        raise ValueError("these are not the words of a wallet: a word or the checksum is wrong")
    return Mnemonic.to_seed(text)


def derivation(seed: bytes, keyset_id: str) -> Callable[[int], Derived]:
    """Give the function from counter to secret and blinding factor for one keyset.

    What the counters have in common is computed once. The version of the keyset id decides: v1
    walks a BIP-32 tree, v2 hashes. Raises ValueError for another id, and when the function is
    called with a counter outside 0 to ``MAX_COUNTER``.
    """
    if not is_full_id(keyset_id):
        raise ValueError("secrets are derived for full keyset ids of version 00 or 01")
    keyset = bytes.fromhex(keyset_id)
    if keyset[0] == 0:
        return _tree_derivation(seed, keyset)
    return _hash_derivation(seed, keyset)


def _hash_derivation(seed: bytes, keyset: bytes) -> Callable[[int], Derived]:
    def derive(counter: int) -> Derived:
        message = _KDF_DOMAIN + keyset + _checked(counter).to_bytes(8, "big")
        secret = hmac.digest(seed, message + b"\x00", "sha256")
        r = hmac.digest(seed, message + b"\x01", "sha256")
        return Derived(secret.hex(), reduce_to_scalar(r))

    return derive


def _tree_derivation(seed: bytes, keyset: bytes) -> Callable[[int], Derived]:
    number = int.from_bytes(keyset, "big") % (_HARDENED - 1)
    node = _split(hmac.digest(b"Bitcoin seed", seed, "sha512"))
    for index in (_PURPOSE, 0, number):
        node = _hardened_child(node, index)

    def derive(counter: int) -> Derived:
        leaf = _hardened_child(node, _checked(counter))
        public = public_key(leaf.key)
        return Derived(_child_key(leaf, public, 0).hex(), _child_key(leaf, public, 1))

    return derive


def _hardened_child(parent: _Node, index: int) -> _Node:
    data = b"\x00" + parent.key + (index + _HARDENED).to_bytes(4, "big")
    tweak = _split(hmac.digest(parent.chain, data, "sha512"))
    return _Node(add_scalars(tweak.key, parent.key), tweak.chain)


def _child_key(parent: _Node, public: bytes, index: int) -> bytes:
    digest = hmac.digest(parent.chain, public + index.to_bytes(4, "big"), "sha512")
    return add_scalars(_split(digest).key, parent.key)


def _split(digest: bytes) -> _Node:
    return _Node(digest[:SCALAR_BYTES], digest[SCALAR_BYTES:])


def _checked(counter: int) -> int:
    if not 0 <= counter <= MAX_COUNTER:
        raise ValueError("a counter lies between 0 and 2**31 - 1")
    return counter
