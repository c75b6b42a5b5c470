"""How an operation at a mint can end otherwise than well, told apart by type.

==============  ========================================  ==================================
raised          the mint has ...                          the caller ...
==============  ========================================  ==================================
MintRefusal     refused: this request changed nothing     may undo what it prepared
MintBusy        not started: too many calls, or resting   may undo, unless it was ``sent``
MintDown        not heard of it: no connection            may undo, or repeat later
MintUnclear     perhaps done it, perhaps not              keeps the operation open and asks
==============  ========================================  ==================================

"This request" is meant literally: a refusal with ``PROOFS_SPENT`` or ``OUTPUTS_SIGNED`` may be the
echo of an earlier, identical request that succeeded while its answer was lost.
"""

import re
from enum import IntEnum
from typing import Final

MAX_DETAIL_CHARS: Final = 200
_LONG_WORD: Final = re.compile(r"[\w+/=-]{32,}", re.ASCII)


class MintCode(IntEnum):
    """The protocol's error codes (NUTs, error_codes.md); families x0000 are nutshell's own."""

    PROOFS_INVALID = 10001
    TRANSACTION = 11000  # nutshell: among others, a transaction that does not balance
    PROOFS_SPENT = 11001
    PROOFS_PENDING = 11002
    OUTPUTS_SIGNED = 11003
    OUTPUTS_PENDING = 11004
    UNBALANCED = 11005
    AMOUNT_OUT_OF_RANGE = 11006
    DUPLICATE_INPUTS = 11007
    DUPLICATE_OUTPUTS = 11008
    SEVERAL_UNITS = 11009
    UNITS_DIFFER = 11010
    AMOUNTLESS_INVOICE = 11011
    AMOUNT_IS_NOT_INVOICE = 11012
    UNIT_UNSUPPORTED = 11013
    TOO_MANY_INPUTS = 11014
    TOO_MANY_OUTPUTS = 11015
    DUPLICATE_QUOTES = 11016
    BATCH_TOO_LARGE = 11017
    KEYSET_UNKNOWN = 12001
    KEYSET_INACTIVE = 12002
    KEYSET_EXPIRED = 12003
    QUOTE_UNPAID = 20001
    QUOTE_ISSUED = 20002
    MINTING_DISABLED = 20003
    PAYMENT_FAILED = 20004
    QUOTE_PENDING = 20005
    INVOICE_PAID = 20006
    QUOTE_EXPIRED = 20007
    QUOTE_SIGNATURE_INVALID = 20008
    QUOTE_NEEDS_KEY = 20009


class MintError(Exception):
    """Anything but success at a mint."""


class MintRefusal(MintError):
    """The mint refused the request, and the request changed nothing."""

    def __init__(self, code: int | None, detail: str) -> None:
        """Keep the protocol's code, if one was given, and the mint's words made fit for a log."""
        self.code = code
        self.detail = printable(detail)
        super().__init__(f"{self.detail} ({code})" if code else self.detail)


class MintUnclear(MintError):
    """Nobody knows whether the mint did it: ask for the state before anything else.

    ``code`` is what the mint said along with it, if anything: a hint, not an outcome.
    """

    def __init__(self, reason: str, code: int | None = None) -> None:
        self.code = code
        super().__init__(f"{printable(reason)} ({code})" if code else printable(reason))


class BadSignature(MintUnclear):
    """The mint answered with a signature that is not what was asked for."""


class MintBusy(MintError):
    """The mint, or this node's limit on calls to it, asks to wait. Nothing was done.

    ``sent``: it is the answer to a call. A mint that says so has not begun; but what stands before
    it may say so of a call that went through, so where money moves the mint is asked first.
    ``silent``: the mint has not asked for anything; it gave no answers, and is left alone for that.
    """

    def __init__(self, retry_after_s: int, *, sent: bool = False, silent: bool = False) -> None:
        self.retry_after_s = retry_after_s
        self.sent = sent
        self.silent = silent
        super().__init__(f"retry in {retry_after_s} s")


class MintDown(MintError):
    """No connection to the mint came about. Nothing was sent."""


def printable(text: str) -> str:
    """Cut a mint's words to one short line, with long words masked: they may be secrets."""
    masked = _LONG_WORD.sub("...", text[: MAX_DETAIL_CHARS * 10])
    return " ".join("".join(c if c.isprintable() else " " for c in masked).split())[
        :MAX_DETAIL_CHARS
    ]
