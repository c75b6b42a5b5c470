"""Reads what monitoring is told of the money and of the parts, on one snapshot of the database."""

from collections.abc import Iterator
from functools import partial
from typing import Final

from sqlalchemy import Connection, text

from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.metrics import read
from routstr.core.metrics.exposition import Point
from routstr.errors import PriceUnavailable
from routstr.ledger import books, instances, verdict
from routstr.ledger.entries import OPERATORS
from routstr.ledger.flows import Flows
from routstr.money import ZERO
from routstr.payment.standing import outline
from routstr.upstream.fleet import Fleet
from routstr.wallet.mints import Mints
from routstr.wallet.models import SagaKind, SagaState

_MS: Final = 1_000
_BETWEEN: Final = "; "
"""Between the equations in the reason of a verdict."""
_HOLDS: Final = "SELECT count(*), coalesce(sum(amount), 0) FROM holds WHERE state = 0"
_SAGAS: Final = f"""
SELECT kind, problem IS NULL, count(*), min(created_at) FROM sagas
WHERE state = {int(SagaState.OPEN)} GROUP BY 1, 2
"""  # noqa: S608 - a constant of this program
_ALERTS: Final = "SELECT name, count(*) FROM alerts WHERE cleared_at IS NULL GROUP BY name"

Points = Iterator[Point]


class Figures:
    """What is read of one running node."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        catalog: Catalog,
        fleet: Fleet,
        mints: Mints,
        stale_seconds: float,
    ) -> None:
        """``stale_seconds``: an instance that is silent for so long counts as dead."""
        self._db: Final = db
        self._clock: Final = clock
        self._catalog: Final = catalog
        self._fleet: Final = fleet
        self._mints: Final = mints
        self._stale_s: Final = stale_seconds
        self._flows: Final = Flows(db)

    async def stored(self) -> list[Point]:
        """What the database says. Raises ``DatabaseUnavailable``."""
        flows = await self._flows.read()
        now = self._clock.now_ms()
        look = partial(_look, now=now, stale_s=self._stale_s)
        points = await self._db.read(look)
        for kind, flow in flows.items():
            label = (kind.name.lower(),)
            points.append(Point(read.TRANSFERS, label, flow.count))
            points.append(Point(read.TRANSFERRED, label, int(flow.amount)))
        return points

    def own(self, loop_time: float) -> Points:
        """What this process knows; ``loop_time`` is the event loop's."""
        yield from _connections(self._db)
        try:
            snapshot = self._catalog.current()
        except PriceUnavailable:
            yield Point(read.MODELS, (), 0)
        else:
            yield Point(read.MODELS, (), len(snapshot.models))
            if snapshot.usd_per_btc is not None:
                yield Point(read.PRICE, (), float(snapshot.usd_per_btc))  # shown, never reckoned
        for name, carrier in self._fleet.carriers.items():
            yield Point(read.PROVIDER_UP, (name,), int(carrier.breaker.ready(loop_time)))
        for url, health in self._mints.health().items():
            yield Point(read.MINT_UP, (url,), int(not (health.failures or health.rest_s)))


def _connections(db: Database) -> Points:
    load = db.load
    yield Point(read.DATABASE_READERS, ("busy",), load.reading)
    yield Point(read.DATABASE_READERS, ("free",), load.readers - load.reading)
    yield Point(read.DATABASE_WAITING, ("read",), load.reads_waiting)
    yield Point(read.DATABASE_WAITING, ("write",), load.writes_waiting)
    if db.replica is not None:
        yield Point(read.REPLICA_UP, (), int(not db.replica.problem))


def _look(connection: Connection, now: int, stale_s: float) -> list[Point]:
    return [
        Point(read.INSTANCES, (), len(instances.alive(connection, stale_s))),
        *_holds(connection),
        *_sagas(connection, now),
        *_standing(connection),
        *_verdict(connection),
        *_alerts(connection),
    ]


def _holds(connection: Connection) -> Points:
    count, amount = connection.execute(text(_HOLDS)).one()
    yield Point(read.HOLDS, (), int(count))
    yield Point(read.HELD, (), int(amount))


def _sagas(connection: Connection, now: int) -> Points:
    open_: dict[tuple[str, str], int] = {
        (kind.name.lower(), state): 0 for kind in SagaKind for state in ("moving", "stuck")
    }
    oldest = {kind.name.lower(): now for kind in SagaKind}
    for number, moving, count, since in connection.execute(text(_SAGAS)):
        kind = SagaKind(number).name.lower()
        open_[kind, "moving" if moving else "stuck"] = int(count)
        oldest[kind] = min(oldest[kind], int(since))
    for labels, count in open_.items():
        yield Point(read.SAGAS, labels, count)
    for kind, since in oldest.items():
        yield Point(read.SAGA_AGE, (kind,), max(0, now - since) / _MS)


def _standing(connection: Connection) -> Points:
    found, balances = outline(connection), books.node_balances(connection)
    yield Point(read.LIABILITIES, (), int(found.owed_msat))
    yield Point(read.SURPLUS, (), int(found.surplus_msat))
    for place in found.positions:
        yield Point(read.ASSETS, (place.mint, place.unit.value), int(place.held_msat))
    for kind in sorted(OPERATORS):
        yield Point(read.OPERATOR, (kind.name.lower(),), int(balances.get(kind, ZERO)))


def _verdict(connection: Connection) -> Points:
    known = verdict.read(connection)
    broken = len(known.reason.split(_BETWEEN)) if known.closed else 0
    yield Point(read.VIOLATIONS, (), broken)
    if known.full_at is not None:
        yield Point(read.VERIFIED, (), known.full_at / _MS)


def _alerts(connection: Connection) -> Points:
    for name, count in connection.execute(text(_ALERTS)):
        yield Point(read.ALERTS, (str(name),), int(count))
