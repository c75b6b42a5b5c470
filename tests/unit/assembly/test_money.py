"""The use cases with money, put together as a node has them."""

import asyncio
from pathlib import Path

import aiohttp
import pytest

from routstr.assembly.money import NEVER_SECONDS, build_money, start_money
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

KEY = NodeKey(bytes(range(32)))


@pytest.mark.parametrize(("interval", "seconds"), [(7, 7), (0, NEVER_SECONDS)])
async def test_claims_are_watched_and_books_verified_as_often_as_the_settings_say(
    tmp_path: Path, interval: int, seconds: float
) -> None:
    settings = Settings(
        database_url=Secret(f"sqlite:///{tmp_path}/node.db"), verify_interval_seconds=interval
    )
    clock, pauses, resting = SystemClock(), list[float](), asyncio.Semaphore(0)

    async def sleep(pause: float) -> None:
        pauses.append(pause)
        resting.release()
        await asyncio.Event().wait()

    supervisor = Supervisor(clock, sleep)
    async with aiohttp.ClientSession() as session, open_database(settings, KEY) as db:
        wallet = await open_wallet(settings, db, KEY, 1, session, clock)
        money = build_money(settings, db, wallet, KEY, clock, session)
        start_money(money, settings, supervisor)
        for _ in supervisor.reports():
            await resting.acquire()
        await supervisor.stop(1)
    assert {report.name for report in supervisor.reports()} >= {
        "claims",
        "consolidation",
        "rebalancing",
        "verify",
    }
    assert any(0.8 * seconds < pause < 1.2 * seconds for pause in pauses)
