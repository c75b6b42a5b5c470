"""Giving money back as ecash.

What no single mint can pay is paid in parts, a token and a saga for each mint and unit. A part that
fails stays balance, which the next request pays; one of which nobody knows yet holds up no other.

Tokens that were given out and are not redeemed are told again. Those of before money last came in
are told beside the others, or for want of others: whoever never heard of them hears now.
"""

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.errors import (
    BalanceChanged,
    BalanceTooSmall,
    InsufficientBalance,
    InsufficientLiquidity,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
    NothingToRefund,
    RedemptionPending,
    RefundBlocked,
    RoutstrError,
    WalletError,
)
from routstr.ledger import books
from routstr.ledger.books import Balance
from routstr.money import ZERO, Msat, Unit, total
from routstr.payment.claims import CLAIM_CHECKS_MAX, DEPOSITED, Claims, Given
from routstr.payment.places import Place, Spot, next_place
from routstr.payment.refund_books import REFUND
from routstr.wallet.holdings import Holding
from routstr.wallet.sagas import OpenSend, open_sends_of
from routstr.wallet.send import Withdrawal
from routstr.wallet.service import Wallet

_TRIES: Final = 10
_RETRY: Final = {"Retry-After": "5"}
_ELSEWHERE: Final = (
    BalanceTooSmall,
    InsufficientLiquidity,
    MintRateLimited,
    MintRefused,
    MintUnreachable,
)
"""Nothing was debited, and another place may pay."""


@dataclass(frozen=True, slots=True)
class Part:
    """A token that holds what was given back. ``amount`` is its face value in ``unit``."""

    token: str = field(repr=False)
    amount: int
    unit: Unit
    mint: str
    mint_fee: Msat

    @property
    def worth(self) -> Msat:
        """The face value."""
        return self.unit.to_msat(self.amount)


@dataclass(frozen=True, slots=True)
class Refund(Part):
    """What was given back: the largest token, and ``more`` when no single mint could pay it all.

    ``repeated``: all of it was given out before. ``under_way`` is what moves into tokens that are
    still being made, fees included: they are told when they are asked for again. ``earlier`` are
    tokens of before money last came in, which are not part of it: their owner may have them.
    """

    repeated: bool = field(kw_only=True)
    more: tuple[Part, ...] = field(default=(), kw_only=True)
    under_way: Msat = field(default=ZERO, kw_only=True)
    earlier: tuple[Part, ...] = field(default=(), kw_only=True)

    @property
    def parts(self) -> tuple[Part, ...]:
        """Every token, the largest first."""
        return self, *self.more


@dataclass(slots=True)
class _Request:
    """One request for a balance, and what became of it so far."""

    account: int
    home: Spot
    at_home: bool
    paid: set[int] = field(default_factory=set)  # sagas
    unclear: set[int] = field(default_factory=set)  # sagas that stay open for now
    problem: RoutstrError = field(default_factory=BalanceChanged)

    @property
    def reason(self) -> RoutstrError:
        """Why there is no token."""
        return self.problem if not self.unclear else RedemptionPending(headers=_RETRY)


class Refunds:
    """Pays balances out as tokens and watches whether they are redeemed."""

    def __init__(self, db: Database, wallet: Wallet, clock: Clock) -> None:
        self._db = db
        self._wallet = wallet
        self._claims = Claims(db, wallet, clock)

    async def refund(self, account: int, mint: str, unit: Unit, *, home: bool = False) -> Refund:
        """Pay out what is available, preferably at ``mint`` in ``unit``.

        ``home``: there and nowhere else, unless the node lacks the money there. What is below one
        unit, and what no mint pays now, stays as balance. Told is every token that is not redeemed
        and was made by this request, or since money last came in: a repeat tells the same, and
        what it could add. The newest ones of before are ``earlier``, or the answer when there is
        nothing else; ``home`` is for the change of a payment, which has none.

        Raises :class:`RefundBlocked` while requests are running and, when there is no token to
        tell, :class:`NothingToRefund`, :class:`BalanceTooSmall`, :class:`InsufficientLiquidity`,
        :class:`RedemptionPending` or the mint's errors.
        """
        request = _Request(account, (mint, unit), home)
        for _ in range(_TRIES):
            state, sends = await self._look(account)
            if new := [send.id for send in sends if send.id not in request.unclear]:
                await self._wait(request, new)
                continue
            if state.reserved:
                raise RefundBlocked(details={"reserved_msat": int(state.reserved)})
            try:
                await self._pay_out(request, state)
            except InsufficientBalance:  # another request took from the balance meanwhile
                if not request.paid:
                    continue
            except (BalanceTooSmall, NothingToRefund, WalletError) as error:
                request.problem = error
            given = await self._claims.unredeemed(account, state.deposited, new=request.paid)
            now, open_ones = await self._look(account)
            no_race = not isinstance(request.problem, InsufficientLiquidity) or now == state
            if given or no_race:
                return await self._answer(request, given, open_ones)
        raise request.reason

    async def last(self, account: int) -> Refund | None:
        """Return the tokens that were given out last, redeemed or not."""
        given = await self._claims.last(account)
        return await self._told(given, [], repeated=True) if given else None

    async def watch_claims(self, limit: int = CLAIM_CHECKS_MAX) -> int:
        """Ask the mints about tokens that were given out; see :meth:`Claims.watch`."""
        return await self._claims.watch(limit)

    async def _look(self, account: int) -> tuple[Balance, list[OpenSend]]:
        """Read balance and open send sagas: one snapshot, so that a debit has its saga."""
        return await self._db.read(lambda c: (books.balance(c, account), open_sends_of(c, account)))

    async def _wait(self, request: _Request, sends: list[int]) -> None:
        """Wait for tokens that are being made."""
        for saga_id in sends:
            try:
                await self._wallet.finish_send(saga_id)
            except RedemptionPending:
                request.unclear.add(saga_id)

    async def _pay_out(self, request: _Request, state: Balance) -> None:
        """Give out what can be given; raises why not all of it: that stays balance."""
        mint, unit = request.home
        _check(state, unit)
        rest, tried = state.available, set[Spot]()
        if request.at_home and mint in self._wallet.mints.urls:
            place = Place(mint, unit, unit.from_msat_down(rest))
            with suppress(InsufficientLiquidity):  # nothing was debited: others have it
                await self._pay(request, place, state)
                return
        problem: RoutstrError = InsufficientLiquidity()
        while unit.from_msat_down(rest):
            found = next_place(await self._holdings(), request.home, rest, tried)
            if found is None:
                raise problem
            tried.add(found.spot)
            try:
                await self._pay(request, found, state)
            except _ELSEWHERE as error:
                problem = error
                continue
            except RedemptionPending as error:  # it is debited, and goes on
                request.problem = error
            rest -= found.worth

    async def _pay(self, request: _Request, place: Place, state: Balance) -> None:
        context = {DEPOSITED: int(state.deposited)}
        wish = Withdrawal(place.mint, place.unit, place.gross, REFUND, request.account, context)
        saga, _ = await self._wallet.send(wish)
        request.paid.add(saga.id)

    async def _holdings(self) -> list[Holding]:
        """What there is at mints that may be contacted."""
        listed = self._wallet.mints.urls
        return [holding for holding in await self._wallet.holdings() if holding.mint in listed]

    async def _answer(self, request: _Request, given: list[Given], sends: list[OpenSend]) -> Refund:
        """Tell what there is to tell, or raise why there is nothing."""
        if not given and not isinstance(request.reason, BalanceTooSmall | NothingToRefund):
            raise request.reason  # more will come; whoever is told of tokens may think it is all
        told = {one.issued.saga for one in given}
        earlier: list[Given] = []
        if not request.at_home:
            earlier = await self._claims.earlier(request.account, REFUND, told)
        if not given:
            given, earlier = earlier, []
        if not given:
            raise request.reason
        repeated = told.isdisjoint(request.paid)
        return await self._told(given, sends, repeated=repeated, earlier=earlier)

    async def _told(
        self,
        given: list[Given],
        sends: list[OpenSend],
        *,
        repeated: bool,
        earlier: Sequence[Given] = (),
    ) -> Refund:
        parts = [await self._part(one) for one in given]
        first, *more = sorted(parts, key=lambda part: -int(part.worth))
        return Refund(
            first.token,
            first.amount,
            first.unit,
            first.mint,
            first.mint_fee,
            repeated=repeated,
            more=tuple(more),
            under_way=total(send.gross for send in sends),
            earlier=tuple([await self._part(one) for one in earlier]),
        )

    async def _part(self, given: Given) -> Part:
        text, issued = await self._wallet.token_text(given.issued), given.issued
        return Part(text, issued.amount, issued.unit, issued.mint, given.saga.fee_msat)


def _check(state: Balance, unit: Unit) -> None:
    """Refuse what cannot be paid out now."""
    if not state.available:
        raise NothingToRefund
    if not unit.from_msat_down(state.available):
        raise BalanceTooSmall(details={"available_msat": int(state.available)})
