"""What outlives a change of the settings: logs, the node's key, packages, database, who guesses."""

from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass

from routstr.admin.throttle import Throttle
from routstr.assembly.plugins import Extensions, open_extensions
from routstr.assembly.storage import open_database
from routstr.core.clock import Clock
from routstr.core.db import Backend, Database
from routstr.core.logging import Logs, get_logger
from routstr.core.metrics.store import MetricStore
from routstr.core.metrics.telemetry import Telemetry
from routstr.core.node_key import NodeKey, load_node_key
from routstr.core.settings import Settings
from routstr.core.traffic import Traffic
from routstr.core.traffic_store import TrafficStore
from routstr.errors import DatabaseUnavailable, OutcomeUnknown, RoutstrError

_log = get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Process:
    """One process of the node. ``given`` are the settings of its environment."""

    given: Settings
    clock: Clock
    logs: Logs
    node_key: NodeKey
    extensions: Extensions
    db: Database
    traffic: TrafficStore
    telemetry: Telemetry
    metrics: MetricStore
    throttle: Throttle


async def open_process(
    given: Settings, clock: Clock, logs: Logs, backend: Backend | None, stack: AsyncExitStack
) -> Process:
    """Open it, to be closed with the stack. Raises what stops a start."""
    node_key = load_node_key(given)
    extensions = open_extensions(given)
    telemetry = Telemetry(frozenset(error_codes()))
    db = await stack.enter_async_context(
        open_database(given, node_key, backend, telemetry.committed, telemetry.retried)
    )
    traffic = TrafficStore(db, clock, Traffic())
    metrics = MetricStore(db, telemetry.meters)
    stack.push_async_callback(last_counts, traffic, metrics)
    return Process(
        given, clock, logs, node_key, extensions, db, traffic, telemetry, metrics, Throttle()
    )


async def last_counts(*stores: TrafficStore | MetricStore) -> None:
    """Store what was counted until the end, if the database is there."""
    try:
        for one in stores:
            await one.flush()
    except (DatabaseUnavailable, OutcomeUnknown) as error:
        _log.warning("traffic_not_stored", reason=error.code)


def error_codes(of: type[RoutstrError] = RoutstrError) -> Iterator[str]:
    """The codes of this program's own errors: what monitoring tells apart."""
    yield of.code
    for narrower in of.__subclasses__():
        yield from error_codes(narrower)
