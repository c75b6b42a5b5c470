"""Reading the books: balances and history of one account, and the sums of the node's own."""

from collections.abc import Mapping
from typing import Final, cast

from msgspec import Struct
from sqlalchemy import (
    ColumnElement,
    Connection,
    Select,
    case,
    func,
    literal_column,
    select,
    union_all,
)
from sqlmodel import col

from routstr.ledger.entries import AccountKind, TransferKind
from routstr.ledger.models import Account, Hold, Transfer
from routstr.money import Msat

PAGE_MAX: Final = 500


class Balance(Struct, frozen=True):
    """What an account has, and its running totals, as of one moment."""

    total: Msat
    reserved: Msat
    deposited: Msat
    spent: Msat
    requests: int
    created_at: int  # ms
    last_used_at: int | None

    @property
    def available(self) -> Msat:
        """What can be spent now."""
        return self.total - self.reserved


class Movement(Struct, frozen=True):
    """One transfer as its account sees it: ``amount`` is signed."""

    id: int
    kind: TransferKind
    amount: Msat
    balance_after: Msat | None
    at: int  # ms
    reference: int
    request_id: str | None
    model: str | None
    endpoint: str | None
    prompt_tokens: int
    completion_tokens: int


def balance(connection: Connection, account: int) -> Balance:
    """Read an account's balance."""
    row = connection.execute(
        select(
            col(Account.posted),
            col(Account.held),
            col(Account.deposited),
            col(Account.spent),
            col(Account.requests),
            col(Account.created_at),
            col(Account.last_used_at),
        ).where(col(Account.id) == account)
    ).one()
    return Balance(Msat(row[0]), Msat(row[1]), Msat(row[2]), Msat(row[3]), *row[4:])


def node_balances(connection: Connection) -> Mapping[AccountKind, Msat]:
    """Add up the node's own accounts by what they stand for; customers' are not read.

    Postings sum to zero: what customers have is what is missing here.
    """
    named = col(Account.name) > ""  # customers' have none; written so, the index of names serves
    rows = connection.execute(
        select(col(Account.kind), func.sum(col(Account.posted)))
        .where(named)
        .group_by(col(Account.kind))
    )
    return {AccountKind(kind): Msat(int(posted)) for kind, posted in rows}


def history(
    connection: Connection, account: int, *, limit: int, before: int | None
) -> list[Movement]:
    """List an account's transfers, newest first, those with an id below ``before``."""
    page = _page(account, min(limit, PAGE_MAX), before)
    signed = case(
        (col(Transfer.credit) == account, col(Transfer.amount)), else_=-col(Transfer.amount)
    )
    query = (
        select(
            col(Transfer.id),
            col(Transfer.kind),
            signed,
            col(Transfer.balance_after),
            col(Transfer.created_at),
            col(Transfer.reference),
            col(Hold.request_id),
            col(Hold.model),
            col(Hold.endpoint),
            col(Hold.prompt_tokens),
            col(Hold.completion_tokens),
        )
        .outerjoin(
            Hold,
            (col(Hold.id) == col(Transfer.reference))
            & (col(Transfer.kind) == int(TransferKind.CHARGE)),
        )
        .where(col(Transfer.id).in_(page))
        .order_by(col(Transfer.id).desc())
    )
    return [
        Movement(
            row[0],
            TransferKind(row[1]),
            Msat(row[2]),
            None if row[3] is None else Msat(row[3]),
            at=row[4],
            reference=row[5],
            request_id=row[6],
            model=row[7],
            endpoint=row[8],
            prompt_tokens=row[9] or 0,
            completion_tokens=row[10] or 0,
        )
        for row in connection.execute(query)
    ]


def _page(account: int, limit: int, before: int | None) -> Select[int]:
    """Select the ids of a page, reading no more of each index than the page is long."""
    # as the index says it, not as a parameter
    charge: ColumnElement[int] = literal_column(str(int(TransferKind.CHARGE)))
    transfer = cast("ColumnElement[int]", col(Transfer.id))  # None only before the row exists
    sides = (
        col(Transfer.debit) == account,
        (col(Transfer.credit) == account) & (col(Transfer.kind) != charge),
    )
    newest = []
    for side in sides:
        query = select(transfer).where(side).order_by(transfer.desc()).limit(limit)
        if before is not None:
            query = query.where(transfer < before)
        newest.append(select(query.subquery().c.id))
    both = union_all(*newest).subquery()
    return select(both.c.id).order_by(both.c.id.desc()).limit(limit)
