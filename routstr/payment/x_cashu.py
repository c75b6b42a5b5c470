"""Payment by a token per request: the ``X-Cashu`` header.

A token pays for one request. It is redeemed into an account of its own, which takes one hold and no
second one; what is left is given back as a token of the same mint and unit::

    token ── receive ──> account ── one hold, settled or released ── send ──> change
      │ too small, refused:       │ a crash: it expires               │ the mint is away:
      │ as it was                 │                                   │ stays in the account
      │                           └───────────────┬───────────────────┘
                       whoever has the token can claim what is in the account

The token is the account's only credential, in whichever encoding, and for nothing else.
"""

import asyncio
from dataclasses import dataclass
from typing import Final

from sqlalchemy.exc import SQLAlchemyError

from routstr.core.clock import Clock
from routstr.core.db import Tx
from routstr.core.logging import get_logger
from routstr.errors import (
    BalanceChanged,
    BalanceTooSmall,
    DepositsClosed,
    FeesExceedAmount,
    MintExposureReached,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    NothingToRefund,
    RedemptionPending,
    RefundBlocked,
    RefundNotFound,
    RefundPending,
    RoutstrError,
    TokenTooLarge,
    UntrustedMint,
)
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.money import Msat, Unit
from routstr.payment.change import Change
from routstr.payment.deposits import admit_deposit, book_deposit
from routstr.payment.intake import Intake
from routstr.payment.refund import Refund, Refunds
from routstr.payment.used_tokens import PAYMENT, already_used
from routstr.wallet import token
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet
from routstr.wallet.token import Token

_log = get_logger(__name__)

HEADER: Final = "X-Cashu"
CHANGE_SECONDS_MAX: Final = 10.0
"""How long an answer waits for its change; the mint may go on with it."""
_ECHO_CHARS_MAX: Final = 8_000
"""Longer headers are refused by some clients, and they have the token."""
_RETRY: Final = {"Retry-After": "2"}
_NOT_REDEEMED: Final = (
    DepositsClosed,
    FeesExceedAmount,
    MintExposureReached,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    TokenTooLarge,
    UntrustedMint,
)


class PaymentCompletion:
    """Opens the account of a payment in the transaction that credits its money."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:  # noqa: ARG002 - the port's
        """Refuse while deposits are closed. Nothing exists before the mint has answered."""
        admit_deposit(tx)

    def done(self, tx: Tx, saga: Saga) -> int:
        """Open the account and book the deposit."""
        at = self._clock.now_ms()
        account = open_account(tx, AccountKind.PAYMENT, at)
        book_deposit(tx, saga, account, at)
        return account

    def failed(self, tx: Tx, saga: Saga) -> None:
        """There is no account."""


@dataclass(frozen=True, slots=True)
class Payment:
    """A redeemed token: the account that it pays from, and where its change is made."""

    account: int
    key_id: str
    mint: str
    unit: Unit
    credited: Msat
    mint_fee: Msat
    refunds: Refunds

    @property
    def unanswered(self) -> Change:
        """The change as it stands before anything has happened: all of it can be claimed."""
        return self.pending(self.credited)

    def pending(self, owned: Msat) -> Change:
        """Tell what is left as change that can be claimed."""
        return Change(mint_fee=self.mint_fee, left=owned, pending=True)

    async def give_back(self, owned: Msat) -> Change:
        """Give back what is left, in whole units of the mint; trouble makes it pending."""
        rest = Change(mint_fee=self.mint_fee, left=owned)
        if not self.unit.from_msat_down(owned):
            return rest
        try:
            async with asyncio.timeout(CHANGE_SECONDS_MAX):
                given = await self.refunds.refund(self.account, self.mint, self.unit, home=True)
        except (BalanceTooSmall, NothingToRefund):
            return rest
        except (RoutstrError, SQLAlchemyError, TimeoutError) as error:
            # the request was served, and its answer waits for this: it must not be lost for it
            reason = error.code if isinstance(error, RoutstrError) else type(error).__name__
            _log.warning("change_pending", key_id=self.key_id, mint=self.mint, reason=reason)
            return self.pending(owned)
        return Change(
            token=given.token,
            amount=given.worth,
            mint_fee=self.mint_fee + given.mint_fee,
            left=owned - given.worth - given.mint_fee,
            pending=bool(given.more or given.under_way),  # an answer has room for one token
        )


class XCashu:
    """Redeems tokens that pay for a request, and answers who claims the change of one."""

    def __init__(self, intake: Intake, wallet: Wallet, refunds: Refunds) -> None:
        self._intake: Final = intake
        self._wallet: Final = wallet
        self._refunds: Final = refunds

    async def redeem(self, text: str, *, minimum: Msat) -> Payment:
        """Redeem a token that is worth ``minimum`` net of its mint's fee.

        A token that was redeemed for a payment already names its account again: whether it can
        still pay is decided by the hold. Raises the wallet's errors, with the token in the
        ``X-Cashu`` header where it certainly was not redeemed.
        """
        given = token.decode(text)
        try:
            saga = await self._intake.receive(Deposit(given, PAYMENT, None, {}, minimum))
        except _NOT_REDEEMED as error:
            await self._echo(error, text, given)
            raise
        if saga.purpose != PAYMENT:
            raise already_used(saga.purpose)
        return self._payment(saga)

    async def claim(self, text: str) -> tuple[Payment, Refund]:
        """Give the change of a payment to whoever has its token; the same change every time.

        Raises :class:`RefundNotFound`, :class:`RefundPending` while the payment is under way, what
        :meth:`Refunds.refund` raises, or the errors of a token that is none.
        """
        saga = await self._wallet.find(token.ys(token.decode(text)))
        if saga is None or saga.purpose != PAYMENT:
            raise RefundNotFound
        if saga.account is None:
            raise RefundPending(headers=_RETRY)
        payment = self._payment(saga)
        try:
            refund = await self._refunds.refund(
                payment.account, payment.mint, payment.unit, home=True
            )
        except (BalanceChanged, RedemptionPending, RefundBlocked) as error:
            raise RefundPending(headers=_RETRY) from error
        except (BalanceTooSmall, NothingToRefund):
            again = await self._refunds.last(payment.account)
            if again is None:
                raise
            refund = again
        return payment, refund

    async def account_of(self, text: str) -> int | None:
        """Return the account that a token paid into for a request; None: it is none of those."""
        saga = await self._wallet.find(token.ys(token.decode(text)))
        return None if saga is None or saga.purpose != PAYMENT else saga.account

    def _payment(self, saga: Saga) -> Payment:
        assert saga.account is not None, "the account is opened when the token is redeemed"
        return Payment(
            saga.account,
            f"payment_{saga.id}",
            saga.mint,
            saga.unit,
            saga.net_msat,
            saga.fee_msat,
            self._refunds,
        )

    async def _echo(self, error: RoutstrError, text: str, given: Token) -> None:
        """Show the token in the answer, unless a saga has it by now, which may redeem it yet."""
        if len(text) <= _ECHO_CHARS_MAX and await self._wallet.find(token.ys(given)) is None:
            error.headers = {**error.headers, HEADER: text}
