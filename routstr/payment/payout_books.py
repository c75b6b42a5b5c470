"""What payouts do to the books: what leaves is taken out of the surplus by the intent itself."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.errors import PayoutUnderWay
from routstr.ledger import verdict
from routstr.ledger.entries import TransferKind
from routstr.payment import operator_calls
from routstr.payment.leaving import book_back, book_leaving, book_paid
from routstr.payment.refund_books import RefundCompletion
from routstr.payment.surplus import require_surplus
from routstr.wallet.sagas import Saga, open_melts_of

PAYOUT: Final = "payout"
WITHDRAW: Final = "withdraw"


class PayoutCompletion:
    """Takes a payout over Lightning out of the surplus, and returns what it did not need."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Take the most that can leave; refuse what the surplus does not cover."""
        verdict.require_open(tx)
        require_surplus(tx, saga.gross_msat)
        # the account is locked by now: another payout is seen, or waits and sees this one
        if open_melts_of(tx.sql, _account(saga), PAYOUT) != [saga.id]:
            raise PayoutUnderWay
        at = self._clock.now_ms()
        operator_calls.note(tx, saga, at)
        book_leaving(tx, saga, _account(saga), TransferKind.PAYOUT, at)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Return what the payment did not need."""
        at = self._clock.now_ms()
        book_paid(tx, saga, _account(saga), TransferKind.PAYOUT_RETURN, at)
        return _account(saga)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Return everything."""
        operator_calls.free(tx, saga)
        book_back(tx, saga, _account(saga), TransferKind.PAYOUT_RETURN, self._clock.now_ms())


class WithdrawCompletion(RefundCompletion):
    """Owes a token to the operator, out of the surplus; it is booked as any token given out."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock, out=TransferKind.PAYOUT, back=TransferKind.PAYOUT_RETURN)

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Refuse what the surplus does not cover."""
        verdict.require_open(tx)
        require_surplus(tx, saga.gross_msat)
        operator_calls.note(tx, saga, self._clock.now_ms())
        super().intended(tx, saga)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Return everything."""
        operator_calls.free(tx, saga)
        super().failed(tx, saga)


def _account(saga: Saga) -> int:
    assert saga.account is not None, "a payout names its account from the start"
    return saga.account
