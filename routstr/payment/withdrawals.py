"""The operator gives a key's balance, or a part of it, out as a token.

It is a refund that the operator asks for: booked the same way, made by the same saga, and owed
until the token is redeemed. The key itself does not tell this token when its holder asks for a
refund; whoever the operator gives it to has it.

Each withdrawal has a name (:mod:`routstr.payment.operator_calls`): asked for again under the same
name it is the same token. What one mint cannot pay is left to another withdrawal.
"""

from dataclasses import dataclass, field
from typing import Final

from sqlalchemy.exc import NoResultFound

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.errors import (
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    NothingToRefund,
    RefundNotFound,
    RoutstrError,
)
from routstr.ledger import books
from routstr.money import Msat, Unit
from routstr.payment import operator_calls
from routstr.payment.claims import BY_OPERATOR
from routstr.payment.operator_calls import Call, CallRepeated
from routstr.payment.places import Place, Spot, next_place
from routstr.payment.refund_books import RefundCompletion
from routstr.wallet.sagas import Saga
from routstr.wallet.send import Withdrawal
from routstr.wallet.service import Wallet

KEY_WITHDRAWAL: Final = "key_withdrawal"
_ELSEWHERE: Final = (InsufficientLiquidity, MintRateLimited, MintRefused, MintUnreachable)
"""Nothing was debited, and another mint may pay."""


class KeyWithdrawalCompletion(RefundCompletion):
    """A refund that has a name."""

    def __init__(self, clock: Clock) -> None:
        super().__init__(clock)
        self._now = clock.now_ms

    def intended(self, tx: Tx, saga: Saga) -> None:
        """Store the name, and owe the amount as a token instead of as a balance."""
        operator_calls.note(tx, saga, self._now())
        super().intended(tx, saga)

    def failed(self, tx: Tx, saga: Saga) -> None:
        """Give name and amount back."""
        operator_calls.free(tx, saga)
        super().failed(tx, saga)


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be withdrawn from whose account.

    ``amount`` leaves the balance, the mint's fee included; None: all that is available. ``home`` is
    where the account's money goes first; ``mint`` and ``unit``: there and nowhere else.
    """

    name: str
    account: int
    home: Spot
    amount: Msat | None = None
    mint: str | None = None
    unit: Unit | None = None

    @property
    def call(self) -> Call:
        """Its name, and what makes it another request."""
        asked = (self.amount, self.mint, self.unit)
        return Call.of(self.name, KEY_WITHDRAWAL, self.account, *asked)


@dataclass(frozen=True, slots=True)
class Withdrawn:
    """A token that was given out. ``amount`` is its face value in ``unit``."""

    saga: int
    token: str = field(repr=False)
    amount: int
    unit: Unit
    mint: str
    debited: Msat
    mint_fee: Msat
    repeated: bool


class KeyWithdrawals:
    """Makes tokens of what keys have."""

    def __init__(self, db: Database, wallet: Wallet) -> None:
        self._db = db
        self._wallet = wallet

    async def withdraw(self, wish: Wish) -> Withdrawn:
        """Make the token, or tell the one that this name has made.

        Raises :class:`NothingToRefund`, :class:`BalanceTooSmall`, :class:`InsufficientBalance` for
        more than is available, :class:`InsufficientLiquidity` or a mint's errors: then nothing was
        debited. :class:`RedemptionPending`: it goes on, and is told when it is asked for again.
        """
        if (made := await self.made(wish)) is not None:
            return made
        amount = await self._amount(wish)
        tried = set[Spot]()
        problem: RoutstrError | None = None
        while (place := await self._place(wish, amount, tried)) is not None:
            tried.add(place.spot)
            try:
                saga, text = await self._wallet.send(self._withdrawal(wish, place))
                return _withdrawn(saga, text, repeated=False)
            except _ELSEWHERE as error:
                problem = problem or error
            except CallRepeated:
                break
            except InsufficientBalance as error:
                problem = error
                break
        if (made := await self.made(wish)) is not None:  # another request was faster
            return made
        raise problem or InsufficientLiquidity

    async def made(self, wish: Wish) -> Withdrawn | None:
        """Tell what this name has made, waiting a while if it is open; None: nothing."""
        saga_id = await self._db.read(lambda c: operator_calls.find(c, wish.call))
        made = None if saga_id is None else await self._wallet.finish_send(saga_id)
        return None if made is None else _withdrawn(*made, repeated=True)

    async def again(self, account: int, saga_id: int) -> Withdrawn:
        """Tell a token of an account once more; raises :class:`RefundNotFound`."""
        try:
            saga = await self._wallet.saga(saga_id)
        except NoResultFound:
            raise RefundNotFound from None
        if saga.purpose != KEY_WITHDRAWAL or saga.account != account:
            raise RefundNotFound
        made = await self._wallet.finish_send(saga_id)
        if made is None:
            raise RefundNotFound
        return _withdrawn(*made, repeated=True)

    async def _amount(self, wish: Wish) -> Msat:
        """What is to leave the balance; refuses what cannot."""
        available = (await self._db.read(lambda c: books.balance(c, wish.account))).available
        if not available:
            raise NothingToRefund
        amount = available if wish.amount is None else wish.amount
        details = {"available_msat": int(available)}
        if amount > available:
            raise InsufficientBalance("The key has less than that.", details=details)
        if amount < (wish.unit or Unit.MSAT).to_msat(1):
            raise BalanceTooSmall(details=details)
        return amount

    async def _place(self, wish: Wish, amount: Msat, tried: set[Spot]) -> Place | None:
        """Where to pay next: a named amount exactly, of everything as much as one mint has."""
        exact = wish.amount is not None
        holdings = [
            holding
            for holding in await self._wallet.holdings()
            if holding.mint in self._wallet.mints.urls
            and wish.mint in (None, holding.mint)
            and wish.unit in (None, holding.unit)
            and not (exact and int(amount) % holding.unit.msat)
        ]
        place = next_place(holdings, wish.home, amount, tried)
        return None if place is None or (exact and place.worth != amount) else place

    def _withdrawal(self, wish: Wish, place: Place) -> Withdrawal:
        context = {BY_OPERATOR: True, **operator_calls.context(wish.call)}
        gross, account = place.gross, wish.account
        return Withdrawal(place.mint, place.unit, gross, KEY_WITHDRAWAL, account, context)


def _withdrawn(saga: Saga, text: str, *, repeated: bool) -> Withdrawn:
    face = saga.gross - saga.fee
    return Withdrawn(
        saga.id, text, face, saga.unit, saga.mint, saga.gross_msat, saga.fee_msat, repeated
    )
