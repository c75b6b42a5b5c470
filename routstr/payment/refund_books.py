"""What money that is given back as a token does to the books.

The account is debited when the saga is intended, into what the node owes for tokens given out; the
mint's fee leaves from there when the token exists, the rest when its owner has redeemed it
(:mod:`routstr.payment.claims`).
"""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger.accounts import Entry, post
from routstr.ledger.entries import TransferKind
from routstr.payment.claims import unclaimed_account
from routstr.payment.deposits import asset_account, saga_key
from routstr.wallet.sagas import Saga

REFUND: Final = "refund"


class RefundCompletion:
    """Debits the owner with the intent, books the fee with the token, undoes what was refused."""

    def __init__(
        self,
        clock: Clock,
        *,
        out: TransferKind = TransferKind.REFUND,
        back: TransferKind = TransferKind.REFUND_UNDONE,
    ) -> None:
        self._clock = clock
        self._out = out
        self._back = back

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Owe the amount as a token instead of as a balance."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        post(
            tx,
            Entry(
                debit=saga.account,
                credit=unclaimed_account(tx, at),
                amount=saga.gross_msat,
                kind=self._out,
                key=saga_key(b"S", saga.id),
                reference=saga.id,
                at=at,
            ),
        )

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the fee that the mint kept."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        if saga.fee:
            post(
                tx,
                Entry(
                    debit=unclaimed_account(tx, at),
                    credit=asset_account(tx, saga, at),
                    amount=saga.fee_msat,
                    kind=TransferKind.MINT_FEE,
                    key=saga_key(b"F", saga.id),
                    reference=saga.id,
                    at=at,
                ),
            )
        return saga.account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Give the whole amount back to its owner."""
        assert saga.account is not None, "a refund names its account from the start"
        at = self._clock.now_ms()
        post(
            tx,
            Entry(
                debit=unclaimed_account(tx, at),
                credit=saga.account,
                amount=saga.gross_msat,
                kind=self._back,
                key=saga_key(b"U", saga.id),
                reference=saga.id,
                at=at,
            ),
        )
