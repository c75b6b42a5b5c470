"""What accounts stand for and why amounts move. Numbers are in the books and never change."""

from enum import IntEnum
from typing import Final


class AccountKind(IntEnum):
    """What an account stands for. Customers and issued tokens never go below zero."""

    KEY = 1  # an API key's balance
    PAYMENT = 2  # one X-Cashu payment
    UNCLAIMED = 3  # tokens given out and not yet redeemed
    SUSPENSE = 4  # late or ownerless money
    IN_FLIGHT = 5  # leaving over Lightning, not yet known to be paid
    ASSET = 10  # ecash at one mint in one unit (negative: value came from there)
    TRANSIT = 11  # between two mints
    REVENUE = 20
    MINT_FEES = 21
    ROUNDING = 22
    LOSS = 23
    DONATIONS = 24
    CAPITAL = 25  # the operator's own money
    PAYOUTS = 26


NEVER_NEGATIVE: Final = frozenset(
    {
        AccountKind.KEY,
        AccountKind.PAYMENT,
        AccountKind.UNCLAIMED,
        AccountKind.SUSPENSE,
        AccountKind.IN_FLIGHT,
    }
)
CUSTOMERS: Final = frozenset({AccountKind.KEY, AccountKind.PAYMENT})
OPERATORS: Final = frozenset(
    {
        AccountKind.REVENUE,
        AccountKind.MINT_FEES,
        AccountKind.ROUNDING,
        AccountKind.LOSS,
        AccountKind.DONATIONS,
        AccountKind.CAPITAL,
        AccountKind.PAYOUTS,
    }
)
"""What they add up to is the operator's own: assets less everything that is owed."""


class TransferKind(IntEnum):
    """Why an amount moved; the name in lower case is what clients see in their history."""

    DEPOSIT = 1
    CHARGE = 2
    REFUND = 3
    MINT_FEE = 4
    LATE_LOSS = 5
    CLAIM = 6  # an issued token was redeemed by its owner
    REFUND_UNDONE = 7  # the mint refused to issue the refund; the balance is back
    CAPITAL = 8
    LIGHTNING_REFUND = 9  # a balance leaves over Lightning, the fees at most included
    LIGHTNING_RETURN = 10  # what was not needed of it, or all of it, is back
    LIGHTNING_PAID = 11  # what a mint kept: the payment and its fees
    PAYOUT = 12  # the operator takes profit out
    PAYOUT_RETURN = 13
    GRANT = 14  # the operator credits a key, out of what is the operator's own
    FOUND = 30  # ecash of this node's that its books did not know
    LOST = 31  # ecash in the books that its mint says is spent
    RELEASED = 32  # what had been found, to the operator or to a key
    CHILD_KEYS = 40  # what the node takes for making them
    SET_ASIDE = 50  # of the operator's own, for what mints may take of a movement of the node's
    SET_ASIDE_BACK = 51  # what they did not take
    MOVED_OUT = 52  # left a mint for another, or was its fee
    MOVED_IN = 53  # arrived at the other


DEPOSITS: Final = (TransferKind.DEPOSIT, TransferKind.GRANT)
"""What counts as money that has come in on an account."""
