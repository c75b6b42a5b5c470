"""Tokens that are given to the node: income, on an account of its own."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.errors import TokenAlreadySpent
from routstr.ledger.accounts import named_account
from routstr.ledger.entries import AccountKind
from routstr.money import ZERO
from routstr.payment.deposits import admit_purchase, book_deposit
from routstr.payment.intake import Intake
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga

DONATION: Final = "donation"
REF_CHARS_MAX: Final = 200


class DonationCompletion:
    """Books what arrived as income."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing moves before the mint has answered."""
        admit_purchase(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the donation."""
        at = self._clock.now_ms()
        kind = AccountKind.DONATIONS
        account = named_account(tx, kind, kind.name.lower(), at)
        book_deposit(tx, saga, account, at)
        return account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was given."""


async def donate(intake: Intake, text: str, ref: str | None) -> Saga:
    """Redeem a token for the node, once; ``ref`` is kept with it, cut to what fits.

    Raises what says that the token is not good, or that it cannot be redeemed now.
    """
    context = {"ref": (ref or "")[:REF_CHARS_MAX]}
    saga = await intake.receive(Deposit(token.decode(text), DONATION, None, context, ZERO))
    if saga.purpose != DONATION:
        raise TokenAlreadySpent
    return saga
