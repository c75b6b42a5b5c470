"""Lightning as it is played here: invoices, who is told of their payment, and how payments end."""

from collections import Counter
from collections.abc import Callable
from enum import StrEnum
from typing import Final, Literal

from devkit.invoices import make_invoice
from routstr.money import MAX_MSAT, MSAT_PER_SAT, Msat
from routstr.payment.lnurl import Lnurl, PayOffer
from tests.fuzz.explain import Broken


class Fortune(StrEnum):
    """How the payment of an invoice goes."""

    PAID = "paid"
    FAILED = "failed"
    HANGS_PAID = "hangs-then-paid"
    HANGS_FAILED = "hangs-then-failed"
    LIES = "said-paid"
    """Its mint takes the money and says that it paid; it has not."""


HONEST: Final = tuple(fortune for fortune in Fortune if fortune is not Fortune.LIES)
_WELL: Final = frozenset({Fortune.PAID, Fortune.HANGS_PAID, Fortune.LIES})
_AT_ONCE: Final = frozenset({Fortune.PAID, Fortune.FAILED, Fortune.LIES})


class Network:
    """Knows every invoice. One that is paid twice has cost somebody money."""

    def __init__(self) -> None:
        self._fortunes: dict[str, Fortune] = {}
        self._told: dict[str, Callable[[], None]] = {}
        self._paid: Counter[str] = Counter()
        self._hung: set[str] = set()

    def invoice(self, msat: int, fortune: Fortune) -> str:
        """An invoice of somebody whom no mint here belongs to."""
        text = make_invoice(msat)
        self._fortunes[text] = fortune
        return text

    def destine(self, invoice: str, fortune: Fortune) -> None:
        """Say how a mint's own invoice fares, unless that was said before."""
        self._fortunes.setdefault(invoice, fortune)

    def on_paid(self, invoice: str, told: Callable[[], None]) -> None:
        """Say who is told when an invoice is paid."""
        self._told[invoice] = told

    def outcome(self, invoice: str) -> Literal["paid", "pending", "failed"]:
        """What becomes of an attempt to pay now; what has hung once ends at the next attempt."""
        fortune = self._fortunes.get(invoice, Fortune.PAID)
        if fortune in _AT_ONCE or invoice in self._hung:
            return "paid" if fortune in _WELL else "failed"
        self._hung.add(invoice)
        return "pending"

    def ends_well(self, invoice: str) -> bool:
        return self._fortunes.get(invoice, Fortune.PAID) in _WELL

    def is_lied_about(self, invoice: str) -> bool:
        """Whether whoever says that it was paid lies."""
        return self._fortunes.get(invoice) is Fortune.LIES

    def pay(self, invoice: str) -> None:
        """Pay it, from wherever."""
        self._paid[invoice] += 1
        if self._paid[invoice] > 1:
            raise Broken(f"an invoice is paid {self._paid[invoice]} times")
        self._told.get(invoice, lambda: None)()

    def is_paid(self, invoice: str) -> bool:
        return bool(self._paid[invoice])


class PlayedLnurl(Lnurl):
    """Addresses that say how payments to them go: ``fortune@users.example``."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def offer(self, address: str) -> PayOffer:
        fortune = address.partition("@")[0]
        return PayOffer(fortune, Msat(MSAT_PER_SAT), Msat(MAX_MSAT), b"")

    async def invoice(self, offer: PayOffer, sats: int) -> str:
        return self._network.invoice(sats * MSAT_PER_SAT, Fortune(offer.callback))
