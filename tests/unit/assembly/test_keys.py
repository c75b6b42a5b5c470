"""What keys can do beside being spent, put together as a node has it."""

import asyncio
from pathlib import Path

import aiohttp

from routstr.assembly.keys import EXPIRY_SECONDS, build_keys, start_expiry
from routstr.assembly.money import build_money
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.core.tasks import Supervisor
from routstr.money import Msat

KEY = NodeKey(bytes(range(32)))


async def test_child_keys_cost_what_the_settings_say_and_expired_keys_are_watched(
    tmp_path: Path,
) -> None:
    url = Secret(f"sqlite:///{tmp_path}/node.db")
    settings = Settings(database_url=url, child_key_cost=Msat(7))
    clock, pauses, resting = SystemClock(), list[float](), asyncio.Event()

    async def sleep(pause: float) -> None:
        pauses.append(pause)
        resting.set()
        await asyncio.Event().wait()

    supervisor = Supervisor(clock, sleep)
    async with aiohttp.ClientSession() as session, open_database(settings, KEY) as db:
        wallet = await open_wallet(settings, db, KEY, 1, session, clock)
        money = build_money(settings, db, wallet, KEY, clock, session)
        keys = build_keys(settings, db, KEY, clock, money)
        start_expiry(keys, supervisor)
        await resting.wait()
        [report] = supervisor.reports()
        await supervisor.stop(1)
    assert keys.service._children.cost == Msat(7)
    assert (report.name, report.failures) == ("expired_keys", 0)
    assert [0.8 * EXPIRY_SECONDS < pause < 1.2 * EXPIRY_SECONDS for pause in pauses] == [True]
