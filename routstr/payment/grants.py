"""The operator credits a key out of what is the operator's own: capital, revenue, donations.

One transfer, no mint is asked: the ecash is there, it only belongs to somebody else from now on.
What the surplus does not cover is refused, so no credit is ever unbacked. The caller names each
credit: the same name again moves nothing.
"""

from hashlib import sha256
from typing import Final

from sqlalchemy import select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.errors import IdempotencyMismatch, InvalidParameter
from routstr.ledger import verdict
from routstr.ledger.accounts import Entry, post
from routstr.ledger.entries import TransferKind
from routstr.ledger.models import Account, Transfer
from routstr.money import MAX_MSAT, ZERO, Msat
from routstr.payment.found import capital_account
from routstr.payment.surplus import require_surplus

_LETTER: Final = b"T"


def grant(tx: Tx, account: int, amount: Msat, name: str, at: int) -> bool:
    """Credit a key's account; False when this name has done so before.

    Raises ``SurplusTooSmall``, ``DepositsClosed`` while the books are known to be wrong, and
    ``IdempotencyMismatch`` for a name that has credited another amount or key.
    """
    if not ZERO < amount <= MAX_MSAT:
        raise InvalidParameter("amount is a whole number above 0.", details={"param": "amount"})
    key = _key(name)
    # the customer first, then the node's accounts: as all writers lock them
    tx.sql.execute(select(col(Account.id)).where(col(Account.id) == account).with_for_update())
    before = tx.sql.execute(
        select(col(Transfer.credit), col(Transfer.amount)).where(col(Transfer.key) == key)
    ).first()
    if before is not None:
        if (before[0], before[1]) != (account, int(amount)):
            raise IdempotencyMismatch
        return False
    verdict.require_open(tx)
    require_surplus(tx, amount)
    return post(
        tx,
        Entry(
            debit=capital_account(tx, at),
            credit=account,
            amount=amount,
            kind=TransferKind.GRANT,
            key=key,
            reference=account,
            at=at,
        ),
    )


def has_credited(tx: Tx, name: str) -> bool:
    """Whether this name has credited a key."""
    row = select(col(Transfer.id)).where(col(Transfer.key) == _key(name))
    return tx.sql.execute(row).first() is not None


def _key(name: str) -> bytes:
    return _LETTER + sha256(name.encode()).digest()
