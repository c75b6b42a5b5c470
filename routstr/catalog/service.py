"""The catalogue of a running node: its models at the current price of bitcoin."""

from collections.abc import Sequence
from decimal import Decimal

from routstr.catalog.build import build_snapshot, build_unpriced
from routstr.catalog.models_file import ModelSpec
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import Snapshot, find_name
from routstr.core.clock import Clock
from routstr.errors import ModelNotFound, PriceUnavailable


class Catalog:
    """Holds the current snapshot and replaces it as a whole; never changes one.

    Without a fresh price of bitcoin nothing is sold (:meth:`current` refuses) but the list is
    still shown, with ``sats_pricing`` null. Fixed prices need no price of bitcoin.
    """

    def __init__(self, models: Sequence[ModelSpec], policy: PricePolicy, clock: Clock) -> None:
        self._models = tuple(models)
        self._policy = policy
        self._clock = clock
        self._fresh_until: float | None = None
        self._snapshot: Snapshot | None = None
        self._version = 0
        self._unpriced = build_unpriced(self._models, policy)
        if policy.fixed is not None:
            self._replace(None)

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
            self._replace(usd_per_btc)
        expires = fresh_for_s is not None and self._policy.fixed is None
        self._fresh_until = self._clock.monotonic() + (fresh_for_s or 0) if expires else None

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
        if self._fresh_until is not None and self._clock.monotonic() >= self._fresh_until:
            return None
        return self._snapshot

    def _replace(self, usd_per_btc: Decimal | None) -> None:
        self._snapshot = build_snapshot(
            self._models, usd_per_btc=usd_per_btc, policy=self._policy, version=self._version + 1
        )
        self._version += 1
