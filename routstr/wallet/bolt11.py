"""Reading Lightning invoices (BOLT 11): what this node must know of one, strictly. Pure.

The signature is not checked: an invoice comes from the mint that wants it paid, which could sign
any. What counts is that it asks for the amount it was ordered for, and by which hash it is known.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from routstr.money import MAX_MSAT, Msat
from routstr.wallet import bech32
from routstr.wallet.bech32 import InvalidBech32, Variant

CHARS_MAX: Final = 4_096
_PREFIX: Final = re.compile(r"ln(bcrt|bc|tbs|tb)(?:([1-9][0-9]{0,19})([munp]?))?")
_PICO_PER_MSAT: Final = 10
"""A msat is 10 ** -11 of a bitcoin, and amounts are written in parts of one."""
_PICO: Final = {"": 10**12, "m": 10**9, "u": 10**6, "n": 10**3, "p": 1}
_TIME_WORDS: Final = 7
_SIGNATURE_WORDS: Final = 104
_HEAD_WORDS: Final = 3
_HASH_WORDS: Final = 52
_HASH, _DESCRIPTION_HASH, _EXPIRY = 1, 23, 6
_EXPIRY_WORDS_MAX: Final = 7
_EXPIRY_S: Final = 3_600  # of an invoice that names none


class InvalidInvoice(ValueError):
    """The text is no Lightning invoice, or not as the specification wants it."""


@dataclass(frozen=True, slots=True)
class Bolt11:
    """An invoice. Times are Unix seconds; ``amount`` is None when the payer chooses it.

    ``network`` is bc, tb, tbs or bcrt. ``description_hash`` is what LNURL-pay (LUD-06) commits to.
    """

    network: str
    amount: Msat | None
    payment_hash: bytes
    created_at: int
    expires_at: int
    description_hash: bytes | None


def decode(text: str) -> Bolt11:
    """Read an invoice, in upper or lower case, with or without ``lightning:`` in front.

    Raises :class:`InvalidInvoice`.
    """
    text = text.strip()
    text = text[10:] if text[:10].lower() == "lightning:" else text
    if len(text) > CHARS_MAX:
        raise InvalidInvoice("too long")
    try:
        prefix, words = bech32.decode_words(text, Variant.BECH32)
        return _read(prefix, words)
    except InvalidBech32 as error:
        raise InvalidInvoice(str(error)) from None


def _read(prefix: str, words: Sequence[int]) -> Bolt11:
    match = _PREFIX.fullmatch(prefix)
    if match is None:
        raise InvalidInvoice("the prefix is not that of an invoice")
    if len(words) < _TIME_WORDS + _SIGNATURE_WORDS:
        raise InvalidInvoice("too short")
    created_at = _number(words[:_TIME_WORDS])
    found: dict[int, Sequence[int]] = {}
    for tag, data in _fields(words[_TIME_WORDS:-_SIGNATURE_WORDS]):
        if tag in (_HASH, _DESCRIPTION_HASH) and len(data) != _HASH_WORDS:
            continue  # readers must skip these (BOLT 11)
        found.setdefault(tag, data)
    if _HASH not in found:
        raise InvalidInvoice("no payment hash")
    description = found.get(_DESCRIPTION_HASH)
    return Bolt11(
        network=match[1],
        amount=_amount(match[2], match[3]),
        payment_hash=bech32.to_bytes(found[_HASH]),
        created_at=created_at,
        expires_at=created_at + _expiry_s(found.get(_EXPIRY)),
        description_hash=None if description is None else bech32.to_bytes(description),
    )


def _fields(words: Sequence[int]) -> Iterator[tuple[int, Sequence[int]]]:
    place = 0
    while place < len(words):
        data = place + _HEAD_WORDS
        if data > len(words):
            raise InvalidInvoice("a field is cut off")
        end = data + _number(words[place + 1 : data])
        if end > len(words):
            raise InvalidInvoice("a field is cut off")
        yield words[place], words[data:end]
        place = end


def _expiry_s(words: Sequence[int] | None) -> int:
    if words is None:
        return _EXPIRY_S
    if len(words) > _EXPIRY_WORDS_MAX:
        raise InvalidInvoice("it expires too late")
    return _number(words)


def _amount(digits: str | None, multiplier: str) -> Msat | None:
    if digits is None:
        return None
    msat, rest = divmod(int(digits) * _PICO[multiplier], _PICO_PER_MSAT)
    if rest:
        raise InvalidInvoice("the amount is finer than a msat")
    if msat > MAX_MSAT:
        raise InvalidInvoice("the amount is more than all there is")
    return Msat(msat)


def _number(words: Sequence[int]) -> int:
    number = 0
    for word in words:
        number = number << 5 | word
    return number
