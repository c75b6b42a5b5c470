"""What /health says when a part is missing, and how often it looks."""

from collections.abc import Callable
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, cast

import pytest
from sqlalchemy.exc import OperationalError

from routstr.catalog.service import Catalog
from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.tasks import Supervisor, TaskReport
from routstr.errors import DatabaseUnavailable, PriceUnavailable
from routstr.node.health import REMEMBER_SECONDS, Health
from routstr.node.provider_health import ProviderHealth, Reports
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mints import Mints

WELL = {
    "state": "ok",
    "last_answer_at": 1_700_000_000,
    "last_failure_at": None,
    "last_failure": "",
    "failures_in_a_row": 0,
    "resting_seconds": 0,
    "latency_ms": 40,
}


class Parts:
    """Every part that is looked at; each can be broken."""

    def __init__(self) -> None:
        self.broken: set[str] = set()
        self.looks = 0
        self.urls = ("https://mint.example",)
        self.draining = False
        self.deposits = "open"
        self.replica: Any = None

    def _fail(self, name: str, error: Exception) -> None:
        if name in self.broken:
            raise error

    async def read(self, fn: Callable[[Any], Any]) -> Any:
        self.looks += 1
        self._fail("database", OperationalError("SELECT 1", {}, Exception()))
        return fn(None)

    async def write(self) -> None:
        self._fail("disk", DatabaseUnavailable())
        if "time" in self.broken:
            raise TimeoutError

    def mint(self, url: str) -> "Parts":
        return self

    def health(self) -> dict[str, MintHealth]:
        seen = MintHealth().answered(1_700_000_000_500, 40)
        if "mint" in self.broken:
            seen = replace(seen.failed(1_700_000_002_000, "no connection"), rest_s=4)
        return dict.fromkeys(self.urls, seen)

    async def keysets(self, *, timeout_s: float) -> None:
        self._fail("mint", MintDown("x"))

    def current(self) -> None:
        self._fail("price", PriceUnavailable())

    async def look(self) -> tuple[str, Reports]:
        away = "upstream" in self.broken
        told: Reports = {"p": {"reachable": not away}, "q": {"reachable": True}}
        if "provider" in self.broken:
            told["q"] = {"reachable": False}
        return ("unreachable: upstream_unreachable" if away else "ok"), told

    def reports(self) -> tuple[TaskReport, ...]:
        return (TaskReport("sweep", failures=2 if "task" in self.broken else 0),)


def health(parts: Parts, clock: ManualClock) -> Health:
    return Health(
        cast("Database", parts),
        cast("Mints", parts),
        cast("Catalog", parts),
        cast("ProviderHealth", parts),
        clock,
        cast("Supervisor", parts),
        lambda: parts.draining,
        lambda _connection: parts.deposits,
        parts.write,
    )


async def test_a_whole_node_is_healthy() -> None:
    able, report = await health(Parts(), ManualClock()).check()
    assert able
    assert report == {
        "status": "healthy",
        "database": "ok",
        "upstream": "ok",
        "providers": {"p": {"reachable": True}, "q": {"reachable": True}},
        "price": "ok",
        "deposits": "open",
        "mint_health": {"https://mint.example": WELL},
        "mints": {"https://mint.example": "ok"},
        "failing_tasks": [],
    }


@pytest.mark.parametrize(
    ("broken", "able", "status", "part", "words"),
    [
        ("database", False, "unhealthy", "database", "failing: OperationalError"),
        ("disk", False, "unhealthy", "database", "not writable: DatabaseUnavailable"),
        ("time", False, "unhealthy", "database", "not writable: TimeoutError"),
        ("upstream", False, "unhealthy", "upstream", "unreachable: upstream_unreachable"),
        (
            "provider",
            True,
            "degraded",
            "providers",
            {"p": {"reachable": True}, "q": {"reachable": False}},
        ),
        ("price", False, "unhealthy", "price", "no current price of bitcoin"),
        ("mint", True, "degraded", "mints", {"https://mint.example": "failing: MintDown"}),
        ("task", True, "degraded", "failing_tasks", ["sweep"]),
    ],
)
async def test_a_broken_part_is_named(
    broken: str, able: bool, status: str, part: str, words: object
) -> None:
    parts = Parts()
    parts.broken.add(broken)
    can, report = await health(parts, ManualClock()).check()
    assert (can, report["status"], report[part]) == (able, status, words)


async def test_a_node_that_takes_no_deposits_serves_all_the_same() -> None:
    parts = Parts()
    parts.deposits = "closed: postings sum to zero"
    able, report = await health(parts, ManualClock()).check()
    assert able
    assert (report["status"], report["deposits"]) == ("degraded", "closed: postings sum to zero")


async def test_deposits_are_looked_up_every_few_seconds() -> None:
    parts, clock = Parts(), ManualClock()
    watched = health(parts, clock)
    assert await watched.deposits() == "open"
    parts.deposits = "closed"
    assert await watched.deposits() == "open"
    clock.advance(seconds=REMEMBER_SECONDS + 1)
    assert await watched.deposits() == "closed"
    assert parts.looks == 2
    parts.deposits = "open"
    assert await watched.deposits() == "open", "at once"
    parts.broken.add("database")
    clock.advance(seconds=REMEMBER_SECONDS + 1)
    assert await watched.deposits() == "unknown"


async def test_a_database_that_tells_in_our_words_that_it_is_away_is_away() -> None:
    class Away(Parts):
        async def read(self, fn: Callable[[Any], Any]) -> Any:
            raise DatabaseUnavailable

    able, report = await health(Away(), ManualClock()).check()
    assert not able
    assert report["database"] == "failing: DatabaseUnavailable"


async def test_many_questions_are_one_look() -> None:
    parts, clock = Parts(), ManualClock()
    watched = health(parts, clock)
    for _ in range(5):
        await watched.check()
    assert parts.looks == 1
    clock.advance(seconds=REMEMBER_SECONDS + 1)
    await watched.check()
    assert parts.looks == 2


async def test_a_stopping_node_says_so_at_once() -> None:
    parts, clock = Parts(), ManualClock()
    watched = health(parts, clock)
    assert (await watched.check())[0]
    parts.draining = True
    able, report = await watched.check()
    assert (able, report["status"]) == (False, "stopping")


async def test_how_a_mint_has_served_is_told() -> None:
    parts = Parts()
    parts.broken.add("mint")
    _, report = await health(parts, ManualClock()).check()
    assert report["mint_health"] == {
        "https://mint.example": {
            **WELL,
            "state": "resting",
            "last_failure_at": 1_700_000_002,
            "last_failure": "no connection",
            "failures_in_a_row": 1,
            "resting_seconds": 4,
        }
    }


async def test_a_replica_is_told_of_and_nothing_depends_on_it() -> None:
    parts = Parts()
    parts.replica = SimpleNamespace(problem="31 seconds behind")
    able, report = await health(parts, ManualClock()).check()
    assert (able, report["status"]) == (True, "healthy")
    assert report["database_replica"] == "31 seconds behind"
