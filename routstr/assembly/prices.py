"""The price of bitcoin: fixed by the operator, or read again and again."""

from aiohttp import ClientSession

from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.logging import get_logger
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.payment.price import FeedPolicy, PriceFeed
from routstr.payment.price_sources import HttpFetch

_log = get_logger(__name__)


def start_prices(
    settings: Settings,
    catalog: Catalog,
    session: ClientSession,
    clock: Clock,
    supervisor: Supervisor,
    before: PriceFeed | None = None,
) -> PriceFeed | None:
    """Give the catalog its rate, for good or by a task that goes on from what ``before`` knows."""
    if settings.btc_usd is not None:
        catalog.set_rate(settings.btc_usd, fresh_for_s=None)
        return None
    policy = FeedPolicy(
        jump_percent_max=settings.price_jump_percent_max,
        age_s_max=settings.price_age_seconds_max,
    )
    feed = PriceFeed(HttpFetch(session), clock, policy)
    if before is not None and (price := feed.go_on_from(before.state)) is not None:
        catalog.set_rate(price, fresh_for_s=feed.fresh_for_s())

    async def refresh() -> None:
        outcome = await feed.refresh()
        if outcome.failures:
            _log.warning("price_sources_failed", failures=dict(outcome.failures))
        if outcome.price is not None and feed.fresh_for_s() > 0:
            await catalog.take_rate(outcome.price, fresh_for_s=feed.fresh_for_s())

    supervisor.every("price", settings.pricing_refresh_interval_seconds, refresh)
    return feed
