"""A wallet with its bookkeepers."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from routstr.assembly.storage import open_database
from routstr.assembly.wallet import open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import UntrustedMint
from routstr.wallet.service import Wallet

KEY = NodeKey(bytes(range(32)))


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), **more)


@pytest.fixture
async def session() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession() as session:
        yield session


async def wallet(
    folder: Path, session: aiohttp.ClientSession, unlisted: tuple[str, ...] = (), **more: Any
) -> Wallet:
    configured = settings(folder, **more)
    async with open_database(configured, KEY) as db:
        return await open_wallet(configured, db, KEY, 1, session, SystemClock(), unlisted=unlisted)


class TestWallet:
    async def test_knows_who_books_every_movement(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        made = await wallet(tmp_path, session)
        assert set(made._engine._purposes) == {
            *("create", "topup", "payment", "capital", "donation"),
            *("lightning_create", "lightning_topup", "swap_in"),
            *("refund", "key_withdrawal", "withdraw", "lightning_refund", "payout", "swap_out"),
            *("consolidation", "passing", "foreign_create", "foreign_topup"),
        }

    async def test_prefers_the_primary_mint(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        listed = ("https://a.example", "https://b.example")
        made = await wallet(
            tmp_path, session, cashu_mints=listed, primary_mint_url="https://b.example"
        )
        assert made.mints.urls == ("https://b.example", "https://a.example")

    async def test_speaks_to_a_mint_off_the_list_only_when_told(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        other = "https://other.example"
        made = await wallet(tmp_path, session, cashu_mints=("https://a.example",))
        with pytest.raises(UntrustedMint):
            made.mints.mint(other)
        told = await wallet(tmp_path, session, (other,), cashu_mints=("https://a.example",))
        assert told.mints.mint(other).url == other

    async def test_lets_tokens_of_named_foreign_mints_pass(
        self, tmp_path: Path, session: aiohttp.ClientSession
    ) -> None:
        listed, other = ("https://a.example",), "https://other.example"
        made = await wallet(tmp_path, session, cashu_mints=listed, swap_mints=(other,))
        assert (made.mints.urls, made.mints.is_foreign(other)) == (listed, True)
        told = await wallet(tmp_path, session, (other,), cashu_mints=listed, swap_mints=(other,))
        assert (told.mints.mint(other).url, told.mints.is_foreign(other)) == (other, False)
