"""Carriers that are never connected, and what they tell the operator."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any, cast

from routstr.catalog.build import build_snapshot
from routstr.catalog.models_file import ModelSpec, UsdPricing
from routstr.catalog.rates import PricePolicy
from routstr.catalog.snapshot import ModelEntry
from routstr.core.secret import Secret
from routstr.upstream.adapters import ADAPTERS
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import Carrier, CarrierParts
from routstr.upstream.client import UpstreamLimits
from routstr.upstream.provider import Profile

POLICY = BreakerPolicy(failures_max=3, pause_s=10, pause_s_max=60)


@dataclass
class Alarms:
    """Keeps what was told."""

    raised: list[tuple[str, Mapping[str, object]]] = field(default_factory=list)

    def __call__(self, name: str, **facts: object) -> None:
        self.raised.append((name, facts))

    def parts(self) -> CarrierParts:
        return CarrierParts(cast("Any", lambda _: None), (), self, POLICY)


def profile(name: str = "p", *keys: str, kind: str = "generic", **more: Any) -> Profile:
    return Profile(
        id=more.pop("id", 1),
        name=name,
        adapter=ADAPTERS[kind],
        base_url=more.pop("base_url", f"https://{name}.example/v1"),
        keys=tuple(map(Secret, keys)),
        limits=UpstreamLimits(),
        **more,
    )


def carrier(*keys: str, kind: str = "generic", alarms: Alarms | None = None) -> Carrier:
    return Carrier(profile("p", *keys, kind=kind), (alarms or Alarms()).parts())


def entry(*providers: str) -> ModelEntry:
    """A model at these providers, in this order."""
    pricing = UsdPricing(prompt=cast("Any", 1), completion=cast("Any", 1))
    spec = ModelSpec(id="v/m", pricing=pricing, context_length=100)
    policy = PricePolicy(provider=providers[0])
    snapshot = build_snapshot([spec], usd_per_btc=cast("Any", 1), policy=policy, version=1)
    made = snapshot.models["m"]
    return replace(made, others=tuple(replace(made, provider=name) for name in providers[1:]))
