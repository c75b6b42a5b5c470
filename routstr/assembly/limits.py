"""Limits of payers: built only where one is set, so that nobody pays for what is off."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Final, TypeAlias

from starlette.types import ASGIApp

from routstr.core.clock import Clock
from routstr.core.fuse import Fuse
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.proxy.hot import Finder, Serve, Upload

if TYPE_CHECKING:
    from routstr.core.redis import Redis
    from routstr.proxy.limits.gate import Gate

MaybeGate: TypeAlias = "Gate | None"
SLACK_SECONDS: Final = 60
"""How much longer than at its provider a request can take."""


def build_gate(settings: Settings, redis: "Redis | None", node: NodeKey, clock: Clock) -> MaybeGate:
    """The gate before the paid routes; None where nothing is limited."""
    one = settings
    if not any(
        (
            one.key_requests_per_minute,
            one.key_tokens_per_minute,
            one.key_concurrency_max,
            one.address_requests_per_minute,
            one.address_tokens_per_minute,
            one.address_concurrency_max,
        )
    ):
        return None
    from limits.aio.storage import Storage  # noqa: PLC0415 - the library takes long to load

    from routstr.proxy.limits.counters import Counters  # noqa: PLC0415
    from routstr.proxy.limits.gate import Gate, GateParts, Limits  # noqa: PLC0415
    from routstr.proxy.limits.memory import MemoryStorage  # noqa: PLC0415
    from routstr.proxy.limits.slots import MemorySlots, Slots  # noqa: PLC0415

    of_key = Limits(
        "key",
        requests=one.key_requests_per_minute,
        tokens=one.key_tokens_per_minute,
        at_once=one.key_concurrency_max,
    )
    of_address = Limits(
        "address",
        requests=one.address_requests_per_minute,
        tokens=one.address_tokens_per_minute,
        at_once=one.address_concurrency_max,
    )
    fuse = Fuse("rate_limits", clock)
    storage: Storage
    slots: Slots
    if redis is None:
        storage, slots = MemoryStorage(clock), MemorySlots()
    else:
        from routstr.proxy.limits.shared import SharedSlots, shared_storage  # noqa: PLC0415

        stale = one.upstream_total_seconds + SLACK_SECONDS
        storage, slots = shared_storage(redis), SharedSlots(redis, fuse, stale_seconds=stale)
    return Gate(GateParts(of_key, of_address, Counters(storage, clock), slots, fuse, node))


def guard_free(gate: MaybeGate, app: ASGIApp) -> ASGIApp:
    """What costs nothing behind the gate, if there is one."""
    if gate is None or not gate.parts.of_address.bounds:
        return app
    from routstr.proxy.limits.free import LimitedApp  # noqa: PLC0415

    return LimitedApp(gate, app)


def guard(
    gate: MaybeGate, routes: Mapping[str, Serve | Upload], finder: Finder
) -> tuple[Mapping[str, Serve | Upload], Finder]:
    """The paid routes behind the gate, if there is one."""
    if gate is None:
        return routes, finder
    from routstr.proxy.limits.routes import GuardedFinder, limited  # noqa: PLC0415

    return limited(gate, routes), GuardedFinder(gate, finder)
