"""What moves between mints do to the books; see :mod:`routstr.payment.moving`."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.errors import SwapUnderWay
from routstr.money import Msat
from routstr.payment import operator_calls, transit
from routstr.wallet import mint_swaps
from routstr.wallet.sagas import Saga

SWAP_OUT: Final = "swap_out"
SWAP_IN: Final = "swap_in"
MOVE: Final = "swap"  # both in a saga's context: the row, and what shall arrive
AMOUNT: Final = "amount_msat"


class SwapOutCompletion:
    """Books the half that leaves the source."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Set the most that it can cost aside; refuse what is not the operator's to spend."""
        transit.set_aside(tx, saga, saga.gross_msat - _amount(saga), self._clock.now_ms())
        if not mint_swaps.begin(tx, saga.context[MOVE], saga.id):
            raise SwapUnderWay
        operator_calls.note(tx, saga, self._clock.now_ms())

    def done(self, tx: Tx, saga: Saga) -> int:
        """It has left: the amount is between, and what was not needed comes back."""
        assert saga.spent is not None, "a melt that is done says what it spent"
        at, spent = self._clock.now_ms(), saga.unit.to_msat(saga.spent)
        transit.lock(tx, at)
        transit.put_back(tx, saga, saga.gross_msat - spent, at)
        transit.leave(tx, saga, spent, at)
        return transit.transit_account(tx, at)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing has left."""
        transit.put_back(tx, saga, saga.gross_msat - _amount(saga), self._clock.now_ms())
        mint_swaps.give_back(tx, saga.id)
        operator_calls.free(tx, saga)


class SwapInCompletion:
    """Books the half that arrives at the target."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """The payment has happened."""

    def done(self, tx: Tx, saga: Saga) -> int:
        """It is here."""
        at = self._clock.now_ms()
        transit.arrive(tx, saga, at)
        return transit.transit_account(tx, at)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """It will be tried again."""


def _amount(saga: Saga) -> Msat:
    return Msat(saga.context[AMOUNT])
