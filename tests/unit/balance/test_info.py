from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth.terms import KeyTerms
from routstr.errors import AuthError
from routstr.ledger.entries import Held
from routstr.money import Msat
from tests.unit.auth.keyring import DAY_SECONDS
from tests.unit.balance.desk import Desk, desk


@pytest.fixture
async def at(tmp_path: Path) -> AsyncIterator[Desk]:
    async with desk(tmp_path) as at:
        yield at


async def test_balance_is_what_can_be_spent_and_times_are_seconds(at: Desk) -> None:
    ring = at.ring
    now = ring.clock.now_ms() // 1_000
    terms = KeyTerms(expires_at=(now + 9) * 1_000, name="mine", metadata='{"a":1}')
    payer = await ring.key(8, terms)
    await ring.spend(payer, 500)
    held = await ring.hold(payer, 400)
    assert isinstance(held, Held)
    info = await at.info.show(payer)
    assert (info.balance, info.reserved, info.total) == (7_100, 400, 7_500)
    assert (info.total_deposited, info.total_spent, info.total_requests) == (8_000, 500, 1)
    assert info.created_at == info.last_used_at == now
    assert info.expires_at == info.validity_date == now + 9
    assert (info.name, info.metadata) == ("mine", {"a": 1})
    assert (info.api_key, info.id) == (payer.key, payer.key_id)
    assert not info.is_child
    assert (info.child_keys, info.parent_key_preview, info.balance_limit) == (None, None, None)


async def test_a_limit_is_shown_with_what_it_leaves(at: Desk) -> None:
    payer = await at.ring.key(8, KeyTerms(balance_limit=Msat(900), balance_limit_reset="weekly"))
    await at.ring.spend(payer, 300)
    info = await at.info.show(payer)
    assert (info.balance_limit, info.balance_limit_reset) == (900, "weekly")
    assert (info.balance_limit_remaining, info.total_spent) == (600, 300)
    at.ring.clock.advance(seconds=7 * DAY_SECONDS)
    later = await at.info.show(payer)
    assert (later.balance_limit_remaining, later.total_spent) == (900, 300)


async def test_a_limit_for_good_has_no_reset(at: Desk) -> None:
    info = await at.info.show(await at.ring.key(8, KeyTerms(balance_limit=Msat(900))))
    assert (info.balance_limit, info.balance_limit_reset) == (900, None)


async def test_a_child_key_shows_its_parents_balance_and_its_own_spending(at: Desk) -> None:
    ring = at.ring
    parent = await ring.key(64)
    keys = await ring.children.create(parent, 2, KeyTerms(balance_limit=Msat(700), name="robot"))
    one, other = [await ring.payer(key) for key in keys]
    await ring.spend(one, 300)
    await ring.spend(parent, 1_000)
    info = await at.info.show(one)
    assert info.is_child
    assert (info.balance, info.total_spent, info.total_requests) == (60_700, 300, 1)
    assert (info.balance_limit, info.balance_limit_remaining) == (700, 400)
    assert info.parent_key_preview == f"{parent.key_id[4:12]}..."
    assert info.child_keys is None
    assert parent.key not in info.model_dump_json()

    told = await at.info.show(parent)
    assert (told.balance, told.total_spent, told.total_requests) == (60_700, 1_300, 2)
    assert told.child_keys is not None
    assert [(child.id, child.total_spent) for child in told.child_keys] == [
        (one.key_id, 300),
        (other.key_id, 0),
    ]
    assert {(child.name, child.balance_limit) for child in told.child_keys} == {("robot", 700)}
    assert not any(key in told.model_dump_json() for key in keys)


async def test_a_key_that_was_rotated_just_now_is_unknown(at: Desk) -> None:
    payer = await at.ring.key(8)
    await at.ring.profiles.rotate(payer.key)
    with pytest.raises(AuthError):
        await at.info.show(payer)
