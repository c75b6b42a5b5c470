"""``GET /metrics``: what Prometheus scrapes, and who may.

The figures tell what the node earns and owes. So nobody sees them but whoever brings METRICS_TOKEN
or a token of the operator, or comes from METRICS_NETWORKS. To come from this machine is not enough
by itself: so do the requests of a reverse proxy and of Tor.
"""

import asyncio
import hmac
import ipaddress
from collections.abc import Awaitable, Callable, Iterable
from typing import Annotated, Final, cast

from fastapi import APIRouter, Depends, Header, Request, Response
from msgspec import Struct

from routstr.core.addresses import literal_address
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.late_route import LateRoute
from routstr.core.logging import get_logger
from routstr.core.metrics import read
from routstr.core.metrics.counted import COUNTED
from routstr.core.metrics.exposition import Page, Point, write
from routstr.core.metrics.store import MetricStore, Sums, sums
from routstr.core.secret import Secret
from routstr.errors import DatabaseUnavailable, OutcomeUnknown
from routstr.node.figures import Figures
from routstr.version import __version__

REMEMBER_SECONDS: Final = 1.0
FAMILIES: Final = (*read.READ, *COUNTED)
"""Every metric of a node."""
_BEARER: Final = "bearer "
_log: Final = get_logger(__name__)

Operator = Callable[[str | None], Awaitable[object]]
"""Lets only the operator pass, by an Authorization header; else raises what is answered."""


class Door:
    """Who may scrape."""

    def __init__(self, token: Secret, networks: Iterable[str], operator: Operator) -> None:
        """``networks`` are addresses or networks; an empty token opens nothing."""
        self._token: Final = token
        self._networks: Final = tuple(ipaddress.ip_network(one, strict=False) for one in networks)
        self._operator: Final = operator

    async def admit(self, client: str, authorization: str | None) -> None:
        """Let them pass, or raise what ``operator`` raises."""
        if self._is_near(client) or self._knows(authorization or ""):
            return
        await self._operator(authorization)

    def _is_near(self, client: str) -> bool:
        address = literal_address(client)
        if address is None:
            return False
        address = getattr(address, "ipv4_mapped", None) or address
        return any(address in network for network in self._networks)

    def _knows(self, authorization: str) -> bool:
        if not self._token or authorization[: len(_BEARER)].lower() != _BEARER:
            return False
        given = authorization[len(_BEARER) :].strip().encode()
        return hmac.compare_digest(given, self._token.reveal().encode())


class Scrape:
    """Puts a page together, at most one at a time and once a second."""

    def __init__(
        self,
        db: Database,
        clock: Clock,
        store: MetricStore,
        figures: Figures,
        draining: Callable[[], bool],
    ) -> None:
        self._db: Final = db
        self._clock: Final = clock
        self._store: Final = store
        self._figures: Final = figures
        self._draining: Final = draining
        self._turn: Final = asyncio.Lock()
        self._last: tuple[float, Page] | None = None

    async def page(self) -> Page:
        """All metrics, as of a second ago at most."""
        async with self._turn:
            now = self._clock.monotonic()
            if self._last is None or now - self._last[0] > REMEMBER_SECONDS:
                self._last = now, await self._look()
            return self._last[1]

    async def _look(self) -> Page:
        points = [
            Point(read.BUILD, (__version__, self._db.dialect.value), 1),
            Point(read.DRAINING, (), int(self._draining())),
            *self._figures.own(asyncio.get_running_loop().time()),
        ]
        counted: Sums = {}
        try:
            await self._store.flush()
            counted = await self._db.read(lambda c: sums(c, COUNTED))
            points += await self._figures.stored()
        except (DatabaseUnavailable, OutcomeUnknown) as error:
            _log.warning("metrics_without_database", reason=error.code)
            # what is in memory alone would look like counters that fell
            return Page(read.READ, [*points, Point(read.DATABASE_UP, (), 0)], {})
        return Page(FAMILIES, [*points, Point(read.DATABASE_UP, (), 1)], counted)


class MetricParts(Struct, frozen=True):
    """What the route needs."""

    door: Door
    scrape: Scrape


def _parts(request: Request) -> MetricParts:
    return cast("MetricParts", request.app.state.metrics)


Parts = Annotated[MetricParts, Depends(_parts)]
router = APIRouter(route_class=LateRoute, tags=["node"])


@router.get("/metrics", response_class=Response)
async def metrics(
    request: Request,
    parts: Parts,
    authorization: Annotated[str | None, Header(include_in_schema=False)] = None,
    accept: Annotated[str, Header(include_in_schema=False)] = "",
) -> Response:
    """What monitoring scrapes, in Prometheus' text format: needs METRICS_TOKEN as Bearer."""
    client = "" if request.client is None else request.client.host
    await parts.door.admit(client, authorization)
    page = await parts.scrape.page()
    body, content_type = await asyncio.to_thread(write, page, accept)  # some ms of writing
    return Response(body, headers={"Content-Type": content_type, "Cache-Control": "no-store"})
