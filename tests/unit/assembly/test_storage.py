"""A database that is brought up to date and checked."""

import sqlite3
from pathlib import Path

import pytest

from routstr.assembly.storage import open_database
from routstr.core.node_key import NodeKey, NodeKeyError
from routstr.core.secret import Secret
from routstr.core.settings import Settings
from routstr.ledger.guards import GuardsMissing

KEY = NodeKey(bytes(range(32)))


def settings(folder: Path) -> Settings:
    return Settings(database_url=Secret(f"sqlite:///{folder}/node.db"))


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
