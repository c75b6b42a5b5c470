"""What monitoring is told of what serves, and who may ask."""

from collections.abc import Callable
from functools import partial
from typing import Final

from routstr.admin.scopes import Scope
from routstr.admin.sessions import Sessions
from routstr.assembly.process import Process
from routstr.assembly.providers import Upstreams
from routstr.catalog.service import Catalog
from routstr.core.metrics.lag import watch_lag
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.errors import AdminError, AdminNotConfigured
from routstr.node.figures import Figures
from routstr.node.metrics import Door, MetricParts, Scrape
from routstr.wallet.mints import Mints

FLUSH_SECONDS: Final = 10.0
"""How soon other processes know what this one has counted."""

_LOCKED: Final = "Bring METRICS_TOKEN, or a token of the operator that may read, as Bearer."


def build_door(settings: Settings, sessions: Sessions) -> Door:
    """Let in whom the settings let in, and tokens of the operator that may read."""

    async def operator(authorization: str | None) -> None:
        try:
            await sessions.require(authorization, Scope.READ)
        except (AdminError, AdminNotConfigured):
            raise AdminError(_LOCKED) from None

    return Door(settings.metrics_token, settings.metrics_networks, operator)


def build_metrics(
    process: Process,
    settings: Settings,
    upstreams: Upstreams,
    catalog: Catalog,
    mints: Mints,
    draining: Callable[[], bool],
) -> MetricParts:
    """Put the route's parts together."""
    stale_s = settings.instance_stale_seconds
    figures = Figures(process.db, process.clock, catalog, upstreams.fleet, mints, stale_s)
    scrape = Scrape(process.db, process.clock, process.metrics, figures, draining)
    return MetricParts(build_door(settings, upstreams.admin.sessions), scrape)


def start_metrics(process: Process, supervisor: Supervisor) -> None:
    """Keep what is counted, and look how late the event loop is."""
    supervisor.every("metrics", FLUSH_SECONDS, process.metrics.flush)
    late = partial(watch_lag, process.clock, process.telemetry.late)
    supervisor.start("event_loop_lag", late)
