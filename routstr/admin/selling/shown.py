"""Models as the operator sees them: what clients pay for each, and how that comes about. Pure.

One formula makes every price from the provider's::

    USD per unit * exchange fee * provider fee * msat per USD = msat per unit (rounded up)
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from decimal import Decimal, localcontext
from enum import StrEnum
from typing import Final

from routstr.catalog.models_file import ModelSpec
from routstr.catalog.names import advertised_id
from routstr.catalog.overlay import Stocked
from routstr.catalog.rates import EXACT, PricePolicy
from routstr.catalog.rules import TOKENS, rule_name
from routstr.catalog.snapshot import ModelEntry, Rates, Snapshot, UsdPrices
from routstr.catalog.units import units_of
from routstr.money import MSAT_PER_BTC

MILLION: Final = 1_000_000
_RATE_EXPONENT: Final = -12

_PRICES: Final = (
    ("input", "prompt", "prompt", "prompt", MILLION),
    ("output", "completion", "completion", "completion", MILLION),
    ("cache_read", "input_cache_read", "input_cache_read", "cache_read", MILLION),
    ("cache_write", "input_cache_write", "input_cache_write", "cache_write", MILLION),
    ("reasoning", "internal_reasoning", "internal_reasoning", "reasoning", MILLION),
    ("request", "request", "request", "request", 1),
    ("image", "image", "image", "image", 1),
    ("web_search", "web_search", "web_search", "web_search", 1),
)
"""A price's name here, in the models file, in USD, as a rate; and of how many units it is told."""
_UNIT_RATES: Final[Mapping[str, str]] = {
    "input_cost_per_audio_token": "audio_input",
    "output_cost_per_audio_token": "audio_output",
    "input_cost_per_image_token": "image_input",
    "output_cost_per_image_token": "image_output",
    "input_cost_per_second": "second",
    "input_cost_per_character": "character",
}


class State(StrEnum):
    """How a model at a provider stands."""

    SOLD = "sold"
    """It is asked first."""
    SPARE = "spare"
    """It is sold, and asked when others cannot serve."""
    OFF = "off"
    UNPRICED = "unpriced"
    """Nobody says what it costs."""
    WAITING = "waiting"
    """There is no price of bitcoin."""
    UNFIT = "unfit"
    """Something is wrong with it, or not known."""


@dataclass(frozen=True, slots=True)
class Row:
    """A model at a provider. ``place`` counts who is asked, from 1; 0 when it is not sold.

    ``entry`` is it as it is sold; ``others`` are those who serve it too, in their order.
    """

    provider: str
    stocked: Stocked
    state: State
    place: int = 0
    entry: ModelEntry | None = None
    others: tuple[str, ...] = ()

    @property
    def id(self) -> str:
        """What the provider's list or the file calls it: by this it is changed."""
        return self.stocked.spec.id

    @property
    def sold_as(self) -> str:
        """What clients ask for."""
        return advertised_id(self.stocked.spec)

    @property
    def input(self) -> Decimal | None:
        """Msat per million input tokens."""
        return None if self.entry is None else msat_of(self.entry.rates.prompt, MILLION)

    @property
    def output(self) -> Decimal | None:
        """Msat per million output tokens."""
        return None if self.entry is None else msat_of(self.entry.rates.completion, MILLION)


@dataclass(frozen=True, slots=True)
class Line:
    """One price: ``own`` is the provider's and ``client`` the clients', USD per ``per`` units.

    ``msat`` is what a client is charged for one unit.
    """

    name: str
    per: int
    own: Decimal | None
    client: Decimal | None
    msat: Decimal | None


@dataclass(frozen=True, slots=True)
class Formula:
    """How a model's prices come about. ``fee_of`` says whose fee it is: model, provider.

    ``rule`` is ``token`` for the formula above, ``free`` for a model that costs nothing.
    """

    rule: str
    exchange_fee: Decimal
    provider_fee: Decimal
    fee_of: str
    usd_per_btc: Decimal | None
    least_msat: int
    base_msat: int
    lines: tuple[Line, ...]

    @property
    def fees(self) -> Decimal:
        """Both fees in one factor."""
        with localcontext(EXACT):
            return self.exchange_fee * self.provider_fee

    @property
    def msat_per_usd(self) -> Decimal | None:
        """What one USD is, in msat."""
        return None if self.usd_per_btc is None else MSAT_PER_BTC / self.usd_per_btc


def row_of(provider: str, stocked: Stocked, snapshot: Snapshot | None) -> Row:
    """A model as it stands now."""
    spec = stocked.spec
    if stocked.problem:
        return Row(provider, stocked, State.UNFIT)
    if not spec.enabled:
        return Row(provider, stocked, State.OFF)
    if snapshot is None:
        return Row(provider, stocked, State.WAITING)
    best = snapshot.names.get(advertised_id(spec).lower())
    entries = () if best is None else (best, *best.others)
    for place, entry in enumerate(entries, 1):
        if entry.provider == provider and entry.upstream_id == _asked(spec):
            others = tuple(one.provider for one in entries if one is not entry)
            state = State.SOLD if place == 1 else State.SPARE
            return Row(provider, stocked, state, place, entry, others)
    return Row(provider, stocked, State.UNPRICED)


def formula_of(row: Row, policy: PricePolicy, fee: Decimal, usd_per_btc: Decimal | None) -> Formula:
    """The formula of a model; ``fee`` is its provider's."""
    spec = row.stocked.spec
    rule = "free" if spec.free else rule_name(spec, policy)
    own_fee = spec.provider_fee
    base = policy.base if spec.base_msats is None else spec.base_msats
    return Formula(
        rule=rule,
        exchange_fee=policy.exchange_fee,
        provider_fee=fee if own_fee is None else own_fee,
        fee_of="provider" if own_fee is None else "model",
        usd_per_btc=usd_per_btc,
        least_msat=int(policy.min_request),
        base_msat=int(base),
        lines=tuple(_lines(spec, row.entry, by_usd=rule == TOKENS)),
    )


def msat_of(rate: int, units: int = 1) -> Decimal:
    """A rate, as msat for so many units, exactly."""
    return Decimal(rate * units).scaleb(_RATE_EXPONENT)


def _lines(spec: ModelSpec, entry: ModelEntry | None, *, by_usd: bool) -> Iterator[Line]:
    usd = None if entry is None else entry.usd
    rates = None if entry is None else entry.rates
    for name, said, sold, rate, per in _PRICES:
        own = getattr(spec.pricing, said) if by_usd else None
        line = _line(name, per, own, _usd(usd, sold), _rate(rates, rate))
        always = name in {"input", "output"}
        charged = bool(line.msat) and (name == "request" or not by_usd)
        if always or own or charged:
            yield line
    units = units_of(spec.pricing) if by_usd else {}
    for name, own in units.items():
        client = None if usd is None else usd.units.get(name)
        per = MILLION if name.endswith("token") else 1
        yield _line(name, per, own, client, _rate(rates, _UNIT_RATES[name]))


def _line(
    name: str, per: int, own: Decimal | None, client: Decimal | None, rate: int | None
) -> Line:
    with localcontext(EXACT):
        return Line(
            name,
            per,
            None if own is None else own * per,
            None if client is None else client * per,
            None if rate is None else msat_of(rate),
        )


def _usd(usd: UsdPrices | None, name: str) -> Decimal | None:
    found: Decimal | None = None if usd is None else getattr(usd, name)
    return found


def _rate(rates: Rates | None, name: str) -> int | None:
    found: int | None = None if rates is None else getattr(rates, name)
    return found


def _asked(spec: ModelSpec) -> str:
    return spec.forwarded_model_id or spec.id
