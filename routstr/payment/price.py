"""The price of bitcoin: several opinions become one, or none. Pure rules first, then the I/O.

One round asks all sources at once. Those within ``spread_percent_max`` of the median of all
answers agree; with at least ``sources_min`` of them the median of the agreeing ones is the round's
price. Then, compared with the price in use::

    no agreement         -> the old price stays, until it is too old
    within the jump limit -> in use at once
    beyond it            -> held back; in use when ``confirmations`` further rounds, one after
                            another, stay within the jump limit of what was held back

A price older than ``age_s_max`` is not used: paid requests pause with 503.
"""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import Decimal
from enum import Enum
from statistics import median
from typing import Final

from routstr.core.clock import Clock
from routstr.errors import PriceUnavailable
from routstr.payment.price_sources import SOURCES, Fetch, PriceSource, SourceFailed, ask

_PERCENT: Final = 100


@dataclass(frozen=True, slots=True)
class FeedPolicy:
    """How much is believed: PRICE_SOURCES_MIN, PRICE_AGE_SECONDS_MAX, PRICE_JUMP_PERCENT_MAX."""

    sources_min: int = 2
    spread_percent_max: Decimal = Decimal(2)
    jump_percent_max: Decimal = Decimal(20)
    confirmations: int = 1
    age_s_max: float = 900
    timeout_s: float = 10


class Verdict(Enum):
    """What became of a round."""

    ACCEPTED = "accepted"
    DISAGREED = "too few sources agree"
    HELD_BACK = "a jump, not yet confirmed"
    CONFIRMED = "a jump, confirmed"


@dataclass(frozen=True, slots=True)
class FeedState:
    """The price in use and since when (seconds, monotonic), and a jump that waits."""

    price: Decimal | None = None
    read_at: float = 0
    jump: Decimal | None = None
    seen: int = 0


@dataclass(frozen=True, slots=True)
class Round:
    """One round for logs and the operator's eyes: what each source said and what came of it."""

    verdict: Verdict
    price: Decimal | None
    quotes: Mapping[str, Decimal] = field(default_factory=dict)
    failures: Mapping[str, str] = field(default_factory=dict)


def agree(quotes: Sequence[Decimal], policy: FeedPolicy) -> Decimal | None:
    """The median of the quotes that agree, None when too few do."""
    if not quotes:
        return None
    middle = median(quotes)
    agreeing = [one for one in quotes if _within(one, middle, policy.spread_percent_max)]
    return median(agreeing) if len(agreeing) >= max(1, policy.sources_min) else None


def advance(
    state: FeedState, quoted: Decimal | None, now: float, policy: FeedPolicy
) -> tuple[FeedState, Verdict]:
    """Take one round's price into account; ``now`` is when the round began."""
    if quoted is None:
        return state, Verdict.DISAGREED
    if state.price is None or _within(quoted, state.price, policy.jump_percent_max):
        return FeedState(quoted, now), Verdict.ACCEPTED
    if state.jump is None or not _within(quoted, state.jump, policy.jump_percent_max):
        return replace(state, jump=quoted, seen=0), Verdict.HELD_BACK
    if state.seen + 1 < policy.confirmations:
        return replace(state, jump=quoted, seen=state.seen + 1), Verdict.HELD_BACK
    return FeedState(quoted, now), Verdict.CONFIRMED


def _within(one: Decimal, other: Decimal, percent: Decimal) -> bool:
    return abs(one - other) * _PERCENT <= other * percent


class PriceFeed:
    """Keeps the price of bitcoin from public sources."""

    def __init__(
        self,
        fetch: Fetch,
        clock: Clock,
        policy: FeedPolicy,
        sources: Sequence[PriceSource] = SOURCES,
    ) -> None:
        self._fetch = fetch
        self._clock = clock
        self._policy = policy
        self._sources = tuple(sources)
        self._state = FeedState()

    @property
    def state(self) -> FeedState:
        """What it knows."""
        return self._state

    def go_on_from(self, state: FeedState) -> Decimal | None:
        """Know what another feed knew; the price, if it is fresh by this feed's policy."""
        self._state = state
        return state.price if self.fresh_for_s() > 0 else None

    async def refresh(self) -> Round:
        """Ask all sources once; never raises for what they answer. One call at a time."""
        began = self._clock.monotonic()
        answers = await asyncio.gather(*map(self._ask, self._sources))
        named = list(zip((source.name for source in self._sources), answers, strict=True))
        quotes = {name: answer for name, answer in named if isinstance(answer, Decimal)}
        failures = {name: answer for name, answer in named if isinstance(answer, str)}
        quoted = agree(tuple(quotes.values()), self._policy)
        self._state, verdict = advance(self._state, quoted, began, self._policy)
        return Round(verdict, self._state.price, quotes, failures)

    def current(self) -> Decimal:
        """USD per bitcoin; :class:`PriceUnavailable` when there is none or it is too old."""
        price = self._state.price
        if price is None or self.fresh_for_s() <= 0:
            raise PriceUnavailable
        return price

    def fresh_for_s(self) -> float:
        """Seconds that the price in use stays good; 0 or less when it is too old."""
        return self._state.read_at + self._policy.age_s_max - self._clock.monotonic()

    async def _ask(self, source: PriceSource) -> Decimal | str:
        try:
            return await ask(source, self._fetch, self._policy.timeout_s)
        except SourceFailed as failure:
            return str(failure)
