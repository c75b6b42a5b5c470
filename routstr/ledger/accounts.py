"""Opening accounts and posting transfers inside a caller's write transaction.

Everything that moves money and is not a hold passes through :func:`post`, which refuses nothing
silently: a second post with the same key does nothing and says so, too little money raises, and
the CHECK constraints of the table stand behind both.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, cast

from sqlalchemy import ColumnElement, case, insert, select, update
from sqlmodel import col

from routstr.core.db import Tx
from routstr.core.db.upsert import insert_into
from routstr.errors import InsufficientBalance
from routstr.ledger.entries import (
    CUSTOMERS,
    NEVER_NEGATIVE,
    AccountKind,
    NodeAccounts,
)
from routstr.ledger.kinds import DEPOSITS, TransferKind
from routstr.ledger.models import Account, Transfer
from routstr.money import Msat

_SINGLE: Final = (
    AccountKind.REVENUE,
    AccountKind.LOSS,
    AccountKind.MINT_FEES,
    AccountKind.ROUNDING,
    AccountKind.DONATIONS,
    AccountKind.CAPITAL,
    AccountKind.PAYOUTS,
    AccountKind.UNCLAIMED,
    AccountKind.SUSPENSE,
    AccountKind.IN_FLIGHT,
)
_ID: Final = cast("ColumnElement[int]", col(Account.id))  # None only before the row exists


@dataclass(frozen=True, slots=True)
class Entry:
    """One transfer to post: ``amount`` msat from ``debit`` to ``credit``, once per ``key``."""

    debit: int
    credit: int
    amount: Msat
    kind: TransferKind
    key: bytes
    reference: int
    at: int


@dataclass(frozen=True, slots=True)
class _Side:
    """One account of an entry as it is before."""

    kind: AccountKind
    posted: int
    held: int

    @property
    def available(self) -> int:
        return self.posted - self.held


def open_account(tx: Tx, kind: AccountKind, at: int) -> int:
    """Open a customer's account and return its id."""
    result = tx.sql.execute(insert(Account).values(**_opening(kind, at, None)).returning(_ID))
    return int(result.scalar_one())


def named_account(tx: Tx, kind: AccountKind, name: str, at: int) -> int:
    """Return the node's account of that name, opened on first use, by whichever instance."""
    found = _find(tx, name)
    if found is None:
        opening = insert_into(tx, Account).values(**_opening(kind, at, name))
        tx.sql.execute(opening.on_conflict_do_nothing(index_elements=["name"]))
        found = _find(tx, name)
    assert found is not None, "the account was inserted, by us or by another writer"
    return found


def asset_name(mint: str, unit: str) -> str:
    """Name of the account for ecash at one mint in one unit."""
    return f"asset:{unit}:{mint}"


def node_accounts(tx: Tx, at: int, shard: int = 0) -> NodeAccounts:
    """Open the node's single accounts if need be; return those that hot batches use.

    Revenue has an account for each ``shard``: whoever credits one keeps it locked until its COMMIT
    is on the disk, and the others would wait for that.
    """
    ids: Mapping[AccountKind, int] = {
        kind: named_account(tx, kind, kind.name.lower(), at) for kind in _SINGLE
    }
    revenue = ids[AccountKind.REVENUE]
    if shard:
        kind = AccountKind.REVENUE
        revenue = named_account(tx, kind, f"{kind.name.lower()}:{shard}", at)
    return NodeAccounts(revenue=revenue, loss=ids[AccountKind.LOSS])


def is_posted(tx: Tx, key: bytes) -> bool:
    """Say whether a transfer with this idempotency key exists."""
    found = tx.sql.execute(select(col(Transfer.id)).where(col(Transfer.key) == key)).first()
    return found is not None


def post(tx: Tx, entry: Entry) -> bool:
    """Post one transfer; false when its key was posted before. Nothing happens twice.

    Raises :class:`InsufficientBalance`, before anything was changed, when the debited account may
    not go that low.
    """
    sides = _lock(tx, entry)
    if is_posted(tx, entry.key):  # after the lock: another writer with this key has ended
        return False
    debited, credited = sides[entry.debit], sides[entry.credit]
    amount = int(entry.amount)
    if debited.kind in NEVER_NEGATIVE and debited.available < amount:
        raise InsufficientBalance
    posted = col(Account.posted)
    _change(tx, entry.debit, {"posted": posted - amount})
    changes = {"posted": posted + amount}
    balance_after = debited.posted - amount if debited.kind in CUSTOMERS else None
    if credited.kind in CUSTOMERS:
        balance_after = credited.posted + amount
    if entry.kind in DEPOSITS:  # a donation is one, too
        changes["deposited"] = col(Account.deposited) + amount
    _change(tx, entry.credit, changes)
    tx.sql.execute(
        insert(Transfer).values(
            debit=entry.debit,
            credit=entry.credit,
            amount=amount,
            kind=int(entry.kind),
            key=entry.key,
            reference=entry.reference,
            balance_after=balance_after,
            created_at=entry.at,
        )
    )
    return True


def _lock(tx: Tx, entry: Entry) -> dict[int, _Side]:
    """Lock and read both accounts: customers before the node's own, so writers do not deadlock."""
    kind = col(Account.kind)
    customers_first = case((kind.in_(CUSTOMERS), 0), else_=1)
    rows = tx.sql.execute(
        select(_ID, kind, col(Account.posted), col(Account.held))
        .where(_ID.in_((entry.debit, entry.credit)))
        .order_by(customers_first, _ID)
        .with_for_update()
    )
    return {row[0]: _Side(AccountKind(row[1]), row[2], row[3]) for row in rows}


def _change(tx: Tx, account: int, values: Mapping[str, ColumnElement[int]]) -> None:
    tx.sql.execute(update(Account).where(_ID.in_((account,))).values(**values))


def _opening(kind: AccountKind, at: int, name: str | None) -> dict[str, int | bool | str | None]:
    return {
        "kind": int(kind),
        "name": name,
        "overdraft": kind not in NEVER_NEGATIVE,
        "closed": False,
        "posted": 0,
        "held": 0,
        "deposited": 0,
        "spent": 0,
        "requests": 0,
        "created_at": at,
    }


def _find(tx: Tx, name: str) -> int | None:
    row = tx.sql.execute(select(_ID).where(col(Account.name) == name)).first()
    return None if row is None else int(row[0])
