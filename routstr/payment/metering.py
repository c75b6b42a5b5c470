"""The one way a request is paid for: money is held, and the hold has exactly one end.

::

    open ──hold──> metering ──settle──> settled    charge = min(cost, hold)
             │         └──────release─> released   nothing is charged
             └─ InsufficientBalance: nothing was held

A payer that keeps no balance here brings a purse: it pays for this request alone, and once the hold
has ended what is left is given back.

The end that is asked for first stands, whoever asks again. Ending survives cancellation: the ledger
is asked once more for the same end, which it answers with what happened, and only then does the
cancellation go on. While the database is away the ledger keeps a charge and makes it later: what it
will be is known, so whoever was served gets the answer with its cost. A release that fails is left
to the sweeper.
"""

import asyncio
from collections.abc import Coroutine
from decimal import Decimal
from typing import Any, Final, Protocol, Self

from msgspec import Struct
from msgspec.structs import replace

from routstr.catalog.snapshot import ModelEntry
from routstr.core.logging import get_logger
from routstr.errors import (
    AuthError,
    BalanceLimitExceeded,
    DatabaseUnavailable,
    InsufficientBalance,
    OutcomeUnknown,
    PaymentError,
)
from routstr.ledger.entries import Held, HoldRequest, KeyMark, Placed, Refused, Settled, Settlement
from routstr.money import ZERO, Msat
from routstr.payment.change import Change, Purse
from routstr.payment.cost import NOTHING, Cost, calculate_request_cost, fitted, taken
from routstr.payment.pricing import Quote
from routstr.payment.usage import Usage
from routstr.payment.used_tokens import PAYMENT, already_used

_log: Final = get_logger(__name__)

END_SECONDS_MAX: Final = 10.0
"""How long a cancelled request waits for its hold to end."""

_MSAT_PER_BTC_EXPONENT: Final = -11
_NOBODYS: Final = ("", 0)
"""Who serves what the node has itself, and what that costs."""
_NOTHING_USED: Final = Usage(0, 0)


class KeyChanged(Exception):
    """The key has changed since it was looked up (rotated, revoked, other terms). Nothing is held.

    For whoever looked it up: to look again. A client never sees it.
    """


class Ledger(Protocol):
    """What is needed of the ledger. A cancelled ``hold`` leaves no hold behind.

    A ``settle`` that raises ``DatabaseUnavailable`` or ``OutcomeUnknown`` is kept and made later.
    """

    async def hold(self, request: HoldRequest) -> Held | Refused: ...
    async def settle(self, settlement: Settlement) -> Settled: ...
    async def release(self, hold: int, placed: Placed | None = None, /) -> Settled: ...


class Offer(Struct, frozen=True, gc=False):
    """What is sold to one request: a model at the price of one moment.

    ``images`` are the images in the request, which no provider reports; ``tokens`` are those of its
    prompt, as the node estimates them: 0 where nothing is paid by the token.
    """

    entry: ModelEntry
    quote: Quote
    images: int
    price_version: int
    usd_per_btc: Decimal | None
    tokens: int = 0


class Receipt(Struct, frozen=True, gc=False):
    """What a request was charged. The parts of ``cost`` sum to ``charged``.

    ``balance`` is what the account owns after it, other requests' holds included; None while the
    database is away and the charge is still to be made. ``uncollected``
    is what the usage would have cost beyond the hold: the operator's loss. ``usd`` is what was
    charged at the rate of the offer, None without one. ``change`` is what a payer without a
    balance got back; ``balance`` is then what is left after that. ``cached``: the answer was given
    before.
    """

    cost: Cost
    charged: Msat
    uncollected: Msat
    balance: Msat | None
    usage: Usage
    usd: Decimal | None
    change: Change | None = None
    cached: bool = False

    @property
    def estimated(self) -> bool:
        """Whether the node counted, at least in part, because the provider did not."""
        return not self.usage.reported


class Meter:
    """One paid request between its hold and the hold's end."""

    __slots__ = (
        "_cost",
        "_hold",
        "_kept",
        "_ledger",
        "_offer",
        "_own_cost",
        "_placed",
        "_purse",
        "_rest",
        "_served",
        "_settling",
        "_usage",
        "held",
        "receipt",
    )

    def __init__(
        self,
        ledger: Ledger,
        offer: Offer,
        held: Held,
        request: HoldRequest | None = None,
        purse: Purse | None = None,
    ) -> None:
        self._ledger: Final = ledger
        self._offer: Final = offer
        self._hold: Final = held.hold
        self._placed: Final = None if request is None else Placed(request, held.amount)
        self._purse: Final = purse
        self._served = offer.entry
        self._own_cost: tuple[str, int] = _NOBODYS
        self._rest: Final = held.available
        self._kept = False  # the hold is open until the ledger makes the charge
        self._settling: bool | None = None  # None until an end is chosen
        self._cost = NOTHING
        self._usage = _NOTHING_USED
        self.held: Final = held.amount
        self.receipt: Receipt | None = None
        """How the hold ended; None as long as it is open."""

    @classmethod
    async def open(
        cls,
        ledger: Ledger,
        account: int,
        offer: Offer,
        *,
        request_id: str,
        endpoint: str,
        purse: Purse | None = None,
        mark: KeyMark | None = None,
    ) -> Self:
        """Hold ``offer.quote.want`` or what there is, at least ``admit``.

        ``mark`` is the key that spends. Raises :class:`InsufficientBalance`,
        :class:`BalanceLimitExceeded` when the key's limit is the reason, :class:`KeyChanged` when
        the key is to be looked up again, :class:`AuthError` for an account that takes no charges
        any more, or :class:`TokenAlreadySpent` for the account of a purse that has paid.
        """
        request = HoldRequest(
            account=account,
            minimum=offer.quote.admit,
            wanted=offer.quote.want,
            request_id=request_id,
            model=offer.entry.id,
            endpoint=endpoint,
            price_version=offer.price_version,
            rates=offer.entry.rates_text,
            closes=purse is not None,
            mark=mark,
        )
        answer = await ledger.hold(request)
        if isinstance(answer, Held):
            return cls(ledger, offer, answer, request, purse)
        if purse is not None and (answer.closed or not answer.available):
            raise already_used(PAYMENT)
        if answer.stale:
            raise KeyChanged
        raise AuthError if answer.closed else _insufficient(offer.quote.admit, answer)

    def serve(self, entry: ModelEntry) -> None:
        """Charge at the rates of this entry, of the provider that serves; the hold stays."""
        self._served = entry

    async def settle(self, usage: Usage) -> Receipt:
        """Charge for ``usage``, at most what is held, and free the rest."""
        if self._settling is None:
            if self._offer.images:
                usage = replace(usage, images=self._offer.images)
            served = self._served
            self._cost = calculate_request_cost(served.rates, usage)
            own = taken(served.own, usage, self._offer.usd_per_btc)
            self._own_cost = served.provider, own
            self._usage = usage
            self._settling = True
        return await self._end()

    async def settle_again(self, usage: Usage, cost: Cost) -> Receipt:
        """Charge a cost that is known, at most what is held: for an answer that was given before.

        ``usage`` is what the answer took when it was made.
        """
        if self._settling is None:
            self._cost, self._usage, self._settling = cost, usage, True
        receipt = await self._end()
        if self._cost is cost and not receipt.cached:
            self.receipt = receipt = replace(receipt, cached=True)
        return receipt

    async def release(self) -> Receipt:
        """Charge nothing and free everything."""
        if self._settling is None:
            self._settling = False
        return await self._end()

    async def give_change(self) -> Change | None:
        """Give back what is left, after the end; None for a payer that keeps it as balance.

        The receipt tells it from then on. A second call changes nothing.
        """
        receipt = self.receipt
        assert receipt is not None, "change is what is left after the hold's end"
        if self._purse is not None and receipt.change is None:
            assert receipt.balance is not None, "nobody else uses the account of a purse"
            purse, owned = self._purse, receipt.balance
            change = purse.pending(owned) if self._kept else await purse.give_back(owned)
            self.receipt = receipt = replace(receipt, balance=change.left, change=change)
        return receipt.change

    async def _end(self) -> Receipt:
        if self.receipt is not None:
            return self.receipt
        try:
            return await self._ask_ledger()
        except asyncio.CancelledError:
            await _shielded(self._ask_ledger())
            raise

    async def _ask_ledger(self) -> Receipt:
        if self._settling:
            self.receipt = await self._charged()
        else:
            self.receipt = self._told(await self._ledger.release(self._hold, self._placed))
        return self.receipt

    async def _charged(self) -> Receipt:
        cost = self._cost.total
        provider, own = self._own_cost
        settlement = Settlement(
            hold=self._hold,
            cost=cost,
            prompt_tokens=self._usage.input,
            completion_tokens=self._usage.completion,
            estimated=not self._usage.reported,
            placed=self._placed,
            provider=provider,
            own_cost=own,
        )
        try:
            return self._told(await self._ledger.settle(settlement))
        except (DatabaseUnavailable, OutcomeUnknown) as error:
            self._kept = True
            charge = min(cost, self.held)
            left = self._rest + self.held - charge
            _log.warning("charge_kept", hold=self._hold, msat=int(charge), reason=error.code)
            kept = self._told(Settled(charge, cost - charge, left, ZERO))
            # other requests of a key go on meanwhile; a purse is used by this one alone
            return kept if self._purse is not None else replace(kept, balance=None)

    def _told(self, settled: Settled) -> Receipt:
        usd_per_btc = self._offer.usd_per_btc
        usd = None
        if usd_per_btc is not None:
            usd = (usd_per_btc * int(settled.charged)).scaleb(_MSAT_PER_BTC_EXPONENT)
        return Receipt(
            cost=fitted(self._cost, settled.charged),
            charged=settled.charged,
            uncollected=settled.uncollected,
            balance=settled.available + settled.reserved,
            usage=self._usage,
            usd=usd,
        )


def _insufficient(required: Msat, refused: Refused) -> PaymentError:
    if refused.allowance is not None:
        return BalanceLimitExceeded(
            "The key has reached its balance limit; more money does not raise it. GET "
            "/v1/balance/info tells whether it begins anew (balance_limit_reset).",
            details={"required": int(required), "left": int(refused.allowance), "unit": "msat"},
        )
    return InsufficientBalance(
        f"Insufficient balance: {required.sats_up} sats required, "
        f"{refused.available.sats_down} available.",
        details={
            "required": int(required),
            "available": int(refused.available),
            "shortfall": int(required - refused.available),
            "reserved": int(refused.reserved),
            "unit": "msat",
        },
    )


async def _shielded(
    work: Coroutine[Any, Any, object], seconds_max: float = END_SECONDS_MAX
) -> None:
    """Finish ``work`` however often the task is cancelled meanwhile, but not for ever."""
    task = asyncio.ensure_future(work)
    until = asyncio.get_running_loop().time() + seconds_max
    while not task.done() and (left := until - asyncio.get_running_loop().time()) > 0:
        try:
            await asyncio.wait({task}, timeout=left)
        except asyncio.CancelledError:
            continue  # the first one is raised by the caller when this is done
    if task.done() and not task.cancelled():
        task.exception()  # looked at: the sweeper ends what could not be ended here
