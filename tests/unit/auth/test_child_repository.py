from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from routstr.auth import child_repository
from routstr.auth.child_repository import ChildRecord, NewChild
from routstr.auth.service import Payer
from routstr.core.db import Tx
from routstr.ledger.key_limits import open_limit
from routstr.ledger.limits import Reset
from tests.unit.auth.keyring import Keyring, keyring


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def add(ring: Keyring, parent: Payer, number: int, *, operation: bytes | None = None) -> int:
    parent_id = (await ring.auth.key_record(parent)).id

    def write(tx: Tx) -> int:
        assert child_repository.next_number(tx, parent_id) == number
        child = NewChild(
            parent=parent_id,
            number=number,
            limit=open_limit(tx, parent.account, None, Reset.NEVER, 1),
            key_hash=b"%d of %d" % (number, parent_id),
            public_id=f"key_{parent_id}_{number}",
            name=None,
            metadata="{}",
            created_at=5,
            expires_at=None,
        )
        return child_repository.add(tx, child, operation)

    return await ring.world.db.write(write)


async def test_children_are_numbered_for_each_parent(ring: Keyring) -> None:
    one, two = await ring.key(8), await ring.key(16)
    for parent in (one, two):
        for number in range(3):
            await add(ring, parent, number)
    parent_id = (await ring.auth.key_record(two)).id
    listed = await ring.world.db.read(lambda c: child_repository.of_parent(c, parent_id))
    assert [(child.parent, child.number) for child in listed] == [(parent_id, n) for n in range(3)]


async def test_a_child_is_found_by_its_hash_or_its_id_until_it_is_revoked(ring: Keyring) -> None:
    child = await add(ring, await ring.key(8), 0)

    async def found(key_hash: bytes, public_id: str) -> ChildRecord | None:
        return await ring.world.db.read(
            lambda c: child_repository.find(c, key_hash=key_hash, public_id=public_id)
        )

    by_hash, by_id = await found(b"0 of 1", "x"), await found(b"x", "key_1_0")
    assert by_hash is not None
    assert by_hash == by_id
    assert (by_hash.id, by_hash.created_at) == (child, 5)
    assert await found(b"x", "x") is None
    await ring.world.db.write(lambda tx: child_repository.change(tx, child, {"revoked_at": 9}))
    assert await found(b"0 of 1", "key_1_0") is None


async def test_what_a_call_has_made_is_known_by_its_name(ring: Keyring) -> None:
    parent = await ring.key(8)
    for number, operation in enumerate((b"one", b"one", None, b"two")):
        await add(ring, parent, number, operation=operation)

    async def made(operation: bytes | None) -> list[int]:
        return await ring.world.db.write(lambda tx: child_repository.made_by(tx, 1, operation))

    assert await made(b"one") == [0, 1]
    assert await made(b"two") == [3]
    assert await made(b"three") == []
    assert await made(None) == [], "calls without a name are not one"


async def test_a_number_is_given_once(ring: Keyring) -> None:
    parent = await ring.key(8)
    await add(ring, parent, 0)
    with pytest.raises(AssertionError):
        await add(ring, parent, 0)
    columns = "parent, number, limit_id, public_id, metadata, created_at"
    again = f"INSERT INTO child_keys (key_hash, {columns}) SELECT x'00', {columns} FROM child_keys"
    with pytest.raises(IntegrityError):
        await ring.world.db.write(lambda tx: tx.sql.exec_driver_sql(again).rowcount)
