"""What is sold and where requests go: prices, the provider, and the paid routes."""

from collections.abc import Mapping
from decimal import Decimal

from aiohttp import ClientSession

from routstr.catalog.rates import FixedPrices, PricePolicy
from routstr.catalog.service import Catalog
from routstr.core.settings import Settings
from routstr.errors import UpstreamUnavailable
from routstr.money import Msat
from routstr.payment.pricing import QuotePolicy
from routstr.proxy import count_tokens
from routstr.proxy.count_tokens import CountTokens
from routstr.proxy.dialects import DIALECTS
from routstr.proxy.dialects.base import Dialect
from routstr.proxy.exchange import Exchange
from routstr.proxy.hot import Serve
from routstr.proxy.paid import PaidEndpoint
from routstr.proxy.till import Till
from routstr.proxy.wire import Credentials
from routstr.upstream.client import UpstreamClient, UpstreamLimits
from routstr.upstream.deadlines import Deadlines
from routstr.upstream.endpoint import Endpoint
from routstr.upstream.provider import Provider


def price_policy(settings: Settings) -> PricePolicy:
    """How models are priced by the settings."""
    fixed = None
    if settings.fixed_pricing:
        fixed = FixedPrices(
            Decimal(settings.fixed_cost_per_request),
            Decimal(settings.fixed_per_1k_input_tokens),
            Decimal(settings.fixed_per_1k_output_tokens),
        )
    return PricePolicy(
        exchange_fee=settings.exchange_fee,
        provider_fee=settings.upstream_provider_fee,
        min_request=Msat(settings.min_request_msat),
        fixed=fixed,
        provider=settings.upstream_name,
    )


def paid_routes(
    settings: Settings, catalog: Catalog, till: Till, session: ClientSession, deadlines: Deadlines
) -> Mapping[str, Serve]:
    """Serve every dialect by the provider of the settings; without one, refuse them all."""
    free: dict[str, Serve] = {count_tokens.ENDPOINT: CountTokens(catalog.current)}
    if not settings.upstream_base_url:
        return {dialect.endpoint: _no_upstream for dialect in DIALECTS} | free
    policy = QuotePolicy(
        settings.tolerance_percentage,
        Msat(settings.min_request_msat),
        settings.min_output_tokens,
    )
    client, provider = _provider(settings, session)

    def serve(dialect: Dialect) -> Serve:
        return PaidEndpoint(
            dialect,
            Endpoint(client, provider, dialect.path, client.limits, settings.forward_headers),
            catalog=catalog.current,
            policy=policy,
            till=till,
            deadlines=deadlines,
        )

    return {dialect.endpoint: serve(dialect) for dialect in DIALECTS} | free


def _provider(settings: Settings, session: ClientSession) -> tuple[UpstreamClient, Provider]:
    limits = UpstreamLimits(
        connect_s=settings.upstream_connect_seconds,
        first_byte_s=settings.upstream_first_byte_seconds,
        idle_s=settings.upstream_idle_seconds,
        total_s=settings.upstream_total_seconds,
        drain_s=settings.disconnect_drain_seconds,
        answer_bytes=settings.response_bytes_max,
    )
    provider = Provider.create(
        settings.upstream_name, settings.upstream_base_url, settings.upstream_api_key
    )
    return UpstreamClient(session, limits), provider


async def _no_upstream(_exchange: Exchange, _credentials: Credentials, _body: bytes) -> None:
    raise UpstreamUnavailable("This node has no provider configured (UPSTREAM_BASE_URL).")
