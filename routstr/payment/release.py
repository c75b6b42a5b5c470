"""What was found beside the books is released: the operator takes it, or credits it to a key.

It is owed until then (:mod:`routstr.payment.found`). Each release is one transfer, named by its
caller: the same name again moves nothing.
"""

from hashlib import sha256
from typing import Final

from sqlalchemy import Connection, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.errors import InsufficientBalance
from routstr.ledger import verdict
from routstr.ledger.accounts import Entry, post
from routstr.ledger.entries import TransferKind
from routstr.ledger.models import Account
from routstr.money import ZERO, Msat
from routstr.payment.found import RECOVERED, capital_account, recovered_account

_LETTER: Final = b"Q"


def recovered(connection: Connection) -> Msat:
    """Return what was found and belongs to nobody who is known."""
    found = connection.execute(select(col(Account.posted)).where(col(Account.name) == RECOVERED))
    return Msat(found.scalar() or 0)


def release(tx: Tx, account: int | None, amount: Msat | None, name: str, at: int) -> Msat | None:
    """Move an amount, or all, to a key's account, or without one to the operator's capital.

    Return what was moved; None when this name has moved something before. Raises
    ``InsufficientBalance`` when there is less, or nothing, and ``DepositsClosed`` while the books
    are known to be wrong.
    """
    verdict.require_open(tx)
    source = recovered_account(tx, at)
    moved = recovered(tx.sql) if amount is None else amount
    key = _LETTER + sha256(name.encode()).digest()
    if moved <= ZERO:
        raise InsufficientBalance
    is_new = post(
        tx,
        Entry(
            debit=source,
            credit=capital_account(tx, at) if account is None else account,
            amount=moved,
            kind=TransferKind.RELEASED,
            key=key,
            reference=source,
            at=at,
        ),
    )
    return moved if is_new else None
