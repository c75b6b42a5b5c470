"""Booking what moves between the node's own proofs and mints, whose fees the operator pays.

The account is signed: what has left one mint for another is an asset without a proof (below zero),
what is set aside for fees is owed to whoever takes it (above). At the end of each movement nothing
of it is left there::

    intent        own money ── the most that a mint can take ──> between
    it happened   between ── what left the mint ──> that mint's assets
                  between ── what was not needed ──> own money
    it arrived    assets of the other mint ──> between
    it failed     between ── all that was set aside ──> own money

Only what is the operator's own is set aside, so customers' money never pays for these movements.
"""

from typing import cast

from sqlalchemy import ColumnElement, select
from sqlmodel import col

from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import OPERATORS, AccountKind, TransferKind
from routstr.ledger.models import Account
from routstr.money import ZERO, Msat
from routstr.payment.deposits import asset_account, saga_key
from routstr.payment.surplus import require_surplus
from routstr.wallet.sagas import Saga


def set_aside(tx: Tx, saga: Saga, amount: Msat, at: int) -> None:
    """Take the most that mints can keep out of the node's own money, with the intent.

    Raises :class:`SurplusTooSmall` when there is not so much of it.
    """
    if amount <= ZERO:
        return
    require_surplus(tx, amount)
    post(
        tx,
        Entry(
            debit=_fees_account(tx, at),
            credit=transit_account(tx, at),
            amount=amount,
            kind=TransferKind.SET_ASIDE,
            key=saga_key(b"A", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def put_back(tx: Tx, saga: Saga, amount: Msat, at: int) -> None:
    """Return what was set aside and not needed."""
    if amount <= ZERO:
        return
    post(
        tx,
        Entry(
            debit=transit_account(tx, at),
            credit=_fees_account(tx, at),
            amount=amount,
            kind=TransferKind.SET_ASIDE_BACK,
            key=saga_key(b"E", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def leave(tx: Tx, saga: Saga, amount: Msat, at: int) -> None:
    """Let go of what left a saga's mint, the fee included."""
    if amount <= ZERO:
        return
    post(
        tx,
        Entry(
            debit=transit_account(tx, at),
            credit=asset_account(tx, saga, at),
            amount=amount,
            kind=TransferKind.MOVED_OUT,
            key=saga_key(b"G", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def arrive(tx: Tx, saga: Saga, at: int) -> None:
    """Take in what has arrived at a saga's mint."""
    post(
        tx,
        Entry(
            debit=asset_account(tx, saga, at),
            credit=transit_account(tx, at),
            amount=saga.net_msat,
            kind=TransferKind.MOVED_IN,
            key=saga_key(b"H", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def transit_account(tx: Tx, at: int) -> int:
    """Return the account of what is between."""
    return named_account(tx, AccountKind.TRANSIT, AccountKind.TRANSIT.name.lower(), at)


def lock(tx: Tx, at: int) -> None:
    """Lock what these bookings touch, in the order of all writers, when one does several of them.

    Assets come last: whoever holds one waits for none of these accounts.
    """
    transit_account(tx, at)
    kinds = [int(kind) for kind in (*OPERATORS, AccountKind.TRANSIT)]
    number = cast("ColumnElement[int]", col(Account.id))  # None only before the row exists
    query = select(number).where(col(Account.kind).in_(kinds)).order_by(number)
    tx.sql.execute(query.with_for_update()).all()


def _fees_account(tx: Tx, at: int) -> int:
    return named_account(tx, AccountKind.MINT_FEES, AccountKind.MINT_FEES.name.lower(), at)
