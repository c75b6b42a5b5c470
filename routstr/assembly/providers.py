"""Where requests go: the provider of the settings, and those that the operator has stored."""

from aiohttp import ClientSession

from routstr.core.settings import Settings
from routstr.payment.alerts import LoggedAlert
from routstr.upstream.adapters import ADAPTERS, adapter_of
from routstr.upstream.breaker import BreakerPolicy
from routstr.upstream.carrier import CarrierParts
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.fleet import Fleet
from routstr.upstream.provider import Profile


def build_fleet(settings: Settings, session: ClientSession) -> Fleet:
    """Know the provider of the settings, if there is one."""

    def client(profile: Profile) -> UpstreamClient:
        return UpstreamClient(session, profile.limits)

    parts = CarrierParts(
        client=client,
        forward_headers=settings.forward_headers,
        alarm=LoggedAlert().raised,
        breaker=BreakerPolicy(),
    )
    return Fleet(parts, provider_of_settings(settings))


def provider_of_settings(settings: Settings) -> tuple[Profile, ...]:
    """The provider that UPSTREAM_BASE_URL names; its type is known by its host."""
    if not settings.upstream_base_url:
        return ()
    key = settings.upstream_api_key
    return (
        Profile(
            id=0,
            name=settings.upstream_name,
            adapter=adapter_of(settings.upstream_base_url, ADAPTERS),
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
