"""What is sold and who serves it, for the operator; stored changes of models reach the catalog."""

from typing import Final

from routstr.admin.overview.statistics import Statistics
from routstr.admin.selling.endpoints import Selling
from routstr.admin.selling.models import ModelDesk
from routstr.admin.selling.providers import ProviderBoard
from routstr.admin.selling.servers import Servers
from routstr.admin.selling.trial import Trial
from routstr.assembly.models import Shelf
from routstr.assembly.providers import Upstreams, UpstreamSessions, usual_limits
from routstr.catalog.override_store import Overrides
from routstr.catalog.override_watch import OverrideWatch
from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

LOOK_SECONDS: Final = 2.0
"""How soon every instance sells by what the operator has changed."""


async def start_overrides(
    shelf: Shelf, db: Database, clock: Clock, supervisor: Supervisor
) -> OverrideWatch:
    """Sell by what is stored of models from the first request on, and by every change soon."""
    watch = OverrideWatch(Overrides(db, clock), shelf.lists.set_stored)
    await watch.look()
    supervisor.every("overrides", LOOK_SECONDS, watch.look)
    return watch


def build_selling(  # noqa: PLR0913, PLR0917 - one argument per part that it is made of
    settings: Settings,
    db: Database,
    clock: Clock,
    catalog: Catalog,
    shelf: Shelf,
    watch: OverrideWatch,
    upstreams: Upstreams,
    sessions: UpstreamSessions,
    statistics: Statistics,
) -> Selling:
    """Put it together."""
    desk = upstreams.admin.providers
    servers = Servers(desk.providers, desk.own, usual_limits(settings))
    trial, overrides = Trial(sessions.of), Overrides(db, clock)
    models = ModelDesk(catalog, shelf.lists, overrides, servers, trial, watch.look)
    board = ProviderBoard(desk, servers, upstreams.fleet, statistics, models, clock)
    return Selling(models, board)
