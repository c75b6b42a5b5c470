"""Booking what a redeemed token brought: from the mint's asset account to whoever it is for."""

from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.ledger import verdict
from routstr.ledger.accounts import Entry, asset_name, named_account, post
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.wallet.sagas import Saga

TOPUP: Final = "topup"


def saga_key(letter: bytes, saga_id: int) -> bytes:
    """Idempotency key of one of the transfers that a saga can cause."""
    return letter + saga_id.to_bytes(8, "big")


def asset_account(tx: Tx, saga: Saga, at: int) -> int:
    """Return the account of the ecash that a saga moves."""
    return named_account(tx, AccountKind.ASSET, asset_name(saga.mint, saga.unit.value), at)


def admit_deposit(tx: Tx) -> None:
    """Let a deposit's intent pass, or raise ``DepositsClosed``: then nothing is written."""
    verdict.require_open(tx)


def book_deposit(tx: Tx, saga: Saga, account: int, at: int) -> None:
    """Credit what arrived: the token's amount less the mint's fee, which its owner bears."""
    post(
        tx,
        Entry(
            debit=asset_account(tx, saga, at),
            credit=account,
            amount=saga.net_msat,
            kind=TransferKind.DEPOSIT,
            key=saga_key(b"R", saga.id),
            reference=saga.id,
            at=at,
        ),
    )


class TopupCompletion:
    """Credits a top-up to the account that asked for it."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing moves before the mint has answered."""
        admit_deposit(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Book the deposit."""
        assert saga.account is not None, "a top-up names its account from the start"
        book_deposit(tx, saga, saga.account, self._clock.now_ms())
        return saga.account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Nothing was credited."""
