"""A node on PostgreSQL, kept while it works, back in an empty database, and serving there."""

import asyncio
from pathlib import Path

import pytest

from devkit.mint import Mint
from devkit.node import Node
from devkit.payer import Payer
from devkit.postgres import Postgres
from routstr.cli.backup import postgres_copy
from routstr.core.db import Database, migrate
from routstr.ledger import instances
from tests.integration.money.house import EXACT, EXACT_LIMIT, EXACT_MSAT, Client, open_house

pytestmark = [pytest.mark.slow, pytest.mark.mint, pytest.mark.postgres]
ON_DISK = "ROUTSTR_SECRET_KEY_FILE"


async def test_a_node_on_postgres_comes_back_and_serves(
    tmp_path: Path, postgres: Postgres, mint: Mint
) -> None:
    old_url, new_url = postgres.create_database(), postgres.create_database()
    (tmp_path / "phrase").write_text("correct horse battery")
    kept = str(tmp_path / "kept")
    words = (kept, "--passphrase-file", str(tmp_path / "phrase"))
    async with open_house(tmp_path, old_url, [mint.url]) as house, Payer(mint.url) as payer:
        key = await house.client.new_key(await payer.token(100))
        client = house.client

        async def load() -> None:
            for _ in range(20):
                await client.chat(key, EXACT, max_tokens=EXACT_LIMIT)

        loading = asyncio.create_task(load())
        done = await house.node.command("backup", *words)
        assert done.status == 0, done
        await loading
        await house.node.stop()  # never two nodes with one wallet

        place = {"DATABASE_URL": new_url, ON_DISK: str(tmp_path / "new.key")}
        refused = await house.node.command(
            "restore", *words, environment={**place, "DATABASE_URL": old_url}
        )
        assert (refused.status, "has tables" in refused.output) == (1, True)
        for command in (("restore", *words), ("verify",)):
            done = await house.node.command(*command, environment=place)
            assert done.status == 0, done

        node = await Node.start(tmp_path / "again", {**house.node.settings, **place})
        again = Client(client._session, node.url)
        before = (await again.balance(key))[0]
        assert 0 < before < 100_000
        assert (await again.chat(key, EXACT, max_tokens=EXACT_LIMIT)).cost == EXACT_MSAT
        refund = await again.refund(key)
        assert refund.status == 200, refund.body
        assert await payer.redeem(refund.json["token"]) == (before - EXACT_MSAT) // 1_000
        await node.stop()


async def test_numbers_go_on_behind_the_largest_one(postgres: Postgres) -> None:
    url = postgres.create_database()
    assert postgres_copy.is_empty(url)
    migrate.upgrade(url)
    assert not postgres_copy.is_empty(url)
    with postgres_copy.filling(url) as filling:
        filling.take("instances", [b"41\ta/b/1/1\t1\t1\t\\N\t0\t\\N\n"])
    db = Database(url)
    db.start()
    assert await db.write(instances.register) == 42
    await db.stop()
    with postgres_copy.snapshot(url) as snapshot:
        rows = b"".join(snapshot.rows("instances"))
    assert rows.startswith(b"41\ta/b/1/1\t")
