"""Proofs that turned out to be ours, and counters that move behind them."""

from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest

from routstr.money import Msat, Unit
from routstr.wallet import findings
from routstr.wallet.keysets import Keyset
from routstr.wallet.models import ProofStatus
from routstr.wallet.sagas import Plan
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import KEY, World, insert, open_world

SIGNER = Signer()


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        await world.house.mints.keysets(world.mint)
        yield world


async def keyset(world: World) -> Keyset:
    return next(iter((await world.house.mints.keysets(world.mint)).values()))


async def test_what_is_stored_already_is_not_added(world: World) -> None:
    first, all_of_them = SIGNER.issue([4]), SIGNER.issue([4, 8, 16])
    known = await keyset(world)
    add = partial(findings.add, mint=world.mint.url, keyset=known)
    found = await world.db.write(partial(add, proofs=first))
    assert found is not None
    assert (found.unit, found.first, found.amount, found.proofs) == (Unit.SAT, 0, 4, 1)
    more = await world.db.write(partial(add, proofs=all_of_them))
    assert more is not None
    assert (more.first, more.amount, more.proofs) == (1, 24, 2)
    assert more.msat == Msat(24_000)
    assert await world.db.write(partial(add, proofs=all_of_them)) is None
    assert await world.db.write(partial(add, proofs=[])) is None
    assert await world.purse() == {ProofStatus.UNSPENT: 28}


async def test_counters_only_move_forward(world: World) -> None:
    known = await keyset(world)
    for target, after in ((7, 7), (3, 7), (7, 7), (8, 8)):
        await world.db.write(partial(findings.advance, keyset_id=known.id, counter=target))
        assert await world.db.write(partial(findings.lock_counter, keyset_id=known.id)) == after


async def test_numbers_of_open_movements_are_known(world: World) -> None:
    known = await keyset(world)
    for first, keyset_id in ((7, known.id), (20, "00aa")):
        plan = Plan(keyset=keyset_id, first_counter=first, amounts=[1, 2, 4])
        await insert(world, plan=plan)
    numbers = await world.db.read(lambda c: findings.numbers_in_flight(c, KEY, known.id))
    assert numbers == {7, 8, 9}
