"""Giving a balance back over Lightning, to an address that its owner names.

The payment and every fee come out of the balance: what is asked of the recipient is the most that
fits, found by quoting. What is over afterwards, also what the mint returns of its fee reserve,
stays balance. There is one such refund of an account at a time, and it is told again, open or paid,
until new money comes in or there is something that it did not pay for want of ecash at its mint, or
because the recipient takes no more at a time: that is paid by asking again.
"""

import secrets
from contextlib import suppress
from dataclasses import dataclass
from typing import Final, TypeVar

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.errors import (
    BalanceChanged,
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    NothingToRefund,
    RefundBlocked,
    RefundUnderWay,
    RefundWithheld,
    RoutstrError,
    WalletError,
)
from routstr.ledger import books
from routstr.ledger.books import Balance
from routstr.ledger.entries import TransferKind
from routstr.money import MSAT_PER_SAT, Msat, Unit
from routstr.payment.claims import DEPOSITED
from routstr.payment.leaving import (
    book_back,
    book_leaving,
    book_paid,
    lightning_fee_msat,
    spent_msat,
)
from routstr.payment.lightning_out import ELSEWHERE, pay_most
from routstr.payment.lnurl import Lnurl, PayOffer
from routstr.payment.places import Spot, next_place
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import Saga, newest_melt_of, open_melts_of, open_sends_of
from routstr.wallet.service import Wallet

LIGHTNING_REFUND: Final = "lightning_refund"
_REFUND: Final = "refund"
_RECIPIENT: Final = "recipient"
_ID_BYTES: Final = 16
ErrorT = TypeVar("ErrorT", bound=RoutstrError)


@dataclass(frozen=True, slots=True)
class LightningRefund:
    """A refund that was paid: ``amount`` msat arrived at ``recipient``.

    ``mint_fee`` and ``lightning_fee`` left the balance with it. ``repeated``: it had been paid
    before it was asked for this time.
    """

    refund_id: str
    recipient: str
    amount: Msat
    unit: Unit
    mint: str
    mint_fee: Msat
    lightning_fee: Msat
    repeated: bool


class LightningRefundCompletion:
    """Debits the owner with the intent, and gives back what was not needed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Take the most that can leave from the balance; one refund of an account at a time."""
        book_leaving(tx, saga, _owner(saga), TransferKind.LIGHTNING_REFUND, self._clock.now_ms())
        # the account is locked by now: another refund of it is seen, or waits and sees this one
        if open_melts_of(tx.sql, _owner(saga), LIGHTNING_REFUND) != [saga.id]:
            raise RefundUnderWay

    def done(self, tx: Tx, saga: Saga) -> int:
        """Return what the payment did not need."""
        at = self._clock.now_ms()
        book_paid(tx, saga, _owner(saga), TransferKind.LIGHTNING_RETURN, at)
        return _owner(saga)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Return everything."""
        book_back(tx, saga, _owner(saga), TransferKind.LIGHTNING_RETURN, self._clock.now_ms())


class LightningRefunds:
    """Pays balances out over Lightning."""

    def __init__(self, db: Database, wallet: Wallet, lnurl: Lnurl) -> None:
        self._db = db
        self._wallet = wallet
        self._lnurl = lnurl

    def check(self, address: str) -> None:
        """Raise :class:`LightningAddressRefused` for what is no address; asks nobody."""
        self._lnurl.check(address)

    async def pay(
        self, account: int, mint: str, unit: Unit, address: str, *, rest: bool = False
    ) -> LightningRefund:
        """Pay what is available to a Lightning address or LNURL, preferably from ``mint``.

        Asked again, it pays what the last refund to this address had to leave out, and tells that
        one when there is no such thing. ``rest``: pay also what came back of its fees.

        Raises :class:`RefundUnderWay` while a refund is open, :class:`RefundWithheld` when this
        one has begun and nobody knows how it ended (both with its id and status in ``fields``),
        :class:`LightningAddressRefused`, :class:`RefundBlocked` while requests are running,
        :class:`NothingToRefund`, :class:`BalanceTooSmall`, :class:`InsufficientLiquidity`,
        :class:`LightningFailed`, or a mint's error: then the balance is what it was.
        """
        state, earlier = await self._look(account, address)
        if earlier is not None and not rest and _took_all(earlier, state):
            return _refund(earlier, repeated=True)
        _check(state)
        offer = await self._lnurl.offer(address)
        try:
            saga = await self._send(account, (mint, unit), offer, address, state)
        except BalanceTooSmall:
            if earlier is None or rest:
                raise
            return _refund(earlier, repeated=True)
        except (InsufficientBalance, WalletError) as error:
            _, later = await self._look(account, address)  # perhaps another refund was faster
            if later is not None and not rest and (earlier is None or later.id != earlier.id):
                return _refund(later, repeated=True)
            if isinstance(error, InsufficientBalance):
                raise BalanceChanged from None
            raise
        if saga.state is SagaState.OPEN:
            raise with_id(RefundWithheld(), saga)
        return _refund(saga, repeated=False)

    async def require_none(self, account: int) -> None:
        """Raise :class:`RefundUnderWay` while a Lightning refund of an account is open."""
        newest = await self._db.read(lambda c: newest_melt_of(c, account, LIGHTNING_REFUND))
        if newest is not None:
            await self._ended(newest)

    async def _look(self, account: int, address: str) -> tuple[Balance, Saga | None]:
        """Read the balance, and the refund to this address since money last came in, if any.

        One snapshot, so that a debit has its saga; looked at again when a refund ended meanwhile.
        """
        while True:
            state, newest, tokens = await self._db.read(
                lambda c: (
                    books.balance(c, account),
                    newest_melt_of(c, account, LIGHTNING_REFUND),
                    open_sends_of(c, account),
                )
            )
            if tokens:
                raise RefundUnderWay("A refund of this key as ecash is under way. Please retry.")
            if newest is None:
                return state, None
            saga, waited = await self._ended(newest)
            if waited:
                continue
            context = saga.context
            is_same = context[_RECIPIENT] == address and context[DEPOSITED] == state.deposited
            return state, saga if is_same else None

    async def _ended(self, saga_id: int) -> tuple[Saga, bool]:
        """Return a refund's saga that has ended, and whether it ended only now."""
        saga = await self._wallet.saga(saga_id)
        if saga.state is not SagaState.OPEN:
            return saga, False
        with suppress(WalletError):  # its mint cannot be asked now
            saga = await self._wallet.look_at_melt(saga_id)
        if saga.state is SagaState.OPEN:
            raise with_id(RefundUnderWay(), saga)
        return saga, True

    async def _send(
        self, account: int, home: Spot, offer: PayOffer, address: str, state: Balance
    ) -> Saga:
        """Pay everything from one mint: the owner's own, then the fullest; else what one has.

        Where nothing can be paid, what went wrong at the first place is told: it had the most. So
        it is where others have less than half: better all of it later than a little now.
        """
        tried: set[Spot] = set()
        problem: RoutstrError | None = None
        while True:
            listed = self._wallet.mints.urls
            holdings = [h for h in await self._wallet.holdings() if h.mint in listed]
            place = next_place(holdings, home, state.available, tried)
            if place is None or (problem is not None and place.worth * 2 < state.available):
                raise problem or InsufficientLiquidity
            tried.add(place.spot)
            context = {
                _REFUND: secrets.token_hex(_ID_BYTES),
                _RECIPIENT: address,
                DEPOSITED: int(state.deposited),
            }
            try:
                return await pay_most(
                    self._wallet,
                    self._lnurl,
                    offer,
                    place.mint,
                    place.unit,
                    place.gross,
                    purpose=LIGHTNING_REFUND,
                    account=account,
                    context=context,
                )
            except (*ELSEWHERE, BalanceTooSmall) as error:
                problem = problem or error


def with_id(error: ErrorT, saga: Saga) -> ErrorT:
    """Let an error tell which refund it is about."""
    error.fields = {"refund_id": saga.context[_REFUND], "status": "pending"}
    return error


def _check(state: Balance) -> None:
    """Refuse what cannot be paid out now."""
    if state.reserved:
        raise RefundBlocked(details={"reserved_msat": int(state.reserved)})
    if not state.available:
        raise NothingToRefund
    if not state.available.sats_down:
        raise BalanceTooSmall(details={"available_msat": int(state.available)})


def _took_all(saga: Saga, state: Balance) -> bool:
    """Whether a whole sat is left beside what came back of the refund's fee reserve."""
    returned = int(saga.gross_msat) - int(spent_msat(saga))
    return int(state.available) - returned < MSAT_PER_SAT


def _owner(saga: Saga) -> int:
    assert saga.account is not None, "a refund names its account from the start"
    return saga.account


def _refund(saga: Saga, *, repeated: bool) -> LightningRefund:
    return LightningRefund(
        refund_id=saga.context[_REFUND],
        recipient=saga.context[_RECIPIENT],
        amount=saga.unit.to_msat(saga.plan.pay),
        unit=saga.unit,
        mint=saga.mint,
        mint_fee=saga.fee_msat,
        lightning_fee=lightning_fee_msat(saga),
        repeated=repeated,
    )
