import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.profile import Changes
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.errors import AuthError, ChildKeyNotAllowed, InvalidParameter, KeyExpired
from routstr.ledger.entries import Held, Refused
from routstr.money import Msat
from routstr.wallet import token
from tests.unit.auth.keyring import Keyring, keyring


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def test_what_is_named_changes_and_the_rest_stays(ring: Keyring) -> None:
    now = ring.clock.now_ms()
    payer = await ring.key(8, KeyTerms(name="old", metadata='{"a":1}', expires_at=now + 5))
    await ring.profiles.change(payer, Changes(name="new"))
    record = await ring.auth.key_record(payer)
    assert (record.name, record.metadata, record.expires_at) == ("new", '{"a":1}', now + 5)
    everything = Changes(None, '{"b":2}', None, "me@wallet.example")
    await ring.profiles.change(payer, everything)
    record = await ring.auth.key_record(payer)
    assert (record.name, record.metadata, record.expires_at) == (None, '{"b":2}', None)
    assert record.refund_address == "me@wallet.example"
    await ring.profiles.change(payer, Changes())
    assert await ring.auth.key_record(payer) == record


@pytest.mark.parametrize(
    "changes",
    [
        Changes(name=""),
        Changes(name="x" * 101),
        Changes(name="line\nbreak"),
        Changes(expires_at=1),
        Changes(refund_address="nonsense"),
    ],
)
async def test_what_no_key_can_have_changes_nothing(ring: Keyring, changes: Changes) -> None:
    payer = await ring.key(8)
    before = await ring.auth.key_record(payer)
    with pytest.raises(InvalidParameter):
        await ring.profiles.change(payer, changes)
    assert await ring.auth.key_record(payer) == before


async def test_an_expiry_counts_at_once_on_every_instance(ring: Keyring) -> None:
    payer = await ring.key(64)
    [child_key] = await ring.children.create(payer, 1, NO_TERMS)
    elsewhere = await ring.another()
    known = [await elsewhere.payer(key) for key in (payer.key, child_key)]
    await ring.profiles.change(payer, Changes(expires_at=ring.clock.now_ms() + 1_000))
    for one in known:
        refused = await elsewhere.hold(one, 10)
        assert isinstance(refused, Refused)
        assert refused.stale
        elsewhere.auth.forget(f"Bearer {one.key}")
        assert isinstance(await elsewhere.hold(await elsewhere.payer(one.key), 10), Held)
    ring.clock.advance(seconds=1)
    for one in known:
        with pytest.raises(KeyExpired):
            await elsewhere.payer(one.key)


async def test_a_key_that_is_given_more_time_works_again_on_every_instance(ring: Keyring) -> None:
    payer = await ring.key(64, KeyTerms(expires_at=ring.clock.now_ms() + 1_000))
    elsewhere = await ring.another()
    await elsewhere.payer(payer.key)
    ring.clock.advance(seconds=2)
    with pytest.raises(KeyExpired):
        await elsewhere.payer(payer.key)
    await ring.profiles.change(payer, Changes(expires_at=None))
    assert isinstance(await elsewhere.hold(await elsewhere.payer(payer.key), 10), Held)


async def test_a_child_key_changes_what_is_its_own(ring: Keyring) -> None:
    [key] = await ring.children.create(await ring.key(8), 1, NO_TERMS)
    payer = await ring.payer(key)
    await ring.profiles.change(payer, Changes(name="mine", metadata='{"a":1}'))
    record = await ring.auth.key_record(payer)
    assert (record.name, record.metadata) == ("mine", '{"a":1}')
    for changes in (Changes(expires_at=None), Changes(name="x", refund_address=None)):
        with pytest.raises(ChildKeyNotAllowed):
            await ring.profiles.change(payer, changes)
    assert (await ring.auth.key_record(payer)).name == "mine"


async def test_keys_that_are_gone_change_nothing(ring: Keyring) -> None:
    parent = await ring.key(8)
    [key] = await ring.children.create(parent, 1, NO_TERMS)
    child = await ring.payer(key)
    await ring.children.revoke(parent, key)
    await ring.profiles.rotate(parent.key)
    for payer in (child, parent):
        with pytest.raises(AuthError):
            await ring.profiles.change(payer, Changes(name="new"))


async def test_a_rotated_key_keeps_everything_but_its_secret(ring: Keyring) -> None:
    text = token.encode_b(ring.world.mint.token(8))
    old = (await ring.auth.create_api_key(text, terms=KeyTerms(name="mine"))).payer
    new = await ring.auth.validate_api_key(await ring.profiles.rotate(old.key))
    assert new.key != old.key
    assert (new.account, new.key_id, new.mint) == (old.account, old.key_id, old.mint)
    assert (await ring.auth.key_record(new)).name == "mine"
    await ring.spend(new, 100)
    assert new.key.encode() not in ring.world.written()
    again = await ring.profiles.rotate(new.key)
    assert len({old.key, new.key, again}) == 3
    for gone in (old.key, new.key):
        with pytest.raises(AuthError) as rotated:
            await ring.auth.validate_api_key(gone)
        with pytest.raises(AuthError) as unknown:
            await ring.auth.validate_api_key("sk-nobody's")
        assert str(rotated.value) == str(unknown.value)
    with pytest.raises(AuthError):  # the token named the key that is gone
        await ring.auth.current_payer(f"Bearer {text}")


async def test_a_rotated_key_spends_nothing_more_on_any_instance(ring: Keyring) -> None:
    for terms in (NO_TERMS, KeyTerms(balance_limit=Msat(5_000))):
        payer = await ring.key(8, terms)
        elsewhere = await ring.another()
        known = await elsewhere.payer(payer.key)
        running = await elsewhere.hold(known, 10)
        assert isinstance(running, Held)
        new = await ring.profiles.rotate(payer.key)
        refused = await elsewhere.hold(known, 10)
        assert isinstance(refused, Refused)
        assert refused.stale, "although that instance remembers it"
        elsewhere.auth.forget(f"Bearer {payer.key}")
        with pytest.raises(AuthError):
            await elsewhere.payer(payer.key)
        assert isinstance(await elsewhere.hold(await elsewhere.payer(new), 10), Held)
        await elsewhere.ledger.release(running.hold)


async def test_of_fifty_rotations_at_once_one_happens(ring: Keyring) -> None:
    payer = await ring.key(8)
    outcomes = await asyncio.gather(
        *(ring.profiles.rotate(payer.key) for _ in range(50)), return_exceptions=True
    )
    [new] = [one for one in outcomes if isinstance(one, str)]
    assert sum(type(one) is AuthError for one in outcomes) == 49
    assert (await ring.auth.validate_api_key(new)).account == payer.account


async def test_a_call_that_names_itself_is_told_the_same_key_again(ring: Keyring) -> None:
    payer = await ring.key(8)
    new = await ring.profiles.rotate(payer.key, b"call")
    assert await ring.profiles.rotate(payer.key, b"call") == new
    for other in (b"another", None):
        with pytest.raises(AuthError):
            await ring.profiles.rotate(payer.key, other)


async def test_only_keys_of_their_own_account_are_rotated(ring: Keyring) -> None:
    [key] = await ring.children.create(await ring.key(8), 1, NO_TERMS)
    with pytest.raises(ChildKeyNotAllowed):
        await ring.profiles.rotate(key)
    with pytest.raises(AuthError):
        await ring.profiles.rotate("sk-nobody's")
