import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.children import Children
from routstr.auth.repository import KeyRecord
from routstr.auth.service import Payer
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.errors import (
    AuthError,
    ChildKeyNotAllowed,
    ChildKeyNotFound,
    ForeignChildKey,
    InsufficientBalance,
    InvalidParameter,
    KeyExpired,
)
from routstr.ledger.entries import Held, Refused
from routstr.money import ZERO, Msat
from tests.unit.auth.keyring import COST, DAY_SECONDS, Keyring, keyring
from tests.unit.wallet.world import KEY


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def child(ring: Keyring, parent: Payer, terms: KeyTerms = NO_TERMS) -> Payer:
    [key] = await ring.children.create(parent, 1, terms)
    return await ring.payer(key)


async def record(ring: Keyring, payer: Payer) -> KeyRecord:
    return await ring.auth.key_record(payer)


async def test_child_keys_spend_their_parents_money(ring: Keyring) -> None:
    parent = await ring.key(8)
    first, second = await ring.children.create(parent, 2, NO_TERMS)
    assert first != second
    one = await ring.payer(first)
    assert one.is_child
    assert (one.account, one.mint, one.unit) == (parent.account, parent.mint, parent.unit)
    assert one.key_id != parent.key_id
    await ring.spend(one, 500)
    state = await ring.balance(parent)
    assert (state.available, state.spent) == (8_000 - 2 * int(COST) - 500, 500)


async def test_they_are_paid_for_all_together_or_not_made(ring: Keyring) -> None:
    parent = await ring.key(8)
    with pytest.raises(InsufficientBalance):
        await ring.children.create(parent, 9, NO_TERMS)
    assert await ring.world.scalar("SELECT count(*) FROM child_keys") == 0
    assert await ring.world.scalar("SELECT count(*) FROM key_limits") == 0
    assert len(await ring.children.create(parent, 8, NO_TERMS)) == 8
    assert (await ring.balance(parent)).available == Msat(0)
    assert await ring.world.scalar("SELECT count(*) FROM transfers WHERE kind = 40") == 1
    query = "SELECT lower(hex(key)) = '4e' || printf('%016x', reference) FROM transfers"
    assert await ring.world.scalar(f"{query} WHERE kind = 40"), "as a verification expects it"


async def test_a_call_that_names_itself_makes_and_pays_them_once(ring: Keyring) -> None:
    parent = await ring.key(8)
    made = await ring.children.create(parent, 2, NO_TERMS, b"call")
    assert await ring.children.create(parent, 2, NO_TERMS, b"call") == made
    others = await ring.children.create(parent, 2, NO_TERMS, b"another")
    assert not set(made) & set(others)
    assert (await ring.balance(parent)).available == Msat(4_000)


async def test_many_calls_at_once_make_different_keys(ring: Keyring) -> None:
    parent = await ring.key(8)
    made = await asyncio.gather(
        *(ring.children.create(parent, 1, NO_TERMS) for _ in range(8)), return_exceptions=False
    )
    assert len({key for keys in made for key in keys}) == 8


async def test_a_child_keys_limit_is_its_own(ring: Keyring) -> None:
    parent = await ring.key(64)
    terms = KeyTerms(balance_limit=Msat(500), balance_limit_reset="daily")
    one, other = await child(ring, parent, terms), await child(ring, parent, terms)
    await ring.spend(one, 400)
    refused = await ring.hold(one, 200, minimum=200)
    assert isinstance(refused, Refused)
    assert refused.allowance == Msat(100)
    await ring.spend(other, 500)
    await ring.spend(parent, 2_000)
    ring.clock.advance(seconds=DAY_SECONDS)
    await ring.spend(one, 500)
    found = {
        one.record.public_id: one.limit
        for one in await ring.children.of(await record(ring, parent))
    }
    assert found[one.key_id].total_spent == Msat(900)
    assert found[one.key_id].left == Msat(0)
    assert (found[other.key_id].spent, found[other.key_id].left) == (0, 500)


async def test_a_reset_by_its_parent_lets_it_spend_again(ring: Keyring) -> None:
    parent = await ring.key(64)
    one = await child(ring, parent, KeyTerms(balance_limit=Msat(500)))
    for named in (one.key, one.key_id):
        await ring.spend(one, 500)
        assert isinstance(await ring.hold(one, 1), Refused)
        await ring.children.reset(parent, named)
    await ring.spend(one, 500)
    assert (await ring.balance(parent)).spent == Msat(1_500)


async def test_a_revoked_key_spends_nothing_more_on_any_instance(ring: Keyring) -> None:
    parent = await ring.key(64)
    [key, kept] = await ring.children.create(parent, 2, NO_TERMS)
    elsewhere = await ring.another()
    before, other = await elsewhere.payer(key), await elsewhere.payer(kept)
    running = await elsewhere.hold(before, 100)
    assert isinstance(running, Held)
    await ring.children.revoke(parent, before.key_id)
    refused = await elsewhere.hold(before, 100)
    assert isinstance(refused, Refused)
    assert refused.stale, "although that instance remembers it"
    elsewhere.auth.forget(f"Bearer {key}")
    with pytest.raises(AuthError) as revoked:
        await elsewhere.payer(key)
    with pytest.raises(AuthError) as unknown:
        await elsewhere.payer("sk-nobody's")
    assert str(revoked.value) == str(unknown.value)
    await elsewhere.ledger.release(running.hold)
    elsewhere.auth.forget(f"Bearer {kept}")
    await elsewhere.spend(await elsewhere.payer(other.key), 100)
    listed = await ring.children.of(await record(ring, parent))
    assert [one.record.public_id for one in listed] == [other.key_id]
    for change in (ring.children.revoke, ring.children.reset):
        with pytest.raises(ChildKeyNotFound):
            await change(parent, key)


async def test_child_keys_are_their_own_parents_business(ring: Keyring) -> None:
    parent, stranger = await ring.key(8), await ring.key(16)
    one = await child(ring, parent)
    for change in (ring.children.revoke, ring.children.reset):
        with pytest.raises(ForeignChildKey):
            await change(stranger, one.key)
        with pytest.raises(ForeignChildKey):
            await change(one, one.key)
        with pytest.raises(ChildKeyNotFound):
            await change(parent, "sk-nobody's")
        with pytest.raises(ChildKeyNotFound):
            await change(parent, parent.key)


async def test_a_child_key_has_no_children(ring: Keyring) -> None:
    one = await child(ring, await ring.key(8))
    with pytest.raises(ChildKeyNotAllowed):
        await ring.children.create(one, 1, NO_TERMS)


@pytest.mark.parametrize("count", [-1, 0, 51])
async def test_a_call_makes_one_to_fifty(ring: Keyring, count: int) -> None:
    with pytest.raises(InvalidParameter, match="1 to 50"):
        await ring.children.create(await ring.key(8), count, NO_TERMS)


async def test_terms_that_no_key_can_have_make_none(ring: Keyring) -> None:
    with pytest.raises(InvalidParameter, match="needs a balance_limit"):
        await ring.children.create(await ring.key(8), 1, KeyTerms(balance_limit_reset="daily"))


async def test_a_child_key_expires_by_itself_and_with_its_parent(ring: Keyring) -> None:
    now = ring.clock.now_ms()
    parent = await ring.key(64, KeyTerms(expires_at=now + 10_000))
    early = await child(ring, parent, KeyTerms(expires_at=now + 5_000))
    late = await child(ring, parent, KeyTerms(expires_at=now + 20_000))
    assert (early.expires_at, late.expires_at) == (now + 5_000, now + 10_000)
    ring.clock.advance(seconds=5)
    with pytest.raises(KeyExpired):
        await ring.payer(early.key)
    assert await ring.payer(late.key) == late


async def test_a_child_key_outlives_the_rotation_of_its_parent(ring: Keyring) -> None:
    parent = await ring.key(8)
    one = await child(ring, parent)
    renewed = await ring.auth.validate_api_key(await ring.profiles.rotate(parent.key))
    ring.auth.forget(f"Bearer {one.key}")
    await ring.spend(await ring.payer(one.key), 100)
    assert [c.record.public_id for c in await ring.children.of(await record(ring, renewed))] == [
        one.key_id
    ]
    await child(ring, renewed)
    with pytest.raises(AuthError):
        await ring.children.create(parent, 1, NO_TERMS)


async def test_a_childs_key_is_never_stored(ring: Keyring) -> None:
    one = await child(ring, await ring.key(8))
    written = ring.world.written()
    assert one.key_id.encode() in written
    assert one.key.encode() not in written
    assert bytes.fromhex(one.key[3:]) not in written


async def test_without_a_cost_nothing_is_booked(ring: Keyring) -> None:
    ring.children = Children(ring.world.db, KEY, ring.clock, ZERO)
    parent = await ring.key(8)
    await child(ring, parent)
    assert (await ring.balance(parent)).available == Msat(8_000)
    assert await ring.world.scalar("SELECT count(*) FROM transfers WHERE kind = 40") == 0
