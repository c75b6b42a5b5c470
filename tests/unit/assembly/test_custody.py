"""The operator's keys and books, put together as a node has them."""

from pathlib import Path

import aiohttp

from routstr.admin.books.desk import TransferQuery
from routstr.assembly.custody import build_custody
from routstr.assembly.money import build_money
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings

KEY = NodeKey(bytes(range(32)))


async def test_a_new_node_has_no_keys_and_no_transfers(tmp_path: Path) -> None:
    settings, clock = Settings(database_url=Secret(f"sqlite:///{tmp_path}/node.db")), SystemClock()
    async with aiohttp.ClientSession() as session, open_database(settings, KEY) as db:
        wallet = await open_wallet(settings, db, KEY, 1, session, clock)
        money = build_money(settings, db, wallet, KEY, clock, session)
        actions, books = build_custody(db, KEY, clock, wallet, money)
        assert (await actions.desk.page()).keys == []
        assert (await books.transfers(TransferQuery())).transfers == []
