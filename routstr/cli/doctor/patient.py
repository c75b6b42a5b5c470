"""The node as the doctor sees it: its settings, its key, its database, its ways to the outside."""

import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from pathlib import Path
from types import SimpleNamespace
from typing import Final

import aiohttp

from routstr.assembly.plugins import Extensions
from routstr.assembly.providers import UpstreamSessions, upstream_sessions
from routstr.core.clock import Clock, SystemClock
from routstr.core.db import Database
from routstr.core.http import outgoing_session
from routstr.core.node_key import NodeKey
from routstr.core.settings import Settings
from routstr.payment.price_sources import SOURCES, PriceSource

_MS: Final = 1_000


def free_bytes(folder: Path) -> int:
    """How much may still be written there."""
    return shutil.disk_usage(folder).free


@dataclass(frozen=True, slots=True)
class Ports:
    """What the doctor does not find in the settings; tests put something else there."""

    clock: Clock = field(default_factory=SystemClock)
    sources: Sequence[PriceSource] = SOURCES
    free_bytes: Callable[[Path], int] = free_bytes


@dataclass(frozen=True, slots=True)
class Told:
    """How far ahead of this machine somebody's clock is, in seconds."""

    host: str
    ahead_s: float


@dataclass(frozen=True, slots=True)
class Patient:
    """``db`` and ``key`` are None when they cannot be used; the checks of storage say why."""

    settings: Settings
    ports: Ports
    extensions: Extensions
    key: NodeKey | None
    db: Database | None
    outgoing: aiohttp.ClientSession
    """Reaches public addresses only: mints, price sources, Lightning addresses."""
    upstream: UpstreamSessions
    times: list[Told]
    """What answers to the other checks said of the time."""
    ask_mints: bool = False
    """Whether every proof is to be compared with what its mint says."""


@asynccontextmanager
async def opened(
    settings: Settings,
    ports: Ports,
    extensions: Extensions,
    key: NodeKey | None,
    *,
    with_database: bool,
    ask_mints: bool = False,
) -> AsyncIterator[Patient]:
    """Open what can be opened; everything is closed again."""
    async with AsyncExitStack() as stack:
        local = settings.allow_insecure_mints
        outgoing = await stack.enter_async_context(outgoing_session(settings, allow_loopback=local))
        upstream = await stack.enter_async_context(upstream_sessions(settings))
        times: list[Told] = []
        for session in (outgoing, upstream.own, upstream.stored):
            session.trace_configs.append(_listening(times, ports.clock))
        db: Database | None = None
        if with_database:
            db = Database(settings.database_url.reveal())
            db.start()
            stack.push_async_callback(db.stop)
        yield Patient(
            settings,
            ports,
            extensions,
            key,
            db,
            outgoing,
            upstream,
            times,
            ask_mints,
        )


def _listening(times: list[Told], clock: Clock) -> aiohttp.TraceConfig:
    """Notes what each answer's ``Date`` says (RFC 9110)."""

    async def note(
        _session: aiohttp.ClientSession,
        _context: SimpleNamespace,
        params: aiohttp.TraceRequestEndParams,
    ) -> None:
        try:
            said = parsedate_to_datetime(params.response.headers.get("Date", ""))
        except ValueError:
            return
        said = said if said.tzinfo else said.replace(tzinfo=UTC)
        here = datetime.fromtimestamp(clock.now_ms() / _MS, UTC)
        times.append(Told(params.url.host or "", (said - here).total_seconds()))

    config = aiohttp.TraceConfig()
    config.on_request_end.append(note)
    config.freeze()
    return config
