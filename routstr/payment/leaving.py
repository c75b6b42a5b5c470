"""Booking what leaves over Lightning: from its owner, through what is in flight, to the mint.

With the intent the owner is debited the most that can leave: amount, fee reserve, input fee. When
the payment is known, what the mint kept leaves the node's assets and the rest returns to its owner;
when it is known to have failed, all of it returns. Until then it belongs to nobody else.
"""

from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import ZERO, Msat
from routstr.payment.deposits import asset_account, saga_key
from routstr.wallet.sagas import Saga


def in_flight_account(tx: Tx, at: int) -> int:
    """Return the account of what is leaving over Lightning."""
    return named_account(tx, AccountKind.IN_FLIGHT, AccountKind.IN_FLIGHT.name.lower(), at)


def book_leaving(tx: Tx, saga: Saga, owner: int, kind: TransferKind, at: int) -> None:
    """Take the most that can leave from its owner, with the intent."""
    post(
        tx,
        Entry(
            debit=owner,
            credit=in_flight_account(tx, at),
            amount=saga.gross_msat,
            kind=kind,
            key=saga_key(b"O", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def book_paid(tx: Tx, saga: Saga, owner: int, back: TransferKind, at: int) -> None:
    """Let go of what the mint kept; the rest returns to its owner, as a transfer of kind ``back``.

    The owner comes first: writers lock customers before the node's accounts.
    """
    spent = spent_msat(saga)
    book_back(tx, saga, owner, back, at, amount=saga.gross_msat - spent)
    post(
        tx,
        Entry(
            debit=in_flight_account(tx, at),
            credit=asset_account(tx, saga, at),
            amount=spent,
            kind=TransferKind.LIGHTNING_PAID,
            key=saga_key(b"P", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


def book_back(
    tx: Tx, saga: Saga, owner: int, kind: TransferKind, at: int, *, amount: Msat | None = None
) -> None:
    """Return what did not leave to its owner: all of it, unless an amount is named."""
    amount = saga.gross_msat if amount is None else amount
    if amount > ZERO:
        post(
            tx,
            Entry(
                debit=in_flight_account(tx, at),
                credit=owner,
                amount=amount,
                kind=kind,
                key=saga_key(b"B", saga.id),
                reference=saga.id,
                at=at,
            ),
        )


def spent_msat(saga: Saga) -> Msat:
    """What left the wallet with a melt that is done: the payment and its fees."""
    assert saga.spent is not None, "a melt that is done says what it spent"
    return saga.unit.to_msat(saga.spent)


def lightning_fee_msat(saga: Saga) -> Msat:
    """What the payment itself cost, beside the invoice's amount and the mint's input fee."""
    return spent_msat(saga) - saga.unit.to_msat(saga.plan.pay) - saga.fee_msat
