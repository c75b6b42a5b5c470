"""Tokens of mints at which the node keeps no money: they pay for ecash of the primary mint.

The token pays an invoice of the primary mint at its own mint. Its owner is credited when that has
arrived, and exactly what has; all that it costs is the owner's, and told. What the fee reserve
leaves over is given back as a token of the same mint, stored before anybody sees it::

    token ── forward saga ──> the primary mint's quote is paid ── mint saga ──> credit
      │ refused: as it was      │                                   │ not yet: the quote is watched,
      │                         └ change: a token, an asset and     │ the same token asks again
      │                           owed to whoever gave the first    │
      └ nobody knows: stays open, and is asked about; the same token joins it

The node trusts the token's mint with nothing: it holds none of its ecash but that change.
"""

import asyncio
from contextlib import suppress
from typing import Final

from msgspec import Struct

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.errors import (
    ForeignSwapFailed,
    InvalidParameter,
    LightningFailed,
    MintExposureReached,
    MintRefused,
    RedemptionPending,
    TokenAlreadySpent,
    WalletError,
)
from routstr.money import ZERO, Msat, Unit
from routstr.payment.deposits import FOREIGN, FOREIGN_CREATE, FOREIGN_TOPUP
from routstr.payment.foreign_books import PASSING
from routstr.wallet import quotes
from routstr.wallet.forwarding import QUOTE, Forward
from routstr.wallet.models import QuoteState, SagaKind, SagaState
from routstr.wallet.ordering import Order
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.service import Wallet
from routstr.wallet.token import Token, ys

_log = get_logger(__name__)

_COST_PERCENT: Final = 5
_COST_SAT: Final = 10
"""A token may lose this much at most, or so many percent, whichever is more."""
_DAY_MS: Final = 86_400_000
_ASKS: Final = 4
_PAUSE_SECONDS: Final = 1.1
"""Between two questions whether it has arrived: nobody may ask a mint more often."""
_RETRY: Final = {"Retry-After": "5"}


class Arrival(Struct, frozen=True, kw_only=True):
    """What a token brought: ``gross_msat`` on its face is the sum of the other amounts.

    ``purpose`` and ``account`` may be others than asked for: callers compare. ``change`` is a token
    of the given one's mint.
    """

    purpose: str
    account: int | None
    gross_msat: Msat
    fee_msat: Msat
    net_msat: Msat
    change_msat: Msat = ZERO
    change: str = ""

    @classmethod
    def of(cls, saga: Saga) -> "Arrival":
        """Tell what a token brought that was redeemed at its mint."""
        return cls(
            purpose=saga.purpose,
            account=saga.account,
            gross_msat=saga.gross_msat,
            fee_msat=saga.fee_msat,
            net_msat=saga.net_msat,
        )

    def __repr__(self) -> str:
        return f"Arrival({self.purpose}, {int(self.net_msat)} msat)"


class ForeignTokens:
    """Takes tokens of foreign mints in, at most so many sat in 24 hours."""

    def __init__(
        self, db: Database, wallet: Wallet, clock: Clock, *, day_sat: int, asks: int = _ASKS
    ) -> None:
        """``asks``: how often a request asks whether the money has arrived before it ends."""
        self._db = db
        self._wallet = wallet
        self._clock = clock
        self._day = Unit.SAT.to_msat(day_sat)
        self._asks = asks
        self._moving: dict[frozenset[bytes], asyncio.Task[Arrival]] = {}

    def takes(self, given: Token) -> bool:
        """Whether a token is one of these."""
        return self._wallet.mints.is_foreign(given.mint)

    async def receive(self, deposit: Deposit) -> Arrival:
        """Spend a token for ecash of the primary mint, once; return what has arrived.

        The same proofs again find the same movement, and at the same time share one. Raises
        :class:`ForeignSwapFailed` and the errors of :meth:`Forwarder.forward`: the token is as it
        was; or :class:`RedemptionPending`: it goes on by itself.
        """
        points = ys(deposit.token)
        name = frozenset(points)
        task = self._moving.get(name)
        if task is None:
            task = self._moving[name] = asyncio.create_task(self._receive(deposit, points))
            task.add_done_callback(lambda done: self._forget(name, done))
        return await asyncio.shield(task)

    async def change(self, given: Token) -> str:
        """Return the change of a token that was taken in before; "" when there is none."""
        saga = await self._wallet.find(ys(given))
        if saga is None or saga.kind is not SagaKind.FORWARD or saga.state is not SagaState.DONE:
            return ""
        return await self._wallet.change_of(saga)

    async def _receive(self, deposit: Deposit, points: tuple[bytes, ...]) -> Arrival:
        saga = await self._wallet.find(points)
        if saga is None:
            try:
                saga = await self._forward(deposit)
            except (TokenAlreadySpent, RedemptionPending):
                # perhaps by another instance, which was given it at the same time
                saga = await self._wallet.find(points)
                if saga is None:
                    raise
            saga = saga or await self._wallet.find(points)
        if saga is None:
            raise RedemptionPending(headers=_RETRY)
        return await self._arrival(saga)

    def _forget(self, name: frozenset[bytes], task: "asyncio.Task[Arrival]") -> None:
        self._moving.pop(name, None)
        if not task.cancelled():
            task.exception()  # told to whoever still waits

    async def _forward(self, deposit: Deposit) -> Saga | None:
        given = deposit.token
        face = given.unit.to_msat(given.amount)
        await self._require_budget(face)
        primary = self._wallet.mints.urls[0]
        purpose = FOREIGN + deposit.purpose
        order = Order(primary, Unit.SAT, 0, purpose, deposit.account, deposit.context)
        most = max(Unit.SAT.to_msat(_COST_SAT), Msat(int(face) * _COST_PERCENT // 100))
        try:
            return await self._wallet.forward(Forward(given, order, PASSING, deposit.minimum, most))
        except (InvalidParameter, LightningFailed, MintRefused) as error:
            words = (
                f"The token's mint did not pay this node's: {error.message} It was not redeemed."
            )
            raise ForeignSwapFailed(words, details=error.details) from error

    async def _require_budget(self, face: Msat) -> None:
        since = self._clock.now_ms() - _DAY_MS
        names = (FOREIGN_CREATE, FOREIGN_TOPUP)
        came = await self._db.read(lambda c: quotes.paid_since(c, names, since))
        if came + face > self._day:
            room = max(self._day - came, ZERO)
            raise MintExposureReached(
                "This node moves no more money from foreign mints today; its own are welcome. The "
                "token was not redeemed.",
                details={"room_msat": int(room), "mints": list(self._wallet.mints.urls)},
            )

    async def _arrival(self, saga: Saga) -> Arrival:
        """Wait a little until both mints have said their word.

        What has arrived is told, also when the token's mint never says what it kept.
        """
        if saga.kind is not SagaKind.FORWARD:  # its mint was a listed one when the token came
            if saga.state is not SagaState.DONE:
                raise RedemptionPending(headers=_RETRY)
            return Arrival.of(saga)
        if saga.state is SagaState.OPEN:
            with suppress(RedemptionPending):  # the money may have arrived all the same
                saga = await self._wallet.finish_forward(saga.id)
        if saga.state is SagaState.FAILED:
            raise ForeignSwapFailed
        quote = saga.context[QUOTE]
        if saga.state is SagaState.DONE:
            await self._wait(quote)
        minted = await self._minted(quote)
        if minted is None:
            raise RedemptionPending(headers=_RETRY)
        gross, change, text = saga.unit.to_msat(saga.plan.face), ZERO, ""
        if saga.state is SagaState.DONE and saga.spent is not None:
            change = gross - saga.unit.to_msat(saga.spent)
            text = await self._wallet.change_of(saga)
        return Arrival(
            purpose=minted.purpose.removeprefix(FOREIGN),
            account=minted.account,
            gross_msat=gross,
            fee_msat=gross - minted.net_msat - change,
            net_msat=minted.net_msat,
            change_msat=change,
            change=text,
        )

    async def _wait(self, quote_id: int) -> None:
        """Ask the primary mint a few times for what has been paid for."""
        for ask in range(self._asks):
            if ask:
                await asyncio.sleep(_PAUSE_SECONDS)
            try:
                if (await self._wallet.check_quote(quote_id)).state is QuoteState.ISSUED:
                    return
            except WalletError as error:
                _log.info("foreign_token_waits", quote=quote_id, error=error.code)

    async def _minted(self, quote_id: int) -> Saga | None:
        """Return the saga that took the primary mint's ecash; None while it has not."""
        quote = await self._wallet.quote(quote_id)
        if quote.state is not QuoteState.ISSUED or quote.saga is None:
            return None
        return await self._wallet.saga(quote.saga)
