"""What the node sells, as its start page shows it. Pure but for the catalogue it asks.

The figures are those of the price list by which requests are charged, times a million where it is
tokens; the calculator computes as a charge is computed (:func:`calculate_request_cost`).
"""

from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from typing import Final

from msgspec import Struct

from routstr.catalog.service import Catalog
from routstr.catalog.snapshot import PER_MSAT, Goods, ModelEntry, Rates, Snapshot
from routstr.catalog.units import other_rates
from routstr.errors import PriceUnavailable
from routstr.money import Msat
from routstr.payment.cost import calculate_request_cost
from routstr.payment.usage import Usage

TOKENS_MAX: Final = 10_000_000
"""More than any model reads or writes at once."""
_MILLION: Final = 1_000_000
_PER_SAT: Final = Decimal(PER_MSAT * 1_000)
_MSAT_PER_BTC: Final = Decimal(10**11)
_BY_THE_PIECE: Final = frozenset({"input_cost_per_second"})


class Price(Struct, frozen=True):
    """What something else than words costs. ``upward``: there are dearer ones.

    ``unit`` is a name of the price list; of tokens and characters it is for a million.
    """

    unit: str
    sat: Decimal
    upward: bool = False


class Row(Struct, frozen=True):
    """One model. Prices are sat and USD for a million tokens; ``rates`` as they are charged.

    USD is None where the operator set prices in sat and there is no price of bitcoin.
    """

    id: str
    name: str
    context: int
    words: bool
    sat: tuple[Decimal, Decimal]
    usd: tuple[Decimal, Decimal] | None
    others: Sequence[Price]
    rates: Rates

    @property
    def rank(self) -> tuple[bool, Decimal]:
        """Words first, the cheap before the dear."""
        return not self.words, sum(self.sat, Decimal(0))


class Offer(Struct, frozen=True):
    """Everything that is sold at one moment, the cheapest first."""

    rows: Sequence[Row]
    usd_per_btc: Decimal | None

    @property
    def request_sat(self) -> Decimal | None:
        """What every single request costs besides, when that is the same for all models."""
        found = {row.rates.request for row in self.rows}
        return _sat(found.pop()) if len(found) == 1 else None

    @property
    def for_words(self) -> Sequence[Row]:
        """The models that answer in words."""
        return [row for row in self.rows if row.words]

    def find(self, model: str) -> Row | None:
        """The row of a model; of none at all, the first that sells words."""
        words = self.for_words
        return next((row for row in words if row.id == model), words[0] if words else None)

    def usd(self, msat: Msat) -> Decimal | None:
        """What an amount is worth."""
        if self.usd_per_btc is None:
            return None
        return Decimal(int(msat)) * self.usd_per_btc / _MSAT_PER_BTC


class Offers:
    """Makes the offer of each price list once."""

    def __init__(self, catalog: Catalog) -> None:
        self._catalog: Final = catalog
        self._made: tuple[Snapshot, Offer] | None = None
        self._drawn: dict[object, str] = {}

    def now(self) -> Offer | None:
        """What is sold now; None while there is no price of bitcoin."""
        try:
            snapshot = self._catalog.current()
        except PriceUnavailable:
            return None
        if self._made is None or self._made[0] is not snapshot:
            self._made, self._drawn = (snapshot, offer_of(snapshot)), {}
        return self._made[1]

    def drawn(self, name: object, draw: Callable[[], str]) -> str:
        """What ``draw`` makes of the offer, made once: hundreds of rows take their time."""
        if name not in self._drawn:
            self._drawn[name] = draw()
        return self._drawn[name]


def offer_of(snapshot: Snapshot) -> Offer:
    """Read a price list."""
    rows = [_row(entry, snapshot.usd_per_btc) for entry in snapshot.models.values()]
    return Offer(sorted(rows, key=lambda row: row.rank), snapshot.usd_per_btc)


def cost_of(row: Row, prompt: int, completion: int) -> Msat:
    """What a request with so many tokens is charged."""
    return calculate_request_cost(row.rates, Usage(prompt, completion)).total


def tokens(text: str | None, usual: int) -> int:
    """A number of tokens that somebody typed, inside what is sensible."""
    given = (text or "").strip()
    return min(int(given), TOKENS_MAX) if given.isascii() and given.isdecimal() else usual


def _row(entry: ModelEntry, usd_per_btc: Decimal | None) -> Row:
    rates = entry.rates
    sat = _sat(rates.prompt) * _MILLION, _sat(rates.completion) * _MILLION
    usd = None
    if entry.usd is not None:
        usd = entry.usd.prompt * _MILLION, entry.usd.completion * _MILLION
    elif usd_per_btc is not None:
        usd = _usd(sat[0], usd_per_btc), _usd(sat[1], usd_per_btc)
    return Row(
        entry.id,
        entry.name or entry.id,
        entry.context_length,
        bool(entry.goods & Goods.TEXT),
        sat,
        usd,
        list(_others(entry)),
        rates,
    )


def _others(entry: ModelEntry) -> Iterator[Price]:
    """Prices of other things than words, those that there are."""
    rates = entry.rates
    for unit in ("request", "image", "web_search"):
        if rate := getattr(rates, unit):
            yield Price(unit, _sat(rate))
    for unit, rate in other_rates(rates).items():
        yield Price(unit, _sat(rate) * (1 if unit in _BY_THE_PIECE else _MILLION))
    if entry.images:
        cheapest = min(entry.images.values())
        yield Price("picture", _sat(cheapest), upward=max(entry.images.values()) > cheapest)


def _sat(rate: int) -> Decimal:
    return rate / _PER_SAT


def _usd(sat: Decimal, usd_per_btc: Decimal) -> Decimal:
    return sat * 1_000 * usd_per_btc / _MSAT_PER_BTC
