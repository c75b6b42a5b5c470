"""What the node sells, as a command sees it: read once from file, lists and database, beside it."""

from collections.abc import Sequence
from decimal import Decimal

from aiohttp import ClientSession

from routstr.admin.selling.models import ModelDesk
from routstr.admin.selling.servers import Servers
from routstr.admin.selling.trial import Trial
from routstr.assembly.models import build_shelf, open_catalog
from routstr.assembly.plugins import Extensions
from routstr.assembly.providers import (
    UpstreamSessions,
    build_providers,
    provider_of_settings,
    usual_limits,
)
from routstr.catalog.override_store import Overrides
from routstr.catalog.override_watch import OverrideWatch
from routstr.core.clock import Clock, SystemClock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.payment.price import FeedPolicy, PriceFeed, Round
from routstr.payment.price_sources import SOURCES, HttpFetch, PriceSource
from routstr.upstream.provider import Profile


async def profiles_of(
    settings: Settings, extensions: Extensions, db: Database | None, key: NodeKey | None
) -> tuple[Profile, ...]:
    """The providers that the node asks: that of the settings, then enabled stored ones.

    Without a database or its key only the first is known.
    """
    own = provider_of_settings(settings, extensions.adapters)
    if db is None or key is None:
        return own
    names, usual = {profile.name for profile in own}, usual_limits(settings)
    stored = await _servers(settings, extensions, db, key).providers.every()
    added = (one.profile(usual) for one in stored if one.enabled and one.slug not in names)
    return (*own, *added)


async def read_price(
    settings: Settings,
    outgoing: ClientSession,
    clock: Clock,
    sources: Sequence[PriceSource] = SOURCES,
) -> Round:
    """Ask all sources for the price of bitcoin once."""
    policy = FeedPolicy(
        jump_percent_max=settings.price_jump_percent_max,
        age_s_max=settings.price_age_seconds_max,
    )
    return await PriceFeed(HttpFetch(outgoing), clock, policy, sources).refresh()


async def open_models(  # noqa: PLR0913, PLR0917 - one argument per part that it is made of
    settings: Settings,
    extensions: Extensions,
    db: Database,
    key: NodeKey,
    clock: Clock,
    outgoing: ClientSession,
    upstream: UpstreamSessions,
    usd_per_btc: Decimal | None,
) -> ModelDesk:
    """The operator's desk of models, filled as the node fills its own; lists are read once.

    Raises what stops a node's start.
    """
    catalog, entries = open_catalog(settings, clock, extensions.rules)
    shelf = build_shelf(catalog, entries, settings, clock, upstream=upstream, outgoing=outgoing)
    await shelf.follow(await profiles_of(settings, extensions, db, key))
    overrides = Overrides(db, clock)
    watch = OverrideWatch(overrides, shelf.lists.set_stored)
    await watch.look()
    await shelf.lists.refresh()
    if usd_per_btc is not None:
        catalog.set_rate(usd_per_btc, fresh_for_s=None)
    servers = _servers(settings, extensions, db, key)
    return ModelDesk(catalog, shelf.lists, overrides, servers, Trial(upstream.of), watch.look)


def _servers(settings: Settings, extensions: Extensions, db: Database, key: NodeKey) -> Servers:
    providers = build_providers(settings, db, key, SystemClock(), extensions.adapters)
    own = provider_of_settings(settings, extensions.adapters)
    return Servers(providers, own, usual_limits(settings))
