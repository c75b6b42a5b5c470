from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from routstr.auth import repository
from routstr.auth.repository import KeyRecord
from routstr.core.db import Tx
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind
from routstr.money import Unit
from tests.unit.wallet.world import World, open_world

RECORD = KeyRecord(
    id=0,
    account=0,
    public_id="key_00",
    mint="https://mint.example",
    unit=Unit.MSAT,
    metadata='{"a":1}',
    created_at=5,
    expires_at=None,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def add(world: World, key_hash: bytes, *, expires_at: int | None = None) -> KeyRecord:
    def insert(tx: Tx) -> KeyRecord:
        account = open_account(tx, AccountKind.KEY, 5)
        record = msgspec.structs.replace(RECORD, account=account, expires_at=expires_at)
        repository.add(tx, record, key_hash)
        return record

    return await world.db.write(insert)


async def test_a_key_is_found_by_its_hash(world: World) -> None:
    first, second = await add(world, b"one"), await add(world, b"two", expires_at=9)
    found = await world.db.read(lambda c: repository.find(c, b"two"))
    assert found is not None
    assert found == msgspec.structs.replace(second, id=found.id)
    assert found.account != first.account
    assert await world.db.read(lambda c: repository.find(c, b"three")) is None


async def test_a_hash_belongs_to_one_key(world: World) -> None:
    await add(world, b"one")
    with pytest.raises(IntegrityError):
        await add(world, b"one")
