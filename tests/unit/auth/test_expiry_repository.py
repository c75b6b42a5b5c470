from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth import expiry_repository
from routstr.auth.expiry_repository import ExpiredKey
from routstr.auth.profile import Changes
from routstr.auth.terms import KeyTerms
from tests.unit.auth.keyring import Keyring, keyring

ADDRESS = "me@wallet.example"


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def due(ring: Keyring, at: int) -> list[ExpiredKey]:
    return await ring.world.db.read(lambda c: expiry_repository.due(c, at))


async def take(ring: Keyring, key: ExpiredKey, at: int, until: int) -> bool:
    return await ring.world.db.write(lambda tx: expiry_repository.take(tx, key, at=at, until=until))


async def test_the_oldest_come_first_and_those_without_money_never(ring: Keyring) -> None:
    now = ring.clock.now_ms()
    late, early, empty = [
        await ring.key(8, KeyTerms(expires_at=now + wait, refund_address=ADDRESS))
        for wait in (2_000, 1_000, 500)
    ]
    await ring.spend(empty, 8_000)
    assert await due(ring, now + 999) == []
    assert [key.public_id for key in await due(ring, now + 1_000)] == [early.key_id]
    found = await due(ring, now + 2_000)
    assert [key.public_id for key in found] == [early.key_id, late.key_id]
    assert (found[0].address, found[0].tries, found[0].account) == (ADDRESS, 0, early.account)


async def test_a_refund_is_taken_on_once_and_again_when_its_time_has_come(ring: Keyring) -> None:
    now = ring.clock.now_ms()
    payer = await ring.key(8, KeyTerms(expires_at=now + 1, refund_address=ADDRESS))
    [key] = await due(ring, now + 1)
    assert not await take(ring, key, now, now + 50), "it has not expired by that clock"
    assert await take(ring, key, now + 1, now + 50)
    assert not await take(ring, key, now + 1, now + 50)
    assert await due(ring, now + 49) == []
    [again] = await due(ring, now + 50)
    assert again.tries == 1
    await ring.profiles.change(payer, Changes(refund_address="you@wallet.example"))
    assert not await take(ring, again, now + 60, now + 99), "it goes elsewhere now"


async def test_what_is_noted_of_a_key_that_changed_meanwhile_is_dropped(ring: Keyring) -> None:
    now = ring.clock.now_ms()
    payer = await ring.key(8, KeyTerms(expires_at=now + 1, refund_address=ADDRESS))
    [key] = await due(ring, now + 1)
    for changes, problem in ((None, "why"), (Changes(refund_address="a@b.example"), None)):
        await take(ring, key, now + 1, now + 50)
        if changes is not None:
            await ring.profiles.change(payer, changes)
        await ring.world.db.write(
            lambda tx: expiry_repository.note(tx, key, tries=0, next_at=now + 1, problem="why")
        )
        assert (await ring.auth.key_record(payer)).refund_problem == problem
