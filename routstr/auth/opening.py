"""Opening a key: its account, its limit and its row, in the transaction that brings its money."""

from routstr.auth import repository
from routstr.auth.repository import NewKey
from routstr.auth.terms import KeyTerms
from routstr.core.db import Tx
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.ledger.key_limits import open_limit
from routstr.money import Unit


def open_key(  # noqa: PLR0913 - what a key is made of
    tx: Tx,
    *,
    key_hash: bytes,
    public_id: str,
    mint: str,
    unit: Unit,
    terms: KeyTerms,
    at: int,
    note: str | None = None,
) -> int:
    """Open a key on these terms and return its account. ``at``: ms since the epoch."""
    account = open_account(tx, AccountKind.KEY, at)
    limit = None
    if terms.balance_limit is not None:
        limit = open_limit(tx, account, terms.balance_limit, terms.reset, at)
    repository.add(
        tx,
        NewKey(
            account=account,
            key_hash=key_hash,
            public_id=public_id,
            mint=mint,
            unit=unit,
            terms=terms,
            limit=limit,
            created_at=at,
            note=note,
        ),
    )
    return account
