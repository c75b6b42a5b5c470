"""Whether the node can serve, and what stands in its way."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Final

from sqlalchemy import Connection
from sqlalchemy.exc import SQLAlchemyError

from routstr.catalog.service import Catalog
from routstr.core.clock import Clock
from routstr.core.db import Database
from routstr.core.tasks import Supervisor
from routstr.errors import DatabaseUnavailable, OutcomeUnknown, PriceUnavailable
from routstr.node.provider_health import ProviderHealth
from routstr.wallet.mint_errors import MintError
from routstr.wallet.mint_health import MintHealth
from routstr.wallet.mints import Mints

CHECK_SECONDS_MAX: Final = 5.0
REMEMBER_SECONDS: Final = 5.0
OPEN: Final = "open"
STOPPING: Final = "stopping"

Report = dict[str, object]


class Health:
    """Checks the parts, at most every few seconds.

    ``deposits`` reads from the database whether deposits are taken: ``open``, or why not;
    ``write`` changes something there that does not matter.
    """

    def __init__(  # noqa: PLR0913, PLR0917 - one argument per part that is checked
        self,
        db: Database,
        mints: Mints,
        catalog: Catalog,
        providers: ProviderHealth,
        clock: Clock,
        supervisor: Supervisor,
        draining: Callable[[], bool],
        deposits: Callable[[Connection], str],
        write: Callable[[], Awaitable[object]],
    ) -> None:
        self._db = db
        self._mints = mints
        self._catalog = catalog
        self._providers = providers
        self._clock = clock
        self._supervisor = supervisor
        self._draining = draining
        self._state_of_deposits = deposits
        self._write = write
        self._open_at: float | None = None
        self._remembered: tuple[float, bool, Report] | None = None

    async def check(self) -> tuple[bool, Report]:
        """Return whether the node can serve, and a report that names every part."""
        now = self._clock.monotonic()
        if self._remembered is None or now - self._remembered[0] > REMEMBER_SECONDS:
            able, report = await self._look()
            self._remembered = (now, able, report)
        _, able, report = self._remembered
        if self._draining():
            return False, {**report, "status": STOPPING}
        return able, report

    async def deposits(self) -> str:
        """Say whether deposits are taken: ``open``, or why not, which is not remembered."""
        now = self._clock.monotonic()
        if self._open_at is None or now - self._open_at > REMEMBER_SECONDS:
            _, state = await self._look_at_books()
            self._open_at = now if state == OPEN else None
            return state
        return OPEN

    async def _look(self) -> tuple[bool, Report]:
        ((database, deposits), (upstream, providers)), mints = await asyncio.gather(
            asyncio.gather(self._look_at_books(), self._providers.look()),
            asyncio.gather(*(self._mint(url) for url in self._mints.urls)),
        )
        if database == "ok":
            database = await self._write_to_books()
        price = self._price()
        able = database == upstream == price == "ok"
        every_mint = all(state == "ok" for state in mints)
        every_provider = all(seen["reachable"] for seen in providers.values())
        failing = [task.name for task in self._supervisor.reports() if task.failures]
        well = able and every_mint and every_provider and deposits == OPEN and not failing
        status = "healthy" if well else "degraded"
        report: Report = {
            "status": status if able else "unhealthy",
            "database": database,
            "upstream": upstream,
            "providers": providers,
            "price": price,
            "deposits": deposits,
            "mints": dict(zip(self._mints.urls, mints, strict=True)),
            "mint_health": {url: _told(seen) for url, seen in self._mints.health().items()},
            "failing_tasks": failing,
        }
        if (replica := self._db.replica) is not None:  # nothing that is served depends on it
            report["database_replica"] = replica.problem or "ok"
        return able, report

    async def _look_at_books(self) -> tuple[str, str]:
        """Ask the database whether deposits are taken: the states of both."""
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                return "ok", await self._db.read(self._state_of_deposits)
        except (SQLAlchemyError, DatabaseUnavailable, TimeoutError) as error:
            return f"failing: {type(error).__name__}", "unknown"

    async def _write_to_books(self) -> str:
        """A full disk and a lost lock show only in writing."""
        try:
            async with asyncio.timeout(CHECK_SECONDS_MAX):
                await self._write()
        except (SQLAlchemyError, DatabaseUnavailable, OutcomeUnknown, TimeoutError) as error:
            return f"not writable: {type(error).__name__}"
        return "ok"

    async def _mint(self, url: str) -> str:
        try:
            await self._mints.mint(url).keysets(timeout_s=CHECK_SECONDS_MAX)
        except MintError as error:
            return f"failing: {type(error).__name__}"
        return "ok"

    def _price(self) -> str:
        try:
            self._catalog.current()
        except PriceUnavailable:
            return "no current price of bitcoin"
        return "ok"


def _told(seen: MintHealth) -> Report:
    """A mint's record; times in Unix seconds."""
    answered, failed = seen.answered_at, seen.failed_at
    return {
        "state": seen.state,
        "last_answer_at": None if answered is None else answered // 1_000,
        "last_failure_at": None if failed is None else failed // 1_000,
        "last_failure": seen.problem,
        "failures_in_a_row": seen.failures,
        "resting_seconds": seen.rest_s,
        "latency_ms": seen.latency_ms,
    }
