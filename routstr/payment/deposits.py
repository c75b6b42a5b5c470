"""Booking what a redeemed token brought: from the mint's asset account to whoever it is for."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger import verdict
from routstr.ledger.accounts import Entry, asset_name, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.payment import maintenance
from routstr.wallet.models import SagaKind
from routstr.wallet.sagas import Completion, Saga

TOPUP: Final = "topup"
LIGHTNING_CREATE: Final = "lightning_create"
LIGHTNING_TOPUP: Final = "lightning_topup"
FOREIGN: Final = "foreign_"
"""In front of what a token is for, when it comes from a mint that the node keeps no money at."""
FOREIGN_CREATE: Final = FOREIGN + "create"
FOREIGN_TOPUP: Final = FOREIGN + TOPUP


_LETTERS: Final = {SagaKind.RECEIVE: b"R", SagaKind.MINT: b"I", SagaKind.FORWARD: b"W"}
DEPOSIT_LETTERS: Final = tuple(_LETTERS.values())


def saga_key(letter: bytes, saga_id: int) -> bytes:
    """Idempotency key of one of the transfers that a saga can cause.

    Deposits: R for a token, I for a paid invoice, W for what a token that paid one left over. Over
    Lightning: O leaves its owner, P is paid, B is back. Between the node's own proofs and mints: A
    is set aside, E put back, G left, H is there. Brought along by the operator: M. Proofs that were
    found: Y, lost: V and Z. Not of sagas: C and L of a hold, N of child keys, Q of a release and T
    of a grant, by their names.
    """
    return letter + saga_id.to_bytes(8, "big")


def asset_account(tx: Tx, saga: Saga, at: int) -> int:
    """Return the account of the ecash that a saga moves."""
    return named_account(tx, AccountKind.ASSET, asset_name(saga.mint, saga.unit.value), at)


def admit_deposit(tx: Tx) -> None:
    """Let a deposit's intent pass, or raise ``DepositsClosed``: then nothing is written."""
    verdict.require_open(tx)


def admit_purchase(tx: Tx) -> None:
    """Let the intent of a deposit that stays pass: not under maintenance, ``UnderMaintenance``."""
    admit_deposit(tx)
    maintenance.require_off(tx)


def book_deposit(tx: Tx, saga: Saga, account: int, at: int) -> None:
    """Credit what arrived: the amount less the mint's fee, which its owner bears."""
    post(
        tx,
        Entry(
            debit=asset_account(tx, saga, at),
            credit=account,
            amount=saga.net_msat,
            kind=TransferKind.DEPOSIT,
            key=saga_key(_LETTERS[saga.kind], saga.id),
            reference=saga.id,
            at=at,
        ),
    )


class PaidCompletion:
    """Books a payment that has happened already, as ``inner`` does: there is nothing to refuse."""

    def __init__(self, inner: Completion) -> None:
        self._inner = inner

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Let it pass, also while deposits are closed: the payer's money is at the mint."""

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the deposit."""
        return self._inner.done(tx, saga)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was credited yet; another saga tries again."""
        self._inner.failed(tx, saga)


class TopupCompletion:
    """Credits a top-up to the account that asked for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing moves before the mint has answered."""
        admit_purchase(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the deposit."""
        assert saga.account is not None, "a top-up names its account from the start"
        book_deposit(tx, saga, saga.account, self._clock.now_ms())
        return saga.account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was credited."""
