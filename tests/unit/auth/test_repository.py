from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from routstr.auth import repository
from routstr.auth.repository import KeyRecord, NewKey
from routstr.auth.terms import KeyTerms
from routstr.core.db import Tx
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, KeyMark
from routstr.money import Unit
from tests.unit.wallet.world import World, open_world

NEW = NewKey(
    account=0,
    key_hash=b"",
    public_id="key_00",
    mint="https://mint.example",
    unit=Unit.MSAT,
    terms=KeyTerms(metadata='{"a":1}', name="a name"),
    limit=None,
    created_at=5,
)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def add(world: World, key_hash: bytes, *, expires_at: int | None = None) -> NewKey:
    def insert(tx: Tx) -> NewKey:
        account = open_account(tx, AccountKind.KEY, 5)
        terms = msgspec.structs.replace(NEW.terms, expires_at=expires_at)
        new = msgspec.structs.replace(NEW, account=account, key_hash=key_hash, terms=terms)
        repository.add(tx, new)
        return new

    return await world.db.write(insert)


async def test_a_key_is_found_by_its_hash(world: World) -> None:
    first, second = await add(world, b"one"), await add(world, b"two", expires_at=9)
    found = await world.db.read(lambda c: repository.find(c, b"two"))
    assert found is not None
    assert found == KeyRecord(
        id=found.id,
        account=second.account,
        public_id="key_00",
        mint="https://mint.example",
        unit=Unit.MSAT,
        metadata='{"a":1}',
        created_at=5,
        expires_at=9,
        name="a name",
        mark=KeyMark(0),
    )
    assert found.account != first.account
    assert not found.is_child
    assert await world.db.read(lambda c: repository.find(c, b"three")) is None


async def test_a_hash_belongs_to_one_key(world: World) -> None:
    await add(world, b"one")
    with pytest.raises(IntegrityError):
        await add(world, b"one")
