"""Where requests go: the provider of the settings, and those that the operator has stored."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Final

from aiohttp import ClientSession

from routstr.admin.access_desk import AccessDesk
from routstr.admin.desk import AdminParts, ProviderDesk
from routstr.assembly.access import build_sessions
from routstr.assembly.process import Process
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.http import upstream_session
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.alerts import Alert, LoggedAlert
from routstr.upstream.adapters import ADAPTERS, adapter_of
from routstr.upstream.adapters.base import Adapter
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import CarrierParts, Failures, uncounted
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile
from routstr.upstream.service import Providers
from routstr.upstream.watch import Changed, ProviderWatch

LOOK_SECONDS: Final = 2.0
"""How soon every instance uses what the operator has changed."""
REST_SECONDS_MAX: Final = 300


@dataclass(frozen=True, slots=True)
class UpstreamSessions:
    """Connections to the provider of the settings, and to stored ones, whose addresses are checked.

    The operator's environment may name any address; what came over the network may not.
    """

    own: ClientSession
    stored: ClientSession

    def of(self, profile: Profile) -> ClientSession:
        """The connections to one provider."""
        return self.stored if profile.id else self.own


@asynccontextmanager
async def upstream_sessions(settings: Settings) -> AsyncIterator[UpstreamSessions]:
    """Open the connections to providers, and close them."""
    own, stored = upstream_session(settings), upstream_session(settings, checked=True)
    async with own, stored:
        yield UpstreamSessions(own, stored)


@dataclass(frozen=True, slots=True)
class Upstreams:
    """The providers of a running node, and what keeps them as they are stored."""

    fleet: Fleet
    watch: ProviderWatch
    admin: AdminParts


def build_upstreams(
    settings: Settings,
    process: Process,
    sessions: UpstreamSessions,
    changed: Changed,
    alert: Alert | None = None,
) -> Upstreams:
    """Put the parts together; ``changed`` is told the providers at first and when they change.

    ``alert`` is told what cannot wait; without it the log is.
    """
    db, node_key, clock = process.db, process.node_key, process.clock
    adapters = process.extensions.adapters
    own, usual = provider_of_settings(settings, adapters), usual_limits(settings)
    fleet = build_fleet(settings, sessions, adapters, alert, process.telemetry.failed_attempt)
    providers = build_providers(settings, db, node_key, clock, adapters)
    watch = ProviderWatch(providers, fleet, own, usual, changed)
    desk = ProviderDesk(providers, own, settings.upstream_provider_fee, watch.look)
    operator = build_sessions(settings, process)
    access = AccessDesk(db, clock, operator)
    return Upstreams(fleet, watch, AdminParts(operator, desk, access))


async def start_upstreams(upstreams: Upstreams, supervisor: Supervisor) -> None:
    """Know the stored providers from the first request on, and every change soon."""
    await upstreams.watch.look()
    supervisor.every("providers", LOOK_SECONDS, upstreams.watch.look)


def build_providers(
    settings: Settings,
    db: Database,
    node_key: NodeKey,
    clock: Clock,
    adapters: Mapping[str, Adapter] = ADAPTERS,
) -> Providers:
    """The stored providers, for the admin API and the command line alike."""
    return Providers(
        db,
        node_key,
        clock,
        allow_insecure=settings.allow_insecure_mints,
        taken=settings.upstream_name if settings.upstream_base_url else "",
        adapters=adapters,
    )


def build_fleet(
    settings: Settings,
    sessions: UpstreamSessions,
    adapters: Mapping[str, Adapter] = ADAPTERS,
    alert: Alert | None = None,
    failures: Failures = uncounted,
) -> Fleet:
    """Know the provider of the settings, if there is one."""

    def client(profile: Profile) -> UpstreamClient:
        return UpstreamClient(sessions.of(profile), profile.limits)

    parts = CarrierParts(
        client=client,
        forward_headers=settings.forward_headers,
        alarm=(alert or LoggedAlert()).raised,
        breaker=BreakerPolicy(
            pause_s=settings.upstream_rest_seconds,
            pause_s_max=max(REST_SECONDS_MAX, settings.upstream_rest_seconds),
        ),
        failures=failures,
    )
    return Fleet(parts, provider_of_settings(settings, adapters))


def provider_of_settings(
    settings: Settings, adapters: Mapping[str, Adapter] = ADAPTERS
) -> tuple[Profile, ...]:
    """The provider that UPSTREAM_BASE_URL names; its type is known by its host."""
    if not settings.upstream_base_url:
        return ()
    key = settings.upstream_api_key
    return (
        Profile(
            id=0,
            name=settings.upstream_name,
            adapter=adapter_of(settings.upstream_base_url, adapters),
            base_url=settings.upstream_base_url,
            keys=(key,) if key else (),
            limits=usual_limits(settings),
        ),
    )


def usual_limits(settings: Settings) -> UpstreamLimits:
    """The limits of every attempt, as far as a provider has none of its own."""
    return UpstreamLimits(
        connect_s=settings.upstream_connect_seconds,
        first_byte_s=settings.upstream_first_byte_seconds,
        idle_s=settings.upstream_idle_seconds,
        total_s=settings.upstream_total_seconds,
        drain_s=settings.disconnect_drain_seconds,
        answer_bytes=settings.response_bytes_max,
    )
