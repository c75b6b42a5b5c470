"""Holds for responses of one conversation, at the price of the moment of each."""

from collections.abc import Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Final

from msgspec.structs import replace

from routstr.catalog.snapshot import Goods, ModelEntry, Snapshot
from routstr.errors import ModelNotFound
from routstr.money import Msat
from routstr.payment.metering import Meter, Offer, Receipt
from routstr.payment.price_wishes import Wishes
from routstr.payment.pricing import NO_OUTPUT, Quote, QuotePolicy, quote_most
from routstr.payment.usage import Usage
from routstr.proxy.exchange import Exchange
from routstr.proxy.realtime.dialing import ENDPOINT
from routstr.proxy.realtime.reading import Reading, quote_response
from routstr.proxy.realtime.tab import Paid
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials

_NEEDED: Final = Goods.TEXT | Goods.AUDIO_TOKENS | Goods.SPEECH_TOKENS


@dataclass(frozen=True, slots=True)
class Payer:
    """Who pays, and where: the client's exchange and credentials, the node's till."""

    exchange: Exchange
    credentials: Credentials
    till: Till
    wishes: Wishes


class RealtimeDesk:
    """Makes the holds; whatever becomes of them, they end with ``stack``."""

    __slots__ = ("_catalog", "_model", "_payer", "_policy", "_provider", "_reading", "_stack")

    def __init__(
        self,
        payer: Payer,
        catalog: Callable[[], Snapshot],
        policy: QuotePolicy,
        reading: Reading,
        stack: AsyncExitStack,
        entry: ModelEntry,
    ) -> None:
        self._payer: Final = payer
        self._catalog: Final = catalog
        self._policy: Final = policy
        self._reading: Final = reading
        self._stack: Final = stack
        self._model: Final = entry.id
        self._provider = entry.provider

    def served_by(self, provider: str) -> None:
        """From now on at this provider's prices."""
        self._provider = provider

    def need(self, limit: int | None) -> Msat:
        """What a response may cost now."""
        return self.quote(self.entry(), limit).want

    def quote(self, entry: ModelEntry, limit: int | None) -> Quote:
        """Price the next response at an entry. Raises ``MaxCostExceeded``."""
        written = entry.output_limit if limit is None else min(limit, entry.context_length)
        read = self._reading.worst(entry)
        quoted = quote_response(entry.rates, read, written, self._policy.min_request)
        return self._payer.wishes.ceiled(quoted, NO_OUTPUT)

    def entry(self) -> ModelEntry:
        """The model as its provider sells it now. Raises what says that it does not."""
        entry = self.find(self._model)
        if entry is None:
            raise ModelNotFound(f"Model {self._model!r} is not sold here any more.")
        return entry

    def find(self, model: str) -> ModelEntry | None:
        """A model as the same provider sells it now."""
        found = self._catalog().find(model)
        entries = () if found is None else (found, *found.others)
        return next((one for one in entries if one.provider == self._provider), None)

    async def hold(self, limit: int | None) -> Paid:
        """Hold for the worst of a response. Raises what says that nobody pays."""
        entry = self.entry()
        quoted = self.quote(entry, limit)
        return Paid(await self._hold(entry, quoted), quoted.max_output_tokens)

    async def hold_most(self, entry: ModelEntry, most: tuple[Usage, ...]) -> Meter:
        """Hold for the dearest of these, by another model."""
        quoted = quote_most(entry.rates, most, self._policy)
        return await self._hold(entry, self._payer.wishes.ceiled(quoted, NO_OUTPUT))

    async def _hold(self, entry: ModelEntry, quoted: Quote) -> Meter:
        snapshot, payer = self._catalog(), self._payer
        offer = Offer(entry, quoted, 0, snapshot.version, snapshot.usd_per_btc)
        checkout = payer.till.checkout(payer.exchange, payer.credentials, offer, ENDPOINT)
        return await self._stack.enter_async_context(checkout)

    def likely(self) -> int:
        """The tokens that a response which begins now has probably read."""
        return self._reading.likely(self.entry())

    def charged(self, receipt: Receipt) -> None:
        """Add a charge to what the whole conversation has cost."""
        exchange = self._payer.exchange
        exchange.receipt = _sum(exchange.receipt, receipt)


def is_sold(entry: ModelEntry) -> bool:
    """Whether words and sound have prices, both ways."""
    return (entry.goods & _NEEDED) == _NEEDED


def _sum(before: Receipt | None, last: Receipt) -> Receipt:
    """What several responses have cost and used, for the access line and the limits."""
    if before is None:
        return last
    used, more = before.usage, last.usage
    usage = Usage(used.input + more.input, used.completion + more.completion)
    return replace(last, charged=before.charged + last.charged, usage=usage)
