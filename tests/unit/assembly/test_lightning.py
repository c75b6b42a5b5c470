"""Invoices, put together as a node has them."""

import asyncio
from pathlib import Path

import aiohttp

from routstr.assembly.lightning import start_watch
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor

KEY = NodeKey(bytes(range(32)))


async def test_unpaid_invoices_are_asked_about_and_listened_for_and_old_ones_looked_at(
    tmp_path: Path,
) -> None:
    settings = Settings(
        database_url=Secret(f"sqlite:///{tmp_path}/node.db"),
        cashu_mints=("https://a.example", "https://b.example"),
    )
    clock = SystemClock()
    supervisor = Supervisor(clock)
    async with aiohttp.ClientSession() as session, open_database(settings, KEY) as db:
        wallet = await open_wallet(settings, db, KEY, 1, session, clock)
        start_watch(settings, db, wallet, clock, supervisor)
        async with asyncio.timeout(5):
            while supervisor.reports()[0].last_ok_ms is None:  # noqa: ASYNC110 - its own task
                await asyncio.sleep(0.01)
        running = {report.name for report in supervisor.reports() if report.running}
        await supervisor.stop(1)
    assert running == {"invoices", "listen-0", "listen-1", "old_invoices"}
