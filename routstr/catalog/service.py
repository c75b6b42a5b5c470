"""The catalogue of a running node: its models at the current price of bitcoin."""

from collections.abc import Mapping, Sequence
from decimal import Decimal

from routstr.catalog.build import UnpricedList, build, build_unpriced, source_of
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.rates import PricePolicy
from routstr.catalog.rules import RULES, PricingRule
from routstr.catalog.snapshot import Snapshot, find_name
from routstr.catalog.sources import Source, price_sources
from routstr.core.clock import Clock
from routstr.errors import ModelNotFound, PriceUnavailable


class Catalog:
    """Holds the current snapshot and replaces it as a whole; never changes one.

    Without a fresh price of bitcoin nothing is sold (:meth:`current` refuses) but the list is
    still shown, with ``sats_pricing`` null. When every model's rule does without a price of
    bitcoin (fixed prices), so does the catalog.
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
        self._usd_per_btc: Decimal | None = None
        self._fresh_until: float | None = None
        self._version = 0
        self._sources: tuple[Source, ...] = ()
        self._unpriced: UnpricedList
        self._timeless: bool
        self._snapshot: Snapshot | None = None
        self.set_sources([source_of(tuple(models), policy)])

    @property
    def sources(self) -> tuple[Source, ...]:
        """What is sold, by provider."""
        return self._sources

    def set_sources(self, sources: Sequence[Source]) -> None:
        """Sell what these providers offer from now on, all at once.

        Raises ``NameClash``, ``UnknownRule`` or :class:`ValueError`; then nothing has changed.
        """
        sources = tuple(sources)
        groups = price_sources(sources, self._policy, None, self._rules)
        unpriced = build_unpriced(groups)
        timeless = build(groups, usd_per_btc=None, version=self._version + 1) if groups else None
        snapshot = timeless
        if self._usd_per_btc is not None:
            snapshot = self._build(sources, self._usd_per_btc)
        self._sources, self._unpriced, self._snapshot = sources, unpriced, snapshot
        self._timeless = timeless is not None
        if snapshot is not None:
            self._version = snapshot.version

    @property
    def version(self) -> int:
        """How many snapshots this process has made; 0 before the first price."""
        return self._version

    def set_rate(self, usd_per_btc: Decimal, *, fresh_for_s: float | None) -> None:
        """Take a price of bitcoin, good for so many seconds (None: until the next one).

        An unchanged price only stays fresh longer; it makes no new version.
        """
        if not usd_per_btc.is_finite() or usd_per_btc <= 0:
            raise ValueError(f"not a price of bitcoin: {usd_per_btc}")
        if self._snapshot is None or self._snapshot.usd_per_btc != usd_per_btc:
            self._snapshot = self._build(self._sources, usd_per_btc)
            self._version = self._snapshot.version
        self._usd_per_btc = usd_per_btc
        self._fresh_until = None
        if fresh_for_s is not None:
            self._fresh_until = self._clock.monotonic() + fresh_for_s

    def current(self) -> Snapshot:
        """The snapshot to sell by; :class:`PriceUnavailable` without a fresh price."""
        snapshot = self._fresh()
        if snapshot is None:
            raise PriceUnavailable
        return snapshot

    def listing(self) -> bytes:
        """The body of ``GET /v1/models``."""
        return (self._fresh() or self._unpriced).body

    def model_body(self, name: str) -> bytes:
        """The body of ``GET /v1/models/{id}``; :class:`ModelNotFound` for what is not sold."""
        snapshot = self._fresh()
        if snapshot is None:
            body = find_name(self._unpriced.names, name)
        else:
            entry = snapshot.find(name)
            body = None if entry is None else entry.body
        if body is None:
            raise ModelNotFound(f"Model {name!r} not found")
        return body

    def _fresh(self) -> Snapshot | None:
        until = self._fresh_until
        if until is not None and not self._timeless and self._clock.monotonic() >= until:
            return None
        return self._snapshot

    def _build(self, sources: Sequence[Source], usd_per_btc: Decimal) -> Snapshot:
        groups = price_sources(sources, self._policy, usd_per_btc, self._rules)
        snapshot = build(groups, usd_per_btc=usd_per_btc, version=self._version + 1)
        if snapshot is None:
            raise ValueError("a pricing rule gave no rates although there is a price of bitcoin")
        return snapshot
