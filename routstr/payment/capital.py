"""Tokens that the operator brings along: their ecash is the node's working capital."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, post
from routstr.ledger.entries import TransferKind
from routstr.payment.deposits import admit_deposit, asset_account, saga_key
from routstr.payment.found import capital_account
from routstr.wallet.sagas import Saga

CAPITAL: Final = "capital"
CAPITAL_LETTERS: Final = (b"M",)


class CapitalCompletion:
    """Credits what a token brought to the operator's capital."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing moves before the mint has answered."""
        admit_deposit(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book what arrived; the mint's fee is the operator's."""
        at = self._clock.now_ms()
        capital = capital_account(tx, at)
        post(
            tx,
            Entry(
                debit=asset_account(tx, saga, at),
                credit=capital,
                amount=saga.net_msat,
                kind=TransferKind.CAPITAL,
                key=saga_key(CAPITAL_LETTERS[0], saga.id),
                reference=saga.id,
                at=at,
            ),
        )
        return capital

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was credited."""
