"""What an account was charged lately, by day and model, and glances at many accounts."""

from collections.abc import Collection
from typing import Final, cast

from msgspec import Struct
from sqlalchemy import ColumnElement, Connection, Integer, func, literal_column, select
from sqlmodel import col

from routstr.ledger.kinds import TransferKind
from routstr.ledger.models import Account, Hold, Transfer
from routstr.money import Msat

CHARGES_MAX: Final = 5_000
"""How many charges are looked at, the newest; each costs two look-ups in an index."""
_DAY_MS: Final = 86_400_000
_TRANSFER: Final = cast("ColumnElement[int]", col(Transfer.id))  # None only before the row exists

_ACCOUNT: Final = cast("ColumnElement[int]", col(Account.id))


class Spent(Struct, frozen=True):
    """Charges of one day (of UTC, counted from 1970) for one model; None: not known any more."""

    day: int
    model: str | None
    requests: int
    prompt_tokens: int
    completion_tokens: int
    amount: Msat


class Spending(Struct, frozen=True):
    """The newest charges, the latest day first. ``complete``: there are no older ones."""

    spent: list[Spent]
    charges: int
    complete: bool


class Glance(Struct, frozen=True):
    """What is looked at again and again."""

    total: Msat
    reserved: Msat
    spent: Msat
    requests: int
    version: int


def spending(connection: Connection, account: int, *, newest: int = CHARGES_MAX) -> Spending:
    """Add the newest charges up; the cost is bounded by ``newest``, not by the account's age."""
    # as the index says it, not as a parameter
    charge: ColumnElement[int] = literal_column(str(int(TransferKind.CHARGE)))
    page = (
        select(
            col(Transfer.reference),
            col(Transfer.amount),
            (col(Transfer.created_at) // literal_column(str(_DAY_MS), Integer)).label("day"),
        )
        .where(col(Transfer.debit) == account, col(Transfer.kind) == charge)
        .order_by(_TRANSFER.desc())
        .limit(newest)
        .subquery()
    )
    rows = connection.execute(
        select(
            page.c.day,
            col(Hold.model),
            func.count(),
            func.coalesce(func.sum(col(Hold.prompt_tokens)), 0),
            func.coalesce(func.sum(col(Hold.completion_tokens)), 0),
            func.sum(page.c.amount),
        )
        .select_from(page.outerjoin(Hold, col(Hold.id) == page.c.reference))
        .group_by(page.c.day, col(Hold.model))
        .order_by(page.c.day.desc(), func.sum(page.c.amount).desc(), col(Hold.model))
    )
    # sums of PostgreSQL are decimals
    spent = [
        Spent(int(row[0]), row[1], row[2], int(row[3]), int(row[4]), Msat(int(row[5])))
        for row in rows
    ]
    charges = sum(one.requests for one in spent)
    return Spending(spent, charges, complete=charges < newest)


def glances(connection: Connection, accounts: Collection[int]) -> dict[int, Glance]:
    """Look at accounts, by their ids."""
    rows = connection.execute(
        select(
            _ACCOUNT,
            col(Account.posted),
            col(Account.held),
            col(Account.spent),
            col(Account.requests),
            col(Account.version),
        ).where(_ACCOUNT.in_(list(accounts)))
    )
    return {
        row[0]: Glance(Msat(row[1]), Msat(row[2]), Msat(row[3]), row[4], row[5]) for row in rows
    }
