"""What node and commands share: a database that is checked, a wallet with its bookkeepers."""

import sqlite3
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from routstr.assembly import open_database, open_wallet
from routstr.core.clock import SystemClock
from routstr.core.node_key import NodeKey, NodeKeyError
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.errors import UntrustedMint
from routstr.ledger.guards import GuardsMissing
from routstr.wallet.service import Wallet

KEY = NodeKey(bytes(range(32)))


def settings(folder: Path, **more: Any) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"), **more)


class TestDatabase:
    async def test_is_brought_up_to_date_and_opens_again_with_its_key(self, tmp_path: Path) -> None:
        for _ in range(2):
            async with open_database(settings(tmp_path), KEY) as db:
                count = await db.read(
                    lambda c: c.exec_driver_sql("SELECT count(*) FROM sagas").scalar_one()
                )
                assert count == 0

    async def test_refuses_another_key_and_is_closed_again(self, tmp_path: Path) -> None:
        async with open_database(settings(tmp_path), KEY):
            pass
        with pytest.raises(NodeKeyError, match="does not belong to this database"):
            async with open_database(settings(tmp_path), NodeKey(bytes(32))):
                pytest.fail("it must not open")
        assert not list(tmp_path.glob("*-wal")), "the last connection is closed"

    async def test_refuses_to_work_without_its_guards(self, tmp_path: Path) -> None:
        async with open_database(settings(tmp_path), KEY):
            pass
        connection = sqlite3.connect(tmp_path / "node.db")
        connection.execute("DROP TRIGGER transfers_no_delete")
        connection.close()
        with pytest.raises(GuardsMissing, match="transfers_no_delete"):
            async with open_database(settings(tmp_path), KEY):
                pytest.fail("it must not open")


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
        assert set(made._engine._purposes) == {"create", "topup", "refund", "payment"}

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
