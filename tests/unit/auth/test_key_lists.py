from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth import key_lists
from routstr.auth.custody import Custody, Rules
from routstr.auth.key_lists import KeyPage, KeyRow, Which
from routstr.auth.terms import NO_TERMS, KeyTerms
from tests.unit.auth.keyring import Keyring, keyring
from tests.unit.wallet.world import KEY


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def page(
    ring: Keyring, which: Which = Which.ALL, *, limit: int = 9, before: int | None = None
) -> KeyPage:
    now = ring.clock.now_ms()
    return await ring.world.db.read(
        lambda c: key_lists.page(c, which, limit=limit, before=before, now=now)
    )


async def search(ring: Keyring, text: str) -> list[KeyRow]:
    return await ring.world.db.read(lambda c: key_lists.search(c, text, 9))


async def test_a_page_leads_to_the_next(ring: Keyring) -> None:
    ids = [(await ring.key(1)).key_id for _ in range(3)]
    first = await page(ring, limit=2)
    assert [one.public_id for one in first.keys] == ids[:0:-1]
    rest = await page(ring, limit=2, before=first.next_before)
    assert ([one.public_id for one in rest.keys], rest.next_before) == (ids[:1], None)
    assert (await page(ring, before=1)).keys == []


async def test_what_is_rare_is_looked_for_a_window_at_a_time(
    ring: Keyring, monkeypatch: pytest.MonkeyPatch
) -> None:
    payer = await ring.key(2)
    for _ in range(3):
        await ring.spend(await ring.key(1), 1_000)
    monkeypatch.setattr(key_lists, "WINDOW", 2)
    empty = await page(ring, Which.FUNDED)
    assert (empty.keys, empty.next_before) == ([], 3)
    found = await page(ring, Which.FUNDED, before=empty.next_before)
    assert ([one.public_id for one in found.keys], found.next_before) == ([payer.key_id], None)


async def test_each_filter_shows_its_own(ring: Keyring) -> None:
    parent = await ring.key(4)
    await ring.children.create(parent, 2, NO_TERMS)
    late = await ring.key(1, KeyTerms(expires_at=ring.clock.now_ms() + 1))
    gone = await ring.key(1)
    await Custody(ring.world.db, KEY, ring.clock).revoke(gone.key_id)
    ring.clock.advance(ms=2)
    shown = {which: (await page(ring, which)).keys for which in Which}
    assert [one.public_id for one in shown[Which.PARENTS]] == [parent.key_id]
    assert [one.public_id for one in shown[Which.EXPIRED]] == [late.key_id]
    assert [one.public_id for one in shown[Which.REVOKED]] == [gone.key_id]
    assert [one.parent for one in shown[Which.CHILDREN]] == [parent.key_id] * 2
    assert len(shown[Which.ALL]) == len(shown[Which.FUNDED]) == 3


@pytest.mark.parametrize("text", ["ÄR", "ärzte", "note", "Note one"])
async def test_names_and_notes_are_found_by_their_beginning(ring: Keyring, text: str) -> None:
    payer = await ring.key(1, KeyTerms(name="Ärzte"))
    await ring.key(1, KeyTerms(name="other"))
    await Custody(ring.world.db, KEY, ring.clock).change(payer.key_id, Rules(note="Note one"))
    found = await search(ring, text)
    assert [one.public_id for one in found] == [payer.key_id]


async def test_public_ids_are_found_by_their_beginning(ring: Keyring) -> None:
    payer = await ring.key(4)
    [child] = await ring.children.create(payer, 1, NO_TERMS)
    for public_id in (payer.key_id, (await ring.payer(child)).key_id):
        for text in (public_id, public_id[:9], public_id[4:12], public_id.upper()):
            found = await search(ring, text)
            assert [one.public_id for one in found] == [public_id]
    for text in ("key_", "ke", "%", "zzz"):
        assert await search(ring, text) == []
