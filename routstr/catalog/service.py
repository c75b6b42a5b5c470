"""The catalogue of a running node: its models at the current price of bitcoin."""

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from routstr.catalog.build import UnpricedList, build, build_unpriced, source_of
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.rates import PricePolicy
from routstr.catalog.rules import RULES, PricingRule
from routstr.catalog.snapshot import Snapshot, find_name
from routstr.catalog.sources import Source, price_sources
from routstr.core.clock import Clock
from routstr.errors import ModelNotFound, PriceUnavailable


@dataclass(frozen=True, slots=True)
class _State:
    """All that is shown and sold. ``timeless``: no price of bitcoin is needed for any of it."""

    sources: tuple[Source, ...]
    usd_per_btc: Decimal | None
    unpriced: UnpricedList
    timeless: bool
    snapshot: Snapshot | None


class Catalog:
    """Holds the current snapshot and replaces it as a whole; never changes one.

    Without a fresh price of bitcoin nothing is sold (:meth:`current` refuses) but the list is
    still shown, with ``sats_pricing`` null. When every model's rule does without a price of
    bitcoin (fixed prices), so does the catalog.

    Hundreds of models take a tenth of a second: ``take_...`` compute beside the event loop what
    ``set_...`` compute at once.
    """

    def __init__(
        self,
        models: Sequence[ModelSpec],
        policy: PricePolicy,
        clock: Clock,
        rules: Mapping[str, PricingRule] = RULES,
    ) -> None:
        """Sell ``models`` of the one provider that the policy names. Raises as set_sources."""
        self._policy = policy
        self._clock = clock
        self._rules = rules
        self._fresh_until: float | None = None
        self._version = 0
        self._state = _State((), None, UnpricedList({}, b""), timeless=False, snapshot=None)
        self.set_sources([source_of(tuple(models), policy)])

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is sold, by provider."""
        return self._state.sources

    @property
    def policy(self) -> PricePolicy:
        """How the operator prices, as far as a provider or a model has nothing of its own."""
        return self._policy

    @property
    def usd_per_btc(self) -> Decimal | None:
        """The price of bitcoin that is sold by, fresh or not."""
        return self._state.usd_per_btc

    @property
    def version(self) -> int:
        """How many snapshots this process has made; 0 before the first price."""
        return self._version

    def set_sources(self, sources: Sequence[Source]) -> None:
        """Sell what these providers offer from now on, all at once.

        Raises ``NameClash``, ``UnknownRule`` or :class:`ValueError`; then nothing has changed.
        """
        self._take(self._made(self._state, tuple(sources), self._state.usd_per_btc))

    async def take_sources(self, sources: Sequence[Source]) -> None:
        """:meth:`set_sources`, computed beside the event loop."""
        while True:
            now = self._state
            made = await asyncio.to_thread(self._made, now, tuple(sources), now.usd_per_btc)
            if self._state is now:
                self._take(made)
                return

    def set_rate(self, usd_per_btc: Decimal, *, fresh_for_s: float | None) -> None:
        """Take a price of bitcoin, good for so many seconds (None: until the next one).

        An unchanged price only stays fresh longer; it makes no new version.
        """
        if self._is_new(usd_per_btc):
            self._take(self._made(self._state, self._state.sources, usd_per_btc))
        self._keep_fresh(fresh_for_s)

    async def take_rate(self, usd_per_btc: Decimal, *, fresh_for_s: float | None) -> None:
        """:meth:`set_rate`, computed beside the event loop."""
        while self._is_new(usd_per_btc):
            now = self._state
            made = await asyncio.to_thread(self._made, now, now.sources, usd_per_btc)
            if self._state is now:
                self._take(made)
        self._keep_fresh(fresh_for_s)

    def current(self) -> Snapshot:
        """The snapshot to sell by; :class:`PriceUnavailable` without a fresh price."""
        snapshot = self._fresh()
        if snapshot is None:
            raise PriceUnavailable
        return snapshot

    def listing(self) -> bytes:
        """The body of ``GET /v1/models``."""
        return (self._fresh() or self._state.unpriced).body

    def model_body(self, name: str) -> bytes:
        """The body of ``GET /v1/models/{id}``; :class:`ModelNotFound` for what is not sold."""
        snapshot = self._fresh()
        if snapshot is None:
            body = find_name(self._state.unpriced.names, name)
        else:
            entry = snapshot.find(name)
            body = None if entry is None else entry.body
        if body is None:
            raise ModelNotFound(f"Model {name!r} not found")
        return body

    def _fresh(self) -> Snapshot | None:
        state, until = self._state, self._fresh_until
        if until is not None and not state.timeless and self._clock.monotonic() >= until:
            return None
        return state.snapshot

    def _is_new(self, usd_per_btc: Decimal) -> bool:
        if not usd_per_btc.is_finite() or usd_per_btc <= 0:
            raise ValueError(f"not a price of bitcoin: {usd_per_btc}")
        return self._state.usd_per_btc != usd_per_btc

    def _keep_fresh(self, fresh_for_s: float | None) -> None:
        self._fresh_until = None
        if fresh_for_s is not None:
            self._fresh_until = self._clock.monotonic() + fresh_for_s

    def _made(
        self, now: _State, sources: tuple[Source, ...], usd_per_btc: Decimal | None
    ) -> _State:
        """What would be sold instead of ``now``; changes nothing."""
        unpriced, snapshot, version = now.unpriced, None, self._version + 1
        timeless = now.timeless
        if sources is not now.sources:
            groups = price_sources(sources, self._policy, None, self._rules)
            unpriced = build_unpriced(groups)
            snapshot = build(groups, usd_per_btc=None, version=version) if groups else None
            timeless = snapshot is not None
        if usd_per_btc is not None:
            groups = price_sources(sources, self._policy, usd_per_btc, self._rules)
            snapshot = build(groups, usd_per_btc=usd_per_btc, version=version)
            if snapshot is None:
                raise ValueError("a rule gave no rates although there is a price of bitcoin")
        return _State(sources, usd_per_btc, unpriced, timeless, snapshot)

    def _take(self, state: _State) -> None:
        self._state = state
        if state.snapshot is not None:
            self._version = state.snapshot.version
