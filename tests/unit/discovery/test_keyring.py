from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.core.db import Database
from routstr.core.node_key import NodeKey, SealBroken
from routstr.core.secret import Secret
from routstr.discovery import store
from routstr.discovery.identity import Identity, InvalidKey
from routstr.discovery.keyring import KeyLocked, Keyring
from tests.unit.upstream.storing import database

HEX = "11" * 32
ME = Identity(Secret(HEX))
KEY = NodeKey(b"k" * 32)


@pytest.fixture
async def db(tmp_path: Path) -> AsyncIterator[Database]:
    async with database(tmp_path) as opened:
        yield opened


def keyring(db: Database, given: str = "", key: NodeKey = KEY) -> Keyring:
    return Keyring(db, key, ManualClock(), Secret(given))


async def test_there_is_none_until_one_is_given_or_made(db: Database) -> None:
    ring = keyring(db)
    assert await ring.identity() is None
    assert ring.npub == ""
    made = await ring.create()
    other = keyring(db)
    found = await other.identity()
    assert found is not None
    assert (found.pubkey, other.npub) == (made.pubkey, made.npub)


async def test_a_stored_key_is_sealed(db: Database) -> None:
    await keyring(db).change(Secret(HEX))
    kept = (await db.read(store.every))[store.KEY].value
    assert bytes.fromhex(HEX) not in kept
    assert HEX.encode() not in kept
    with pytest.raises(SealBroken):
        await keyring(db, key=NodeKey(b"x" * 32)).identity()


async def test_another_process_follows_a_change_and_a_loss(db: Database) -> None:
    one, two = keyring(db), keyring(db)
    await one.create()
    await two.identity()
    await one.change(Secret(HEX))
    found = await two.identity()
    assert found is not None
    assert (found.npub, two.npub) == (ME.npub, ME.npub)
    await one.clear()
    assert await two.identity() is None
    assert two.npub == one.npub == ""


async def test_what_is_no_key_changes_nothing(db: Database) -> None:
    ring = keyring(db)
    await ring.change(Secret(HEX))
    with pytest.raises(InvalidKey):
        await ring.change(Secret("nsec1nonsense"))
    assert ring.npub == ME.npub


async def test_the_key_of_the_settings_wins_and_is_not_changed_here(db: Database) -> None:
    await keyring(db).create()
    ring = keyring(db, HEX)
    assert ring.locked
    await ring.look()
    assert ring.npub == ME.npub
    found = await ring.identity()
    assert found is not None
    assert found.pubkey == ME.pubkey
    with pytest.raises(KeyLocked):
        await ring.change(Secret("22" * 32))
    with pytest.raises(KeyLocked):
        await ring.create()
    with pytest.raises(KeyLocked):
        await ring.clear()
