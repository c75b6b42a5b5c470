"""What movements of a purse mean. There is no ledger: what the proofs are worth is all there is.

A token that pays a node counts as given out until it is *settled*: until its change is here, or the
token itself is back. Both are receive sagas that name the payment, and settle it in the transaction
in which their ecash arrives.
"""

from typing import Final

from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Tx, node_values
from routstr.wallet import purse as proofs
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet, mark_claimed

NOBODY: Final = 0
"""The account of everything here."""
TAKEN_IN: Final = "purse_in"
GIVEN: Final = "purse_out"
PAID: Final = "purse_payment"
CHANGE: Final = "purse_change"

NODE: Final = "node"
"""In the context of a payment: the address of the node that it is for."""
OF: Final = "of"
"""In the context of change: the payment that it settles."""


class Moved:
    """A movement that has no further meaning."""

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Nothing else is written."""

    def done(self, tx: Tx, saga: Saga) -> int:  # noqa: ARG002 - the port's
        """It is for the one who has the purse."""
        return NOBODY

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing is undone."""


class Settled(Moved):
    """Change, or a token that came back: it settles a payment."""

    def __init__(self, clock: Clock) -> None:
        self._clock: Final = clock

    def done(self, tx: Tx, saga: Saga) -> int:
        """Settle the payment together with what has arrived."""
        settle(tx, saga.context[OF], self._clock.now_ms())
        return NOBODY


def settle(tx: Tx, payment: int, at: int) -> None:
    """Nothing more is to come of this payment, or of a token that was given out."""
    mark_claimed(tx, proofs.issued_by(tx.sql, payment), at)
    node_values.forget(tx, _change_of(payment))


def keep_change(tx: Tx, payment: int, sealed: bytes) -> None:
    """Keep what a node has said is the change of a payment, until that is settled."""
    node_values.forget(tx, _change_of(payment))
    node_values.remember(tx, _change_of(payment), sealed)


def kept_change(connection: Connection, payment: int) -> bytes | None:
    """What was kept last."""
    return node_values.look_up(connection, _change_of(payment))


def _change_of(payment: int) -> str:
    return f"change {payment}"


def register(wallet: Wallet, clock: Clock) -> None:
    """Name who takes part in a purse's movements."""
    for purpose in (TAKEN_IN, GIVEN, PAID):
        wallet.register(purpose, Moved())
    wallet.register(CHANGE, Settled(clock))
