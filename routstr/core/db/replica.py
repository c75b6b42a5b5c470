"""A copy of the database that follows it, for statistics.

It says what was true some seconds ago, so nothing that decides about money may be read there. Who
reads statistics is served by the database itself whenever the copy is away, too far behind, or
refuses (a query that stood in the way of what it follows, a schema that has not arrived).
"""

import asyncio
import time
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Final, TypeVar

from sqlalchemy import Connection, text
from sqlalchemy.exc import DBAPIError

from routstr.core.logging import get_logger

T = TypeVar("T")

LAG_SECONDS_MAX: Final = 30.0
REST_SECONDS: Final = 30.0
"""How long a copy is left alone that failed or was behind."""
_READERS: Final = 2
_CONNECT_SECONDS: Final = 3
_SNAPSHOT: Final = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
_LAG: Final = text(
    "SELECT CASE WHEN pg_is_in_recovery() THEN coalesce(extract(epoch FROM"
    " clock_timestamp() - pg_last_xact_replay_timestamp()), 'infinity') ELSE 0 END::float8"
)
"""Instances write every few seconds: a copy that follows has replayed something lately."""

_log = get_logger(__name__)


class Behind(Exception):
    """The copy is this many seconds behind."""


class Replica:
    """Reads from the copy at ``url``, in threads of its own; ``module`` speaks with it."""

    def __init__(
        self,
        url: str,
        module: ModuleType,
        *,
        lag_seconds_max: float = LAG_SECONDS_MAX,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._engine: Final = module.engine(
            url, read_only=True, readers=_READERS, connect_seconds=_CONNECT_SECONDS
        )
        self._threads: Final = ThreadPoolExecutor(_READERS, "replica-reader")
        self._lag_seconds_max: Final = lag_seconds_max
        self._monotonic: Final = monotonic
        self._rests_until = float("-inf")
        self.problem = ""
        """Why it was not asked last; empty: it was."""

    async def read(self, fn: Callable[[Connection], T], otherwise: Callable[[], Awaitable[T]]) -> T:
        """What ``fn`` finds on one snapshot of the copy, or else ``otherwise``."""
        if self._monotonic() >= self._rests_until:
            loop = asyncio.get_running_loop()
            try:
                found = await loop.run_in_executor(self._threads, self._read, fn)
            except (DBAPIError, Behind) as error:
                self._leave_alone(error)
            else:
                self._well()
                return found
        return await otherwise()

    def close(self) -> None:
        """Close its connections, after what is being read."""
        self._threads.shutdown()
        self._engine.dispose()

    def _read(self, fn: Callable[[Connection], T]) -> T:
        with self._engine.connect() as connection:
            connection.exec_driver_sql(_SNAPSHOT)
            lag = float(connection.execute(_LAG).scalar_one())
            if lag > self._lag_seconds_max:
                raise Behind(f"{lag:.0f} seconds behind")
            return fn(connection)

    def _leave_alone(self, error: Exception) -> None:
        self._rests_until = self._monotonic() + REST_SECONDS
        problem = str(error) if isinstance(error, Behind) else f"failing: {type(error).__name__}"
        if not self.problem:
            _log.warning("replica_not_used", problem=problem)
        self.problem = problem

    def _well(self) -> None:
        if self.problem:
            _log.info("replica_used_again")
        self.problem = ""
