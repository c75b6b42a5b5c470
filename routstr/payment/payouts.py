"""The operator takes out what is the node's own: over Lightning, by hand or by itself, or as ecash.

A payout is covered by the surplus in the transaction that begins it, and from then on it is in
flight (or owed as a token): no other payout and no loss can spend the same surplus, and customers'
money is never part of it. There is one payout over Lightning at a time. Nothing is paid out while
the books are known to be broken.
"""

from contextlib import suppress

from sqlalchemy.exc import NoResultFound

from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.logging import get_logger
from routstr.errors import (
    InvalidParameter,
    PayoutUnderWay,
    RoutstrError,
    SurplusTooSmall,
    WalletError,
)
from routstr.ledger import verdict
from routstr.ledger.accounts import named_account
from routstr.ledger.entries import AccountKind
from routstr.money import Unit
from routstr.payment.leaving import lightning_fee_msat
from routstr.payment.lightning_out import pay_most
from routstr.payment.lnurl import Lnurl
from routstr.payment.operator_calls import Call, context, once
from routstr.payment.payout_books import PAYOUT, WITHDRAW
from routstr.payment.surplus import Payable, payable, surplus
from routstr.wallet.bolt11 import InvalidInvoice, decode
from routstr.wallet.holdings import holdings
from routstr.wallet.melting import Melt
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import Saga, open_melts_of, sagas_of
from routstr.wallet.send import Withdrawal
from routstr.wallet.service import Wallet

_log = get_logger(__name__)


class Payouts:
    """Pays the surplus out. ``minimum_sat`` and ``maximum_sat`` bound what goes by itself."""

    def __init__(
        self,
        db: Database,
        wallet: Wallet,
        lnurl: Lnurl,
        clock: Clock,
        *,
        minimum_sat: int,
        maximum_sat: int,
    ) -> None:
        self._db = db
        self._wallet = wallet
        self._lnurl = lnurl
        self._clock = clock
        self._minimum_sat = minimum_sat
        self._maximum_sat = maximum_sat
        self.problem = ""
        """Why the last payout by itself failed; empty: it did not."""
        self._payouts: int | None = None

    async def payable(self) -> list[Payable]:
        """Say what can be paid out of which listed mint, most first: one snapshot."""
        found = await self._db.read(lambda c: payable(holdings(c), surplus(c)))
        return [place for place in found if place.mint in self._wallet.mints.urls]

    async def run(self, address: str) -> Saga | None:
        """Pay the surplus to an address, if it is worth it; None when nothing was begun.

        Nothing is begun while an earlier payout is open: it is looked at instead.
        """
        self.problem = ""
        try:
            await self._require_idle()
            if (await self._db.read(verdict.read)).closed:
                _log.warning("payout_skipped", reason="the books are not known to be right")
                return None
            places = await self.payable()
            if not places or places[0].worth.sats_down < self._minimum_sat:
                return None
            return await self._pay_most(places[0], address, self._maximum_sat)
        except PayoutUnderWay as error:
            _log.warning("payout_open", **error.fields)
            return None
        except RoutstrError as error:  # nothing has left; the next turn tries again
            self.problem = error.code
            _log.warning("payout_failed", error=error.code, reason=str(error))
            return None

    async def to_address(
        self, address: str, sats: int | None, mint: str | None, call: Call | None = None
    ) -> Saga:
        """Pay an amount, or all that can be paid, to a Lightning address or LNURL.

        The saga that is returned is done, or open: then it goes on by itself. Raises
        :class:`SurplusTooSmall`, :class:`PayoutUnderWay`, :class:`DepositsClosed`, or what the
        address or the mint is to blame for: then nothing has left. The same ``call`` pays once.
        """

        async def begin() -> Saga:
            return await self._to_address(address, sats, mint, call)

        return await once(self._db, call, begin, self._wallet.saga)

    async def to_invoice(self, bolt11: str, mint: str | None, call: Call | None = None) -> Saga:
        """Pay an invoice; see :meth:`to_address`."""
        try:
            invoice = decode(bolt11)
        except InvalidInvoice as error:
            raise InvalidParameter(f"This is not a Lightning invoice: {error}.") from None
        if invoice.amount is None:
            raise InvalidParameter("The Lightning invoice names no amount.")
        sats = invoice.amount.sats_up

        async def begin() -> Saga:
            return await self._pay(await self._place(sats, mint), bolt11, call)

        return await once(self._db, call, begin, self._wallet.saga)

    async def as_token(
        self, amount: int, mint: str, unit: Unit, call: Call | None = None
    ) -> tuple[Saga, str]:
        """Make a token of ``amount`` in ``unit``, less the mint's fee; stored before it is told.

        The same ``call`` gives the same token. Raises :class:`SurplusTooSmall`,
        :class:`DepositsClosed`, what :meth:`Wallet.send` raises.
        """
        account = await self._account()
        wish = Withdrawal(mint, unit, amount, WITHDRAW, account, context(call))

        async def begin() -> tuple[Saga, str]:
            # the intent decides; this says what is wrong before proofs are looked for
            own, wanted = await self._db.read(surplus), unit.to_msat(amount)
            if wanted > own:
                details = {"surplus_msat": max(int(own), 0), "needed_msat": int(wanted)}
                raise SurplusTooSmall(details=details)
            return await self._wallet.send(wish)

        return await once(self._db, call, begin, self.token_again)

    async def recent(self, before: int | None, limit: int) -> list[Saga]:
        """List payouts of every kind, newest first, those with an id below ``before``."""
        account = await self._account()
        ids = await self._db.read(lambda c: sagas_of(c, account, before, limit))
        return [await self._wallet.saga(saga_id) for saga_id in ids]

    async def _to_address(
        self, address: str, sats: int | None, mint: str | None, call: Call | None
    ) -> Saga:
        place = await self._place(sats or 1, mint)
        if sats is None:
            return await self._pay_most(place, address, None, call)
        offer = await self._lnurl.offer(address)
        if not offer.least.sats_up <= sats <= offer.most.sats_down:
            limits = f"{offer.least.sats_up} to {offer.most.sats_down} sat"
            raise InvalidParameter(f"The address takes {limits}.")
        return await self._pay(place, await self._lnurl.invoice(offer, sats), call)

    async def token_again(self, saga_id: int) -> tuple[Saga, str]:
        """Return the token of an earlier :meth:`as_token`, waiting a while for one that is open.

        Raises :class:`InvalidParameter` when that saga made none.
        """
        try:
            saga = await self._wallet.saga(saga_id)
        except NoResultFound:
            raise InvalidParameter(f"There is no saga {saga_id}.") from None
        made = await self._wallet.finish_send(saga_id) if saga.purpose == WITHDRAW else None
        if made is None:
            raise InvalidParameter(f"Saga {saga_id} has made no token for you.")
        return made

    async def _require_idle(self) -> None:
        """Raise :class:`PayoutUnderWay` while a payout is open, asked about at its mint now."""
        account = await self._account()
        for saga_id in await self._db.read(lambda c: open_melts_of(c, account, PAYOUT)):
            with suppress(WalletError):  # its mint cannot be asked now
                if (await self._wallet.look_at_melt(saga_id)).state is not SagaState.OPEN:
                    continue
            error = PayoutUnderWay()
            error.fields = {"saga": saga_id}
            raise error

    async def _place(self, sats: int, mint: str | None) -> Payable:
        """Choose the fullest place, or the named mint's, that has so much to pay out."""
        await self._require_idle()
        places = [p for p in await self.payable() if mint in (None, p.mint)]
        for place in places:
            if place.worth.sats_down >= sats:
                return place
        most = places[0].worth.sats_down if places else 0
        raise SurplusTooSmall(details={"payable_sat": most, "needed_sat": sats})

    async def _pay_most(
        self, place: Payable, address: str, maximum_sat: int | None, call: Call | None = None
    ) -> Saga:
        limit = place.amount
        if maximum_sat is not None:
            limit = min(limit, maximum_sat * Unit.SAT.msat // place.unit.msat)
        offer = await self._lnurl.offer(address)
        saga = await pay_most(
            self._wallet,
            self._lnurl,
            offer,
            place.mint,
            place.unit,
            limit,
            purpose=PAYOUT,
            account=await self._account(),
            context=context(call),
        )
        return _logged(saga)

    async def _pay(self, place: Payable, bolt11: str, call: Call | None) -> Saga:
        account, beside = await self._account(), context(call)
        wish = Melt(place.mint, place.unit, bolt11, place.amount, PAYOUT, account, beside)
        return _logged(await self._wallet.melt(wish))

    async def _account(self) -> int:
        """The account of payouts; looked up once."""
        if self._payouts is None:
            name, at = AccountKind.PAYOUTS.name.lower(), self._clock.now_ms()
            self._payouts = await self._db.write(
                lambda tx: named_account(tx, AccountKind.PAYOUTS, name, at)
            )
        return self._payouts


def _logged(saga: Saga) -> Saga:
    fee = None if saga.state is SagaState.OPEN else int(lightning_fee_msat(saga))
    _log.info(
        "payout",
        saga=saga.id,
        state=saga.state.name.lower(),
        mint=saga.mint,
        amount_msat=int(saga.unit.to_msat(saga.plan.pay)),
        mint_fee_msat=int(saga.fee_msat),
        lightning_fee_msat=fee,
    )
    return saga
