from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.auth import repository
from routstr.auth.opening import open_key
from routstr.auth.terms import NO_TERMS, KeyTerms
from routstr.ledger.key_limits import read_limits
from routstr.ledger.limits import Reset
from routstr.money import Msat, Unit
from tests.unit.wallet.world import World, open_world

AT = 1_772_582_400_000  # 4 March 2026


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def opened(world: World, terms: KeyTerms) -> repository.KeyRecord:
    account = await world.db.write(
        lambda tx: open_key(
            tx, key_hash=b"hash", public_id="key_1", mint="m", unit=Unit.SAT, terms=terms, at=AT
        )
    )
    record = await world.db.read(lambda c: repository.find(c, b"hash"))
    assert record is not None
    assert (record.account, record.public_id, record.created_at) == (account, "key_1", AT)
    return record


async def test_a_key_without_a_limit_has_none(world: World) -> None:
    record = await opened(world, NO_TERMS)
    assert record.mark is not None
    assert record.mark.limit is None
    assert await world.scalar("SELECT count(*) FROM key_limits") == 0


async def test_a_key_is_opened_on_its_terms(world: World) -> None:
    terms = KeyTerms(AT + 5, Msat(70), "monthly", "me@wallet.example", "name", '{"a":1}')
    record = await opened(world, terms)
    assert (record.expires_at, record.refund_address) == (AT + 5, "me@wallet.example")
    assert (record.name, record.metadata) == ("name", '{"a":1}')
    assert record.mark is not None
    limit = record.mark.limit or 0
    state = (await world.db.read(lambda c: read_limits(c, [limit], AT)))[limit]
    assert (state.cap, state.reset, state.left) == (70, Reset.MONTHLY, 70)
