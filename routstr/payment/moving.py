"""Moving ecash from one listed mint to another, at the operator's cost.

The target makes an invoice, the source pays it: two sagas that belong together by a row of
``mint_swaps``. In between the money is booked as being between mints, where nothing can spend it;
what it costs comes out of what is the operator's own, and a move that this does not cover does not
begin. Balances of customers are not touched: they are the same sum at another mint.

::

    order (mint quote at the target)  ──> row, nothing has moved
    melt at the source                ──> fees set aside, then the amount is between
    mint at the target                ──> it has arrived
"""

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import Final

from sqlalchemy import Connection

from routstr.core.clock import Clock
from routstr.core.db import Database, Tx
from routstr.core.logging import get_logger
from routstr.errors import (
    InvalidParameter,
    RoutstrError,
    SwapUnderWay,
    WalletError,
)
from routstr.ledger import verdict
from routstr.money import Msat, Unit
from routstr.payment import operator_calls, transit
from routstr.payment.moving_books import AMOUNT, MOVE, SWAP_IN, SWAP_OUT
from routstr.payment.operator_calls import Call
from routstr.payment.standing import MintStanding, standing
from routstr.wallet import mint_swaps
from routstr.wallet.melting import Melt
from routstr.wallet.mint_swaps import MintSwap, Stage
from routstr.wallet.ordering import Order
from routstr.wallet.quotes import Quote
from routstr.wallet.service import Wallet

_log = get_logger(__name__)

_COST_PERCENT: Final = 2
_COST_SAT: Final = 10
"""A move may cost this much at most, or so many percent, whichever is more."""
_LEAST_SAT: Final = 100
"""By itself nothing smaller is moved: it would cost too much of itself."""
_DAY_MS: Final = 86_400_000
_ASKS: Final = 8
_PAUSE_SECONDS: Final = 1.1
"""Between two questions whether it has arrived: nobody may ask a mint more often."""


@dataclass(frozen=True, slots=True)
class Rebalancing:
    """When ecash moves to the primary mint by itself: what lies elsewhere beyond ``above_sat``.

    0 is never. At most ``day_sat`` in 24 hours.
    """

    above_sat: int
    day_sat: int


class MintSwaps:
    """Moves ecash between mints, by hand or by itself."""

    def __init__(
        self,
        db: Database,
        wallet: Wallet,
        clock: Clock,
        policy: Rebalancing,
        *,
        asks: int = _ASKS,
    ) -> None:
        """``asks``: how often a command asks whether it has arrived before it ends."""
        self._asks = asks
        self._db = db
        self._wallet = wallet
        self._clock = clock
        self._policy = policy

    async def swap(
        self,
        source: str,
        target: str,
        sats: int,
        *,
        unit: Unit = Unit.SAT,
        call: Call | None = None,
    ) -> MintSwap:
        """Move so many sat, that arrive in sat; ``unit`` is that of the proofs at the source.

        The same ``call`` moves once. Returns the move as it is after a while: what is not done then
        goes on by itself. Raises :class:`SwapUnderWay`, :class:`SurplusTooSmall`,
        :class:`PaymentTooDear`, :class:`InsufficientLiquidity`, :class:`DepositsClosed`,
        :class:`UntrustedMint` or a mint's error: then nothing has moved and nothing will.
        """
        mints = self._wallet.mints
        source, target = mints.mint(source).url, mints.mint(target).url
        if source == target:
            raise InvalidParameter("A swap needs two mints.")

        async def begin() -> MintSwap:
            return await self._swap(source, target, Unit.SAT.to_msat(sats), unit, call)

        return await operator_calls.once(self._db, call, begin, self._paid_by)

    async def recent(self, limit: int) -> list[MintSwap]:
        """List moves, newest first."""
        return await self._db.read(lambda c: mint_swaps.newest(c, limit))

    async def _swap(
        self, source: str, target: str, amount: Msat, unit: Unit, call: Call | None
    ) -> MintSwap:
        stored: list[int] = []

        def beside(tx: Tx, quote: Quote) -> None:
            at = self._clock.now_ms()
            verdict.require_open(tx)
            transit.lock(tx, at)  # another process that moves from here sees this, or waits
            if mint_swaps.is_under_way(tx.sql, source, at):
                raise SwapUnderWay
            stored.append(
                mint_swaps.add(
                    tx, source=source, target=target, amount=amount, quote=quote.id, at=at
                )
            )

        order = Order(target, Unit.SAT, amount.sats_down, SWAP_IN, None, {})
        quote = await self._wallet.request_quote(order, beside)
        swap = stored[-1]
        most = amount + _cost(amount)
        context = {MOVE: swap, AMOUNT: int(amount), **operator_calls.context(call)}
        limit = unit.from_msat_down(most)
        try:
            await self._wallet.melt(
                Melt(source, unit, quote.request, limit, SWAP_OUT, None, context)
            )
        except (RoutstrError, operator_calls.CallRepeated):
            await self._db.write(lambda tx: mint_swaps.give_up(tx, swap))
            raise
        return await self._arrived(swap)

    async def finish(self) -> int:
        """Ask about what has left one mint and not arrived at the other; return how much has."""
        waiting = await self._db.read(mint_swaps.between)
        arrived = 0
        for move in waiting:
            try:
                await self._wallet.check_quote(move.quote)
            except WalletError as error:
                _log.warning("swap_waits", swap=move.id, mint=move.target, error=error.code)
            arrived += (await self._load(move.id)).stage is Stage.DONE
        return arrived

    async def rebalance(self) -> MintSwap | None:
        """Finish what is between; move what lies beyond the threshold at another mint, if any."""
        await self.finish()
        wish = await self._db.read(self._next)
        if wish is None:
            return None
        place, sats = wish
        target = self._wallet.mints.urls[0]
        try:
            move = await self.swap(place.mint, target, sats, unit=place.unit)
        except RoutstrError as error:  # nothing has moved; the next turn tries again
            _log.info("rebalancing_waits", mint=place.mint, error=error.code)
            return None
        _log.info(
            "rebalanced",
            swap=move.id,
            mint=place.mint,
            amount_msat=int(move.amount),
            stage=move.stage.value,
        )
        return move

    def _next(self, connection: Connection) -> tuple[MintStanding, int] | None:
        """Choose the mint that has most beyond the threshold and beyond what is owed there."""
        policy, now = self._policy, self._clock.now_ms()
        if not policy.above_sat:
            return None
        others = self._wallet.mints.urls[1:]
        spent = mint_swaps.moved_since(connection, now - _DAY_MS)
        budget = Unit.SAT.to_msat(policy.day_sat) - spent
        found = [
            (place, min(_beyond(place, policy.above_sat), budget).sats_down)
            for place in standing(connection).positions
            if place.mint in others and not mint_swaps.is_under_way(connection, place.mint, now)
        ]
        place, sats = max(found, key=lambda one: one[1], default=(None, 0))
        return (place, sats) if place is not None and sats >= _LEAST_SAT else None

    async def _arrived(self, swap: int) -> MintSwap:
        """Wait a little for what has left."""
        move = await self._load(swap)
        for _ in range(self._asks):
            if move.stage is not Stage.BETWEEN:
                break
            with suppress(WalletError):  # its mint cannot be asked now
                await self._wallet.check_quote(move.quote)
            move = await self._load(swap)
            if move.stage is Stage.BETWEEN:
                await asyncio.sleep(_PAUSE_SECONDS)
        return move

    async def _load(self, swap: int) -> MintSwap:
        return await self._db.read(lambda c: mint_swaps.load(c, swap))

    async def _paid_by(self, melt: int) -> MintSwap:
        return await self._db.read(lambda c: mint_swaps.paid_by(c, melt))


def _beyond(place: MintStanding, above_sat: int) -> Msat:
    """What may leave a mint: its users' money stays where they look for it first.

    So does what the move may cost, which is paid there.
    """
    stays = max(Unit.SAT.to_msat(above_sat), Msat(place.owed_msat))
    free = place.unit.to_msat(place.liquid) - stays
    return free - _cost(free)


def _cost(amount: Msat) -> Msat:
    """The most that moving it may cost."""
    return max(Unit.SAT.to_msat(_COST_SAT), Msat(int(amount) * _COST_PERCENT // 100))
