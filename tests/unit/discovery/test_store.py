"""What instances of one database agree on about Nostr."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.discovery import store
from routstr.discovery.lease import LEASE_MS, Lease
from tests.unit.upstream.storing import database


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as opened:
        yield opened


async def test_values_are_kept_replaced_and_forgotten(db: Database) -> None:
    await db.write(lambda tx: store.put(tx, "a", b"1", 10))
    await db.write(lambda tx: store.put(tx, "a", b"2", 20))
    await db.write(lambda tx: store.put(tx, "b", b"3", 30))
    assert await db.read(store.every) == {"a": store.Kept(b"2", 20), "b": store.Kept(b"3", 30)}
    await db.write(lambda tx: store.drop(tx, "a", "b"))
    assert await db.read(store.every) == {}


async def test_the_first_name_of_a_key_stays(db: Database) -> None:
    assert await db.write(lambda tx: store.remember_provider(tx, "aa", "one", 1)) == "one"
    assert await db.write(lambda tx: store.remember_provider(tx, "aa", "two", 2)) == "one"
    assert await db.write(lambda tx: store.remember_provider(tx, "bb", "two", 2)) == "two"
    values = await db.read(store.every)
    assert [store.provider_of(values, key) for key in ("aa", "bb", "cc")] == ["one", "two", ""]


async def test_an_event_is_spent_once_and_forgotten_when_it_is_old(db: Database) -> None:
    assert await db.write(lambda tx: store.spend(tx, "ab" * 32, 1))
    assert not await db.write(lambda tx: store.spend(tx, "ab" * 32, 2))
    assert await db.write(lambda tx: store.spend(tx, "cd" * 32, 700_000))
    assert list(await db.read(store.every)) == ["used-" + "cd" * 32]


async def test_one_process_has_the_lease_until_it_stays_away(db: Database) -> None:
    clock = ManualClock()
    one, again, two = (Lease(db, clock, owner) for owner in ("one", "one", "two"))
    assert await one.held()
    assert not await two.held()
    assert await again.held(), "changed settings are the same process"
    clock.advance(ms=LEASE_MS // 2 + 1)
    assert await one.held()
    clock.advance(ms=LEASE_MS // 2 + 1)
    assert not await two.held(), "it was renewed"
    clock.advance(ms=LEASE_MS)
    assert await two.held()
    assert not await one.held()
