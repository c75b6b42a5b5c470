from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from msgspec import UNSET

from routstr.auth import key_lists
from routstr.auth.custody import Custody, Rules
from routstr.auth.key_lists import KeyRow
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.errors import (
    AuthError,
    ChildKeyNotAllowed,
    InvalidParameter,
    KeyExpired,
    NoSuchKey,
    SurplusTooSmall,
)
from routstr.ledger.entries import Held, Refused
from routstr.ledger.limits import Reset
from routstr.money import Msat, Unit
from tests.unit.auth.keyring import Keyring, keyring
from tests.unit.wallet.world import KEY


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


def custody(ring: Keyring) -> Custody:
    return Custody(ring.world.db, KEY, ring.clock)


async def row(ring: Keyring, public_id: str) -> KeyRow:
    found = await ring.world.db.read(lambda c: key_lists.one(c, public_id))
    assert found is not None
    return found


async def test_a_revoked_key_is_unknown_everywhere_and_so_are_its_children(ring: Keyring) -> None:
    payer = await ring.key(8)
    [child] = await ring.children.create(payer, 1, NO_TERMS)
    elsewhere = await ring.another()
    known = [await elsewhere.payer(key) for key in (payer.key, child)]
    for _ in range(2):
        await custody(ring).revoke(payer.key_id)
    assert [type(await elsewhere.hold(one, 1)) for one in known] == [Refused, Refused]
    for key in (payer.key, child):
        with pytest.raises(AuthError):
            await ring.auth.validate_api_key(key)
    told = await row(ring, payer.key_id)
    assert (told.revoked_at, told.available) == (ring.clock.now_ms(), 7_000)


async def test_a_child_is_revoked_alone(ring: Keyring) -> None:
    payer = await ring.key(8)
    [child] = await ring.children.create(payer, 1, NO_TERMS)
    public_id = (await ring.payer(child)).key_id
    await custody(ring).revoke(public_id)
    with pytest.raises(AuthError):
        await ring.auth.validate_api_key(child)
    assert isinstance(await ring.hold(await ring.payer(payer.key), 1), Held)


async def test_a_limit_counts_from_the_next_request_on_and_keeps_its_count(ring: Keyring) -> None:
    payer = await ring.key(8)
    await custody(ring).change(payer.key_id, Rules(cap=Msat(100), reset=Reset.DAILY))
    await ring.spend(await ring.auth.current_payer(f"Bearer {payer.key}"), 60)
    await custody(ring).change(payer.key_id, Rules(cap=Msat(90), reset=Reset.WEEKLY))
    now = await ring.auth.current_payer(f"Bearer {payer.key}")
    assert isinstance(await ring.hold(now, 31, minimum=31), Refused)
    assert isinstance(await ring.hold(now, 30, minimum=30), Held)
    await custody(ring).change(payer.key_id, Rules(cap=None))
    free = await ring.auth.current_payer(f"Bearer {payer.key}")
    assert isinstance(await ring.hold(free, 500, minimum=500), Held)


async def test_what_is_named_changes(ring: Keyring) -> None:
    payer = await ring.key(8, KeyTerms(name="Bob"))
    keep = custody(ring)
    await keep.change(payer.key_id, Rules(name="Ann", note="from the fair"))
    told = await row(ring, payer.key_id)
    assert (told.name, told.note, told.expires_at) == ("Ann", "from the fair", None)
    await keep.expire(payer.key_id)
    with pytest.raises(KeyExpired):
        await ring.auth.current_payer(f"Bearer {payer.key}")
    later = ring.clock.now_ms() + 60_000
    await keep.change(payer.key_id, Rules(expires_at=later, note=None))
    assert (await ring.auth.current_payer(f"Bearer {payer.key}")).expires_at == later
    told = await row(ring, payer.key_id)
    assert (told.note, told.expires_at) == (None, later)
    for wrong in (Rules(name=""), Rules(note="x" * 201), Rules(cap=Msat(0))):
        with pytest.raises(InvalidParameter):
            await keep.change(payer.key_id, wrong)
    [child] = await ring.children.create(payer, 1, NO_TERMS)
    child_id = (await ring.payer(child)).key_id
    await keep.change(child_id, Rules(name="desk", cap=Msat(5), expires_at=UNSET))
    assert (await row(ring, child_id)).name == "desk"
    with pytest.raises(ChildKeyNotAllowed):
        await keep.change(child_id, Rules(note="no"))


async def test_what_is_not_covered_makes_no_key_and_nobody_is_credited(ring: Keyring) -> None:
    keep = custody(ring)
    with pytest.raises(SurplusTooSmall):
        await keep.make("a", Msat(1_000), "https://mint.example", Unit.SAT, NO_TERMS, None)
    for act in (keep.revoke, keep.expire):
        with pytest.raises(NoSuchKey):
            await act("key_nobody")
    with pytest.raises(NoSuchKey):
        await keep.credit("key_nobody", "a", Msat(1))
    page = await ring.world.db.read(
        lambda c: key_lists.page(c, key_lists.Which.ALL, limit=9, before=None, now=0)
    )
    assert page.keys == []


async def test_a_key_by_hand_is_made_once_for_a_call(ring: Keyring) -> None:
    keep, earner = custody(ring), await ring.key(8)
    await ring.spend(earner, 5_000)
    where = ("https://mint.example", Unit.SAT, KeyTerms(name="gift"), "for Eve")
    made = await keep.make("a", Msat(3_000), *where)
    assert await keep.make("a", Msat(3_000), *where) == made
    assert repr(made) == f"Made({made.public_id})"
    told = await row(ring, made.public_id)
    assert (told.available, told.name, told.note) == (3_000, "gift", "for Eve")
    assert (await ring.payer(made.key)).key_id == made.public_id
    assert [await keep.credit(made.public_id, "b", Msat(2_000)) for _ in range(2)] == [True, False]
    assert (await row(ring, made.public_id)).available == 5_000
