from pathlib import Path

import pytest

from routstr.auth.key_lists import Which
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.errors import NoSuchKey
from routstr.money import Msat
from tests.unit.admin.keys.bureau import open_bureau


async def test_a_page_tells_limits_and_leads_on(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        desk = at.actions.desk
        limited = await at.key(8, terms=KeyTerms(balance_limit=Msat(500)))
        free = await at.key(8)
        first = await desk.page(limit=1)
        [newest] = first.keys
        assert (newest.id, newest.limit) == (free.key_id, None)
        [oldest] = (await desk.page(Which.FUNDED, before=first.next_before)).keys
        assert oldest.limit is not None
        assert (oldest.id, oldest.limit.cap, oldest.limit.left) == (limited.key_id, 500, 500)


async def test_a_child_shows_its_own_and_has_no_account(tmp_path: Path) -> None:
    async with open_bureau(tmp_path) as at:
        parent = await at.key(64)
        await at.children.create(parent, 1, NO_TERMS)
        await at.world.earn(parent.account, 2)
        await at.world.hold(parent.account, 1)
        desk = at.actions.desk
        shown = await desk.one(parent.key_id)
        [child] = shown.children
        assert (shown.balance, shown.reserved, shown.total) == (61_000, 1_000, 62_000)
        assert (shown.total_spent, child.total_spent) == (2_000, 0)
        assert [hold.amount for hold in shown.holds] == [1_000]
        assert (await desk.one(child.id)).holds == []
        with pytest.raises(NoSuchKey):
            await desk.row(child.id)
