from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.service import Payer
from routstr.auth.terms import NO_TERMS
from routstr.ledger.charges import Charge, charges_of
from tests.unit.auth.keyring import Keyring, keyring


@pytest.fixture
async def ring(tmp_path: Path) -> AsyncIterator[Keyring]:
    async with keyring(tmp_path) as ring:
        yield ring


async def found(ring: Keyring, payer: Payer, request_id: str = "r", **more: int) -> list[Charge]:
    return await ring.world.db.read(lambda c: charges_of(c, payer.account, request_id, **more))


async def test_a_request_is_found_among_its_own_accounts_charges_only(ring: Keyring) -> None:
    payer, other = await ring.key(64), await ring.key(8)
    assert await found(ring, payer) == []
    await ring.spend(payer, 500)
    await ring.spend(other, 7)
    [charge] = await found(ring, payer)
    assert (int(charge.amount), charge.model, charge.endpoint) == (500, "m", "e")
    assert (charge.prompt_tokens, charge.completion_tokens, charge.estimated) == (1, 1, False)
    assert (charge.price_version, charge.at) == (1, ring.clock.now_ms())
    assert await found(ring, payer, "another") == []
    assert [int(one.amount) for one in await found(ring, other)] == [7]


async def test_several_charges_of_one_request_are_all_found_the_oldest_first(ring: Keyring) -> None:
    payer = await ring.key(64)
    await ring.spend(payer, 500)
    await ring.spend(payer, 300)
    both = await found(ring, payer)
    assert [int(one.amount) for one in both] == [500, 300]
    assert await found(ring, payer, before=both[1].transfer) == both[:1]


async def test_what_was_charged_nothing_has_no_charge(ring: Keyring) -> None:
    payer = await ring.key(8)
    await ring.spend(payer, 0)
    assert await found(ring, payer) == []


async def test_a_child_keys_charges_are_told_apart_by_its_limit(ring: Keyring) -> None:
    parent = await ring.key(64)
    [key] = await ring.children.create(parent, 1, NO_TERMS)
    child = await ring.auth.known_payer(f"Bearer {key}")
    await ring.spend(parent, 500)
    await ring.spend(child, 200)
    assert child.mark is not None
    assert child.mark.limit is not None
    mine = await found(ring, child, limit=child.mark.limit)
    assert [int(one.amount) for one in mine] == [200]
    assert len(await found(ring, parent)) == 2
