"""The operator's view of the wallet: an order reaches mints that are not listed any more."""

from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from routstr.assembly.money import build_money
from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.assembly.wallet_desk import build_wallet_desk
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.wallet.service import Wallet

KEY = NodeKey(bytes(range(32)))
LISTED, GONE = "https://mint.example", "https://gone.example"


async def test_an_unlisted_mint_is_reached_by_order_only(tmp_path: Path) -> None:
    settings = Settings(
        database_url=Secret(f"sqlite:///{tmp_path}/node.db"),
        cashu_mints=(LISTED,),
        receive_ln_address="me@example.com",
    )
    clock = SystemClock()
    async with (
        AsyncExitStack() as stack,
        open_database(settings, KEY) as db,
        aiohttp.ClientSession() as session,
    ):
        wallet = await open_wallet(settings, db, KEY, 1, session, clock)
        money = build_money(settings, db, wallet, KEY, clock, session)

        async def another(unlisted: tuple[str, ...]) -> Wallet:
            return await open_wallet(settings, db, KEY, 1, session, clock, unlisted=unlisted)

        made = build_wallet_desk(settings, db, clock, wallet, another, money, stack)
        assert made.address == "me@example.com"
        async with made.resolver.open_wallet(()) as same:
            assert same is wallet
        async with made.resolver.open_wallet((GONE,)) as other:
            assert other.mints.mint(GONE).url == GONE
        assert not wallet.mints.may_be_asked(GONE)
