from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import cast

from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families as parsed

from routstr.core.clock import ManualClock
from routstr.core.metrics import read
from routstr.core.metrics.counted import UPSTREAM_FAILURES
from routstr.core.metrics.exposition import Point
from routstr.core.metrics.meters import Meters
from routstr.core.metrics.store import MetricStore
from routstr.core.secret import Secret
from routstr.errors import AdminError, DatabaseUnavailable
from routstr.node.figures import Figures
from routstr.node.metrics import Door, MetricParts, Scrape, router
from routstr.version import __version__
from tests.unit.core.asgi import ask
from tests.unit.upstream.storing import database

TOKEN = "a-token-of-prometheus"


async def refuse(authorization: str | None) -> None:
    if authorization != "Bearer of the operator":
        raise AdminError


async def admitted(door: Door, client: str, authorization: str | None = None) -> bool:
    try:
        await door.admit(client, authorization)
    except AdminError:
        return False
    return True


async def test_only_named_networks_get_in_without_a_token() -> None:
    door = Door(Secret(TOKEN), ["127.0.0.0/8", "10.1.0.0/16", "::1"], refuse)
    for near in ("127.0.0.1", "10.1.2.3", "::1", "::ffff:127.0.0.1"):
        assert await admitted(door, near)
    for far in ("10.2.0.1", "203.0.113.9", "::2", "", "a name"):
        assert not await admitted(door, far)


async def test_nothing_is_open_by_itself() -> None:
    door = Door(Secret(), [], refuse)
    assert not await admitted(door, "127.0.0.1")
    for empty in ("", "Bearer ", "Bearer"):
        assert not await admitted(door, "127.0.0.1", empty)


async def test_the_token_and_those_of_the_operator_open() -> None:
    door = Door(Secret(TOKEN), [], refuse)
    assert await admitted(door, "", f"Bearer {TOKEN}")
    assert await admitted(door, "", f"bearer {TOKEN}")
    assert await admitted(door, "", "Bearer of the operator")
    for wrong in (TOKEN, f"Basic {TOKEN}", f"Bearer {TOKEN}x", "Bearer \xe9"):
        assert not await admitted(door, "", wrong)


def values(body: str) -> dict[tuple[str, ...], float]:
    return {
        (sample.name, *sample.labels.values()): sample.value
        for family in parsed(body)
        for sample in family.samples
    }


class Figured:
    """Figures, or a database that is away."""

    def __init__(self) -> None:
        self.looked = 0
        self.away = False

    async def stored(self) -> list[Point]:
        self.looked += 1
        if self.away:
            raise DatabaseUnavailable
        return [Point(read.HOLDS, (), 2)]

    def own(self, _loop_time: float) -> list[Point]:
        return [Point(read.MODELS, (), 3)]


@asynccontextmanager
async def served(folder: Path) -> AsyncIterator[tuple[FastAPI, Figured, ManualClock, Meters]]:
    figures, clock, meters, app = Figured(), ManualClock(), Meters(), FastAPI()
    async with database(folder) as db:
        store = MetricStore(db, meters)
        scrape = Scrape(db, clock, store, cast("Figures", figures), lambda: True)
        app.state.metrics = MetricParts(Door(Secret(TOKEN), [], refuse), scrape)
        app.include_router(router)
        yield app, figures, clock, meters


BEARER = [("Authorization", f"Bearer {TOKEN}")]


async def shown(app: FastAPI) -> dict[tuple[str, ...], float]:
    answered = await ask(app, "GET", "/metrics", headers=BEARER)
    assert answered.status == 200
    assert answered.header("cache-control") == "no-store"
    return values(answered.body.decode())


async def test_a_scrape_tells_what_was_counted_until_now_and_what_is_read(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, figures, clock, meters):
        meters.cell(UPSTREAM_FAILURES, "p", "c")[0] += 4
        found = await shown(app)
        assert found["routstr_upstream_failures_total", "c", "p"] == 4
        assert found["routstr_holds_open",] == 2
        assert found["routstr_models",] == 3
        assert found["routstr_draining",] == found["routstr_database_up",] == 1
        assert found["routstr_build_info", "sqlite", __version__] == 1
        assert await shown(app) == found
        assert figures.looked == 1, "within a second it is not looked again"
        clock.advance(seconds=2)
        await shown(app)
        assert figures.looked == 2


async def test_without_a_database_no_counter_seems_to_fall(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, figures, _, meters):
        meters.cell(UPSTREAM_FAILURES, "p", "c")[0] += 4
        figures.away = True
        found = await shown(app)
        assert found["routstr_database_up",] == 0
        assert found["routstr_models",] == 3
        assert not [name for name, *_ in found if name.endswith("_total")]


async def test_nobody_else_sees_it(tmp_path: Path) -> None:
    async with served(tmp_path) as (app, figures, _, _):
        answered = await ask(app, "GET", "/metrics")
        assert isinstance(answered.raised, AdminError)
        assert not figures.looked
