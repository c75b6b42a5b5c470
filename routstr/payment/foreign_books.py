"""What a foreign mint's token does to the books when it has paid for ecash of another mint.

What arrives is a deposit like that of any paid invoice. What the token left over is an asset at its
own mint and owed as a token, both until its owner has redeemed it.
"""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, post
from routstr.ledger.entries import TransferKind
from routstr.payment.claims import unclaimed_account
from routstr.payment.deposits import admit_purchase, asset_account, saga_key
from routstr.wallet.sagas import Saga

PASSING: Final = "passing"
"""Purpose of the sagas that spend such tokens."""


class PassingCompletion:
    """Books the change of a token that paid for ecash of another mint."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing moves before the mint has paid."""
        admit_purchase(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Owe the change as a token; what it paid for is booked when it arrives."""
        assert saga.spent is not None, "a saga that is done says what it spent"
        at = self._clock.now_ms()
        account = unclaimed_account(tx, at)
        if change := saga.unit.to_msat(saga.plan.face - saga.spent):
            post(
                tx,
                Entry(
                    debit=asset_account(tx, saga, at),
                    credit=account,
                    amount=change,
                    kind=TransferKind.DEPOSIT,
                    key=saga_key(b"W", saga.id),
                    reference=saga.id,
                    at=at,
                ),
            )
        return account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was spent here."""
