"""Bech32 and its successor Bech32m (BIP-173, BIP-350): bytes as text with a checksum. Pure.

Without the limit of 90 characters, which payment requests (NUT-26) and Nostr's names (NIP-19) do
not keep: callers bound the length themselves.
"""

from collections.abc import Iterable
from enum import IntEnum
from typing import Final

_ALPHABET: Final = "qpzry9x8gf2tvdw0s3jn54khce6mua7l"
_VALUES: Final = {char: value for value, char in enumerate(_ALPHABET)}
_GENERATORS: Final = (0x3B6A57B2, 0x26508E6D, 0x1EA119FA, 0x3D4233DD, 0x2A1462B3)
_CHECKSUM_CHARS: Final = 6


class Variant(IntEnum):
    """Which of the two a text is, by the constant of its checksum."""

    BECH32 = 1
    BECH32M = 0x2BC830A3


class InvalidBech32(ValueError):
    """The text is not of this variant: a wrong character, mixed case, or a wrong checksum."""


def encode(prefix: str, data: bytes, variant: Variant) -> str:
    """Write bytes behind a prefix of lower-case ASCII, in lower case."""
    words = _regroup(data, 8, 5, pad=True)
    rest = _checksum([*_spread(prefix), *words, *[0] * _CHECKSUM_CHARS]) ^ variant
    check = [rest >> 5 * place & 31 for place in reversed(range(_CHECKSUM_CHARS))]
    return f"{prefix}1{''.join(_ALPHABET[word] for word in [*words, *check])}"


def decode(text: str, variant: Variant) -> tuple[str, bytes]:
    """Read a text in upper or lower case: its prefix, in lower case, and its bytes.

    Raises InvalidBech32.
    """
    prefix, words = decode_words(text, variant)
    return prefix, to_bytes(words)


def to_bytes(words: Iterable[int]) -> bytes:
    """Join groups of five bits into bytes; InvalidBech32 when more than padding is left over."""
    return bytes(_regroup(words, 5, 8, pad=False))


def decode_words(text: str, variant: Variant) -> tuple[str, list[int]]:
    """Read a text like :func:`decode`, its data as groups of five bits.

    Invoices (BOLT 11) count in these groups. Raises InvalidBech32.
    """
    if not text.isascii() or text not in {text.lower(), text.upper()}:
        raise InvalidBech32("not all of one case")
    prefix, _, body = text.lower().rpartition("1")
    if not prefix or not prefix.isprintable() or " " in prefix or len(body) < _CHECKSUM_CHARS:
        raise InvalidBech32("no prefix, or no checksum")
    try:
        words = [_VALUES[char] for char in body]
    except KeyError:
        raise InvalidBech32("a character that does not belong") from None
    if _checksum([*_spread(prefix), *words]) != variant:
        raise InvalidBech32("the checksum is wrong")
    return prefix, words[:-_CHECKSUM_CHARS]


def _spread(prefix: str) -> list[int]:
    codes = prefix.encode("ascii")
    return [*(code >> 5 for code in codes), 0, *(code & 31 for code in codes)]


def _step(top: int) -> int:
    step = 0
    for place, generator in enumerate(_GENERATORS):
        if top >> place & 1:
            step ^= generator
    return step


_STEPS: Final = tuple(map(_step, range(32)))  # a table: thousands of characters may come


def _checksum(words: Iterable[int]) -> int:
    state = 1
    for word in words:
        state = (state & 0x1FFFFFF) << 5 ^ word ^ _STEPS[state >> 25]
    return state


def _regroup(words: Iterable[int], width: int, wanted: int, *, pad: bool) -> list[int]:
    """Cut a row of bits, given in groups of ``width``, into groups of ``wanted`` bits.

    Without ``pad`` what is over must be zeros, and less than a group that was given.
    """
    bits = held = 0
    groups: list[int] = []
    for word in words:
        bits = (bits << width | word) & 0xFFF
        held += width
        while held >= wanted:
            held -= wanted
            groups.append(bits >> held & (1 << wanted) - 1)
    rest = bits & (1 << held) - 1
    if pad:
        return [*groups, rest << wanted - held] if held else groups
    if held >= width or rest:
        raise InvalidBech32("bits are left over")
    return groups
