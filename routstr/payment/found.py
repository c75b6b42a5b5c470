"""Booking ecash that turned out to be the node's, or not to be any more.

===========================  ===========================================================
what                         from -> to
===========================  ===========================================================
found by a restored wallet   the mint's assets -> the operator's capital
found beside the books       the mint's assets -> recovered: it is owed, nobody knows to whom
lost                         recovered, as far as that goes, and loss -> the mint's assets
===========================  ===========================================================

Books that are older than the mint's signatures lack what came in since, and still count what went
out since. Both meet in *recovered*, and only what was really lost is a loss.
"""

from typing import Final

from routstr.core.db import Tx
from routstr.ledger import books
from routstr.ledger.accounts import Entry, asset_name, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import ZERO, Msat, Unit
from routstr.payment.deposits import saga_key
from routstr.wallet.doubts import Lost
from routstr.wallet.findings import Found

RECOVERED: Final = "recovered"
"""Name of the account of what was found beside the books; it is owed."""


def recovered_account(tx: Tx, at: int) -> int:
    """Return the account of ecash that was found and is owed to nobody who is known."""
    return named_account(tx, AccountKind.SUSPENSE, RECOVERED, at)


def capital_account(tx: Tx, at: int) -> int:
    """Return the account of the operator's own money."""
    return named_account(tx, AccountKind.CAPITAL, AccountKind.CAPITAL.name.lower(), at)


def book_recovered(tx: Tx, found: Found, at: int) -> None:
    """Owe what was found beside the books."""
    _book_found(tx, found, recovered_account(tx, at), at)


def book_restored(tx: Tx, found: Found, at: int) -> None:
    """Count what a restored wallet found as the operator's own."""
    _book_found(tx, found, capital_account(tx, at), at)


def book_lost(tx: Tx, lost: Lost, at: int) -> None:
    """Take what was lost out of the assets; what had been recovered pays for it first."""
    recovered = recovered_account(tx, at)
    covered = min(lost.msat, books.balance(tx.sql, recovered).available)
    _book_lost(tx, lost, recovered, covered, b"V", at)
    loss = named_account(tx, AccountKind.LOSS, AccountKind.LOSS.name.lower(), at)
    _book_lost(tx, lost, loss, lost.msat - covered, b"Z", at)


def _book_found(tx: Tx, found: Found, account: int, at: int) -> None:
    post(
        tx,
        Entry(
            debit=_assets(tx, found.mint, found.unit, at),
            credit=account,
            amount=found.msat,
            kind=TransferKind.FOUND,
            key=saga_key(b"Y", found.keyset) + found.first.to_bytes(8, "big"),
            reference=found.keyset,
            at=at,
        ),
    )


def _book_lost(tx: Tx, lost: Lost, account: int, amount: Msat, letter: bytes, at: int) -> None:
    if amount > ZERO:
        post(
            tx,
            Entry(
                debit=account,
                credit=_assets(tx, lost.mint, lost.unit, at),
                amount=amount,
                kind=TransferKind.LOST,
                key=saga_key(letter, lost.first),
                reference=lost.first,
                at=at,
            ),
        )


def _assets(tx: Tx, mint: str, unit: Unit, at: int) -> int:
    return named_account(tx, AccountKind.ASSET, asset_name(mint, unit.value), at)
