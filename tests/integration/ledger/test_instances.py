"""Who lives: by the database's clock, and by this machine's processes."""

import asyncio
import subprocess
import sys
import time

import pytest
from sqlalchemy import text

from routstr.core.db import Dialect, Tx
from routstr.ledger import instances
from routstr.ledger.entries import Held, HoldState
from tests.integration.ledger.bank import STALE_SECONDS, Bank, request


async def alive(bank: Bank, seconds: float = STALE_SECONDS) -> frozenset[int]:
    return await bank.db.read(lambda c: instances.alive(c, seconds))


async def enter(bank: Bank, name: str) -> int:
    """An instance of that name, seen just now."""

    def insert(tx: Tx) -> int:
        now = instances.database_now_ms(tx.sql)
        tx.sql.execute(
            text("INSERT INTO instances (name, started_at, seen_at) VALUES (:name, :now, :now)"),
            {"name": name, "now": now},
        )
        query = text("SELECT max(id) FROM instances")
        return int(tx.sql.execute(query).scalar_one())

    return await bank.db.write(insert)


async def seen_ago(bank: Bank, instance: int, seconds: float) -> None:
    change = text("UPDATE instances SET seen_at = seen_at - :ms WHERE id = :id")
    values = {"ms": round(seconds * 1_000), "id": instance}
    await bank.db.write(lambda tx: tx.sql.execute(change, values))


async def test_the_databases_clock_counts_milliseconds(bank: Bank) -> None:
    before = await bank.db.read(instances.database_now_ms)
    await asyncio.sleep(0.05)
    after = await bank.db.write(lambda tx: instances.database_now_ms(tx.sql))
    assert 40 <= after - before < 5_000
    assert abs(after - time.time_ns() // 1_000_000) < 5_000


async def test_each_start_is_an_instance_of_its_own(bank: Bank) -> None:
    other = await bank.open()
    assert other.id != bank.branches[0].id
    assert await alive(bank) == {bank.branches[0].id, other.id}


async def test_silence_ends_an_instance_and_a_beat_brings_it_back(bank: Bank) -> None:
    me = bank.branches[0].id
    await seen_ago(bank, me, STALE_SECONDS - 5)
    assert await alive(bank) == {me}
    await seen_ago(bank, me, 6)
    assert await alive(bank) == frozenset()
    await bank.db.write(lambda tx: instances.beat(tx, me))
    assert await alive(bank) == {me}


async def test_an_instance_that_stopped_is_not_alive_until_it_beats(bank: Bank) -> None:
    me = bank.branches[0].id
    await bank.db.write(lambda tx: instances.stop(tx, me))
    assert await alive(bank) == frozenset()
    await bank.db.write(lambda tx: instances.beat(tx, me))  # said dead by mistake
    assert await alive(bank) == {me}


def sleeper() -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-c", "import time; time.sleep(60)"])


async def test_a_process_that_crashed_here_is_recognised_at_the_next_start(bank: Bank) -> None:
    with sleeper() as process:
        crashed = await enter(bank, instances._name(process.pid))
        other = await bank.open()
        assert crashed in await alive(bank)
        assert await bank.db.read(instances.crashed_here) == frozenset()
        process.kill()
        await asyncio.sleep(0.2)  # dead, and nobody has asked after it: still in the process table
        assert await bank.db.read(instances.crashed_here) == {crashed}
        third = await bank.open()
        assert await alive(bank) == {bank.branches[0].id, other.id, third.id}
    forgotten = await enter(bank, instances._name(process.pid))
    fourth = await bank.open()
    assert forgotten not in await alive(bank)
    assert fourth.id in await alive(bank)


async def test_a_process_id_that_was_given_again_is_another_process(bank: Bank) -> None:
    with sleeper() as process:
        name = instances._name(process.pid)
        earlier = await enter(bank, name.rpartition("/")[0] + "/1")
        await bank.open()
        assert earlier not in await alive(bank)
        process.kill()


@pytest.mark.parametrize(
    "elsewhere",
    [
        lambda name: f"another-host/{name.partition('/')[2]}",
        lambda name: "/".join([name.split("/")[0], "another-boot:pid", "1", "1"]),
        lambda name: "/".join([name.split("/")[0], "", "99999999", "1"]),
    ],
    ids=["host", "boot or container", "unknown"],
)
async def test_only_silence_tells_of_processes_that_cannot_be_looked_at(
    bank: Bank, elsewhere: object
) -> None:
    assert callable(elsewhere)
    name = instances._name(2**22 + 1)  # no such process here
    distant = await enter(bank, elsewhere(name))
    gone = await enter(bank, name)
    await bank.open()
    assert distant in await alive(bank)
    assert gone not in await alive(bank)


async def test_open_holds_are_listed_with_their_owner_and_age(bank: Bank) -> None:
    other = await bank.open()
    account = await bank.customer(1_000)
    first = await bank.ledger.hold(request(account, 10))
    placed = bank.clock.now_ms()
    bank.clock.advance(seconds=3)
    second = await other.ledger.hold(request(account, 10))
    third = await bank.ledger.hold(request(account, 10))
    assert isinstance(first, Held)
    assert isinstance(second, Held)
    assert isinstance(third, Held)
    assert (await bank.ledger.release(third.hold)).reserved == 20
    assert sorted(await bank.db.read(instances.open_holds)) == sorted(
        [
            (first.hold, bank.branches[0].id, placed),
            (second.hold, other.id, placed + 3_000),
        ]
    )
    assert (await bank.hold_row(third.hold))["state"] == HoldState.RELEASED


async def shard(bank: Bank, instance: int) -> int:
    return await bank.db.read(lambda c: instances.shard_of(c, instance))


async def test_instances_that_write_at_once_credit_different_accounts(bank: Bank) -> None:
    """SQLite has one writer at a time, and one account."""
    others = [await bank.open() for _ in range(2)]
    apart = bank.db.dialect is Dialect.POSTGRESQL
    shards = [await shard(bank, branch.id) for branch in bank.branches]
    assert shards == ([0, 1, 2] if apart else [0, 0, 0])
    accounts = {branch.ledger.node.revenue for branch in bank.branches}
    assert len(accounts) == (3 if apart else 1)
    await bank.db.write(lambda tx: instances.stop(tx, others[0].id))
    assert await shard(bank, (await bank.open()).id) == (1 if apart else 0)


@pytest.mark.slow
async def test_beside_an_older_version_there_is_one_revenue_account(bank: Bank) -> None:
    """It knows of no other, and would not add up what is credited there."""
    older = await enter(bank, "elsewhere/boot/7/1")
    assert await shard(bank, (await bank.open()).id) == 0
    await bank.db.write(lambda tx: instances.stop(tx, older))
    later = await shard(bank, (await bank.open()).id)
    assert later == (1 if bank.db.dialect is Dialect.POSTGRESQL else 0)
