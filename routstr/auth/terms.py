"""On what terms a key is made: until when it works, how much it may spend, what it is called.

Terms are known before the money is: they wait in the context of the saga that brings the first
deposit, and are stored with the key in the transaction that opens its account.
"""

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from msgspec import Struct

from routstr.errors import InvalidParameter
from routstr.ledger.limits import Reset
from routstr.money import MAX_MSAT, Msat

NAME_CHARS_MAX: Final = 100
METADATA_BYTES_MAX: Final = 4_096
ADDRESS_CHARS_MAX: Final = 512
RESETS: Final = {reset.name.lower(): reset for reset in Reset if reset is not Reset.NEVER}
SECONDS_MAX: Final = 253_402_300_799  # the end of the year 9999
# LUD-16 (name@host), LUD-01 (bech32), LUD-17 and plain addresses; whether one is answered, and by
# whom, is found out when it is paid
_ADDRESS: Final = re.compile(
    r"(?:lightning:)?(?:[a-z0-9._+-]+@[a-z0-9.-]+(?::\d+)?|lnurl1[02-9ac-hj-np-z]+"
    r"|(?:https?|lnurlp)://[\x21-\x7e]+)",
    re.IGNORECASE,
)


class KeyTerms(Struct, frozen=True):
    """Terms of a new key; the default is a key without any.

    ``expires_at``: ms since the epoch. ``balance_limit``: the most it may spend, in msat, over its
    life or, with ``balance_limit_reset`` (daily, weekly or monthly), in each such period of UTC.
    ``refund_address``: a Lightning address or LNURL that gets what is left when it has expired.
    ``metadata``: a JSON object, as text.
    """

    expires_at: int | None = None
    balance_limit: Msat | None = None
    balance_limit_reset: str | None = None
    refund_address: str | None = None
    name: str | None = None
    metadata: str = "{}"

    @property
    def reset(self) -> Reset:
        """How often the limit begins anew."""
        return RESETS.get(self.balance_limit_reset or "", Reset.NEVER)

    def to_context(self) -> dict[str, Any]:
        """The terms as fields of a saga's context."""
        return msgspec.structs.asdict(self) | {
            "balance_limit": None if self.balance_limit is None else int(self.balance_limit)
        }


NO_TERMS: Final = KeyTerms()


def from_context(context: Mapping[str, Any]) -> KeyTerms:
    """Read terms from a saga's context, whatever else it holds; absent fields are no terms."""
    limit = context.get("balance_limit")
    return KeyTerms(
        expires_at=context.get("expires_at"),
        balance_limit=None if limit is None else Msat(limit),
        balance_limit_reset=context.get("balance_limit_reset"),
        refund_address=context.get("refund_address"),
        name=context.get("name"),
        metadata=context.get("metadata", "{}"),
    )


def check_terms(terms: KeyTerms, now_ms: int) -> None:
    """Raise InvalidParameter for terms that no key can have."""
    if terms.expires_at is not None and not now_ms < terms.expires_at <= SECONDS_MAX * 1_000:
        raise _wrong("validity_date", "is in the past, or is no Unix time in seconds")
    limit, word = terms.balance_limit, terms.balance_limit_reset
    if limit is not None and not 0 < limit <= MAX_MSAT:
        raise _wrong("balance_limit", "is a whole number of msat, at least 1")
    if word is not None and word not in RESETS:
        raise _wrong("balance_limit_reset", f"is one of {', '.join(RESETS)}")
    if word is not None and limit is None:
        raise _wrong("balance_limit_reset", "needs a balance_limit")
    check_address(terms.refund_address)
    check_name(terms.name)


def check_address(address: str | None) -> None:
    """Raise InvalidParameter for what is no Lightning address and no LNURL."""
    if address is None:
        return
    if len(address) > ADDRESS_CHARS_MAX or not _ADDRESS.fullmatch(address):
        raise _wrong("refund_lnurl", "is a Lightning address (name@host) or an LNURL")


def check_name(name: str | None) -> None:
    """Raise InvalidParameter for a name that is too long or would not show."""
    if name is not None and not (0 < len(name) <= NAME_CHARS_MAX and name.isprintable()):
        raise _wrong("name", f"is 1 to {NAME_CHARS_MAX} printable characters")


def metadata_text(metadata: Mapping[str, Any] | None) -> str:
    """Write metadata as it is stored. Raises InvalidParameter when it is too large."""
    given = metadata or {}
    try:
        text = msgspec.json.encode(given)
    except UnicodeEncodeError:  # half of a surrogate pair
        text = b"null"
    if msgspec.json.decode(text) != given:  # such as a number that is none
        raise _wrong("metadata", "holds something that JSON cannot say")
    if len(text) > METADATA_BYTES_MAX:
        raise _wrong("metadata", f"is a JSON object of at most {METADATA_BYTES_MAX} bytes")
    return text.decode()


def from_headers(expiry: str | None, address: str | None) -> KeyTerms:
    """Read the terms that headers name: ``Key-Expiry-Time`` (Unix seconds), ``Refund-LNURL``.

    Raises InvalidParameter; whether the time is to come is left to :func:`check_terms`.
    """
    if not (expiry or address):
        return NO_TERMS
    expires_at = None
    if expiry:
        if not re.fullmatch(r"\d{1,12}", expiry, re.ASCII):
            raise _wrong("Key-Expiry-Time", "is a Unix time in seconds")
        expires_at = int(expiry) * 1_000
    return KeyTerms(expires_at=expires_at, refund_address=address or None)


def _wrong(param: str, what: str) -> InvalidParameter:
    return InvalidParameter(f"{param} {what}.", details={"param": param})
