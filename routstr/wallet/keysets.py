"""Keysets: a mint's public keys by amount, their ids and their fees (NUT-01, NUT-02). Pure.

An id tells its version by its first byte: v1 is ``00`` and 7 bytes, v2 ``01`` and 32 bytes. Tokens
may carry the first 8 bytes of a v2 id only; such a short id must be expanded before use.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from hashlib import sha256
from types import MappingProxyType
from typing import Final, TypeVar

from routstr.errors import InvalidToken
from routstr.wallet.crypto import is_point

SHORT_ID_CHARS: Final = 16
MAX_KEYS: Final = 256
MAX_FEE_PPK: Final = 1_000_000  # a thousand units per proof: beyond that it is a mistake or a trap
MAX_KEY_AMOUNT: Final = (1 << 64) - 1  # mints offer 2**63, one more than a signed 64-bit number

_FULL_ID: Final = re.compile(r"00[0-9a-f]{14}|01[0-9a-f]{64}")
_ANY_ID: Final = re.compile(r"0[01][0-9a-f]{14}|01[0-9a-f]{64}")


class InvalidKeyset(ValueError):
    """A mint's keyset that is malformed, or that does not have the id it claims."""


class UnknownKeyset(InvalidToken):
    """The token is of a keyset that its mint does not list."""


class AmbiguousKeyset(InvalidToken):
    """The token's short keyset id fits several keysets of its mint."""


@dataclass(frozen=True, slots=True)
class KeysetInfo:
    """What a mint says of a keyset without its keys. Fee in thousandths of a unit per input."""

    id: str
    unit: str
    active: bool
    input_fee_ppk: int = 0
    final_expiry: int | None = None  # seconds since 1970


@dataclass(frozen=True, slots=True)
class Keyset(KeysetInfo):
    """A keyset with its public keys by amount (compressed points), ascending."""

    keys: Mapping[int, bytes] = field(kw_only=True, repr=False)


InfoT = TypeVar("InfoT", bound=KeysetInfo)


def is_full_id(text: str) -> bool:
    """Tell whether this is a complete keyset id of a version that this node understands."""
    return _FULL_ID.fullmatch(text) is not None


def is_full_or_short_id(text: str) -> bool:
    """Tell whether this may be the keyset id of a proof in a token."""
    return _ANY_ID.fullmatch(text) is not None


def short_id(keyset_id: str) -> str:
    """Cut an id to the 8 bytes that a compact token carries; a v1 id has no more anyway."""
    return keyset_id[:SHORT_ID_CHARS]


def expand_id(keyset_id: str, known: Iterable[str]) -> str:
    """Find the full id that a token's full or short id means among its mint's keysets.

    Raises UnknownKeyset (worth one refresh of the list) or AmbiguousKeyset.
    """
    candidates = set(known)
    if keyset_id in candidates:
        return keyset_id
    is_short = len(keyset_id) == SHORT_ID_CHARS and keyset_id.startswith("01")
    matches = {full for full in candidates if full.startswith(keyset_id)} if is_short else set()
    if not matches:
        raise UnknownKeyset
    if len(matches) > 1:
        raise AmbiguousKeyset
    return matches.pop()


def derive_id_v1(keys: Mapping[int, bytes]) -> str:
    """Derive the old id: a hash of the keys in order of their amounts."""
    return "00" + sha256(b"".join(key for _, key in sorted(keys.items()))).hexdigest()[:14]


def derive_id_v2(
    keys: Mapping[int, bytes], unit: str, input_fee_ppk: int = 0, final_expiry: int | None = None
) -> str:
    """Derive the current id: a hash of amounts, keys, unit, fee and expiry.

    An expiry of 0 means the same as none, but is another id.
    """
    text = ",".join(f"{amount}:{key.hex()}" for amount, key in sorted(keys.items()))
    text += f"|unit:{unit.lower()}"
    if input_fee_ppk:
        text += f"|input_fee_ppk:{input_fee_ppk}"
    if final_expiry is not None:
        text += f"|final_expiry:{final_expiry}"
    return "01" + sha256(text.encode()).hexdigest()


def with_keys(info: KeysetInfo, keys: Mapping[int, str]) -> Keyset:
    """Check the keys (hex, by amount) that a mint gave for a keyset, and join the two.

    Raises InvalidKeyset when a key is no compressed point, or when keys and metadata do not hash
    to the id: then the mint is not signing with what it announced.
    """
    if not 0 < len(keys) <= MAX_KEYS:
        raise InvalidKeyset(f"a keyset has between 1 and {MAX_KEYS} keys")
    points = {amount: _key(amount, keys[amount]) for amount in sorted(keys)}
    keyset = Keyset(
        info.id,
        info.unit,
        info.active,
        info.input_fee_ppk,
        info.final_expiry,
        keys=MappingProxyType(points),
    )
    if keyset.id not in _ids(keyset):
        raise InvalidKeyset("the keys do not belong to the keyset's id")
    return keyset


def input_fee(fees_ppk: Iterable[int]) -> int:
    """Add up the fee of spending proofs, in whole units rounded up, from the fee of each."""
    return (sum(fees_ppk) + 999) // 1000


def choose_active(keysets: Iterable[InfoT], unit: str, *, now_s: int) -> InfoT | None:
    """Choose the keyset for new outputs: the lowest fee, then v2 before v1; None if none is."""
    usable = [
        keyset
        for keyset in keysets
        if keyset.active
        and keyset.unit == unit
        and (not keyset.final_expiry or keyset.final_expiry > now_s)
    ]
    return min(
        usable, key=lambda k: (k.input_fee_ppk, not k.id.startswith("01"), k.id), default=None
    )


def _key(amount: int, text: str) -> bytes:
    if not 0 < amount <= MAX_KEY_AMOUNT:
        raise InvalidKeyset("a key is for an amount from 1 to 2**64 - 1")
    try:
        point = bytes.fromhex(text)
    except ValueError as error:
        raise InvalidKeyset("a key is not hexadecimal") from error
    if not is_point(point):
        raise InvalidKeyset("a key is not a compressed point of the curve")
    return point


def _ids(keyset: Keyset) -> Iterable[str]:
    """Derive the ids that the keyset may have.

    A keyset without expiry has none in its id; nutshell writes a 0 there when a mint's operator
    rotates its keys.
    """
    if keyset.id.startswith("00"):
        return (derive_id_v1(keyset.keys),)
    expiries = (keyset.final_expiry,) if keyset.final_expiry else (None, 0)
    fee = keyset.input_fee_ppk
    return (derive_id_v2(keyset.keys, keyset.unit, fee, expiry) for expiry in expiries)
