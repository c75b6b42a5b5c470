"""A consolidation, and what becomes of it at every ending of its swap."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import SurplusTooSmall
from routstr.money import Unit
from routstr.wallet import purse
from routstr.wallet.consolidate import Consolidation, free_proofs
from routstr.wallet.mint_errors import MintCode, MintDown, MintUnclear
from routstr.wallet.mint_types import ProofState
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.proofs import finish, make_outputs
from routstr.wallet.sagas import Saga
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, refuse, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import PURPOSE, SEED, World, grow_old, open_world

LOST = MintUnclear("no answer")
FREE, SPENT, BUSY = ProofStatus.UNSPENT, ProofStatus.SPENT, ProofStatus.RESERVED
ALIVE = frozenset({1})


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    """Twenty proofs of 1, where eight are the most; each costs a tenth to spend."""
    async with open_world(tmp_path, PlayedMint(Signer(fee=100))) as world:
        await stock(world, *[1] * 20)
        yield world


async def stock(world: World, *amounts: int, signer: Signer | None = None) -> None:
    """Put proofs of exactly these amounts into the purse, as deposits would."""
    signer = signer or next(one for one in world.mint.signers.values() if one.info.active)
    await world.house.mints.keysets(world.mint, fresh=True)
    first = await world.db.write(lambda tx: purse.next_counters(tx, signer.id, len(amounts)))
    outputs = make_outputs(SEED, signer.id, amounts, first_counter=first)
    proofs = finish(outputs, [signer.sign(output) for output in outputs], signer.keyset)
    await world.db.write(lambda tx: purse.add_proofs(tx, world.mint.url, proofs, FREE, None))


async def consolidate(world: World) -> Saga | None:
    wish = Consolidation(world.mint.url, Unit.SAT, 8, PURPOSE)
    return await world.house.wallet.consolidate(wish)


async def send(world: World, gross: int) -> Saga | None:
    saga, _ = await world.house.send(gross)
    return saga


async def amounts(world: World) -> list[int]:
    found = await world.db.read(lambda c: free_proofs(c, world.mint.url, Unit.SAT))
    return sorted(proof.amount for proof in found)


async def test_many_small_proofs_become_few(world: World) -> None:
    saga = await consolidate(world)
    assert saga is not None
    assert (saga.kind, saga.state, saga.account) == (SagaKind.CONSOLIDATE, SagaState.DONE, None)
    assert (saga.gross, saga.fee) == (16, 2)
    assert await amounts(world) == [1, 1, 1, 1, 2, 2, 2, 4, 4]
    assert world.house.till.story == (1, 1, 0)
    assert await consolidate(world) is None, "all is well"
    assert world.mint.circulation == 1


async def test_new_proofs_are_good(world: World) -> None:
    await consolidate(world)
    _, text = await world.house.send(11)
    assert text.startswith("cashuB")
    assert world.mint.circulation == 1, "the amounts fit: no swap"


async def test_a_fee_that_nobody_pays_leaves_everything_as_it_is(world: World) -> None:
    world.house.till.refusal = SurplusTooSmall()
    with pytest.raises(SurplusTooSmall):
        await consolidate(world)
    assert await amounts(world) == [1] * 20
    assert await world.states() == []
    assert world.mint.calls["swap"] == 0


async def test_a_mint_that_does_not_do_it_leaves_everything_as_it_is(world: World) -> None:
    world.mint.next(fail(MintDown("gone")), refuse(MintCode.TOO_MANY_INPUTS))
    for _ in range(2):
        saga = await consolidate(world)
        assert saga is not None
        assert saga.state is SagaState.FAILED
    assert await amounts(world) == [1] * 20
    assert world.house.till.story == (2, 0, 2)


async def test_a_keyset_that_rotated_meanwhile_is_noticed(world: World) -> None:
    await world.house.mints.keysets(world.mint)
    world.mint.rotate(Signer(fee=50))
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.DONE
    assert await world.states() == [SagaState.FAILED, SagaState.DONE]
    assert (saga.gross, saga.fee) == (20, 2), "all of them leave the old keyset"


async def test_proofs_of_an_inactive_keyset_move_to_the_active_one(world: World) -> None:
    (old,) = world.mint.signers.values()
    await consolidate(world)
    new = Signer(fee=50)
    world.mint.rotate(new)
    await world.house.mints.keysets(world.mint, fresh=True)
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.DONE
    found = await world.db.read(lambda c: free_proofs(c, world.mint.url, Unit.SAT))
    assert {proof.keyset_id for proof in found} == {new.id} != {old.id}


async def test_a_lost_answer_is_asked_for(world: World) -> None:
    world.mint.next(lose_answer(LOST))
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.DONE
    assert sum(await amounts(world)) == 18
    assert world.mint.circulation == 1


async def test_what_nobody_knows_stays_open_until_recovery_knows(world: World) -> None:
    world.mint.next(lose_answer(LOST))
    world.mint.broken["restore"] = MintDown("gone")
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.OPEN
    assert await world.purse() == {FREE: 4, BUSY: 16}
    assert await consolidate(world) is None, "one at a time"
    world.mint.broken.clear()
    assert await world.house.wallet.recover(ALIVE) == 1
    assert await world.states() == [SagaState.DONE]
    assert await world.purse() == {FREE: 18}
    assert world.house.till.story == (1, 1, 0)


async def test_what_was_not_done_before_a_crash_is_done_after_it(world: World) -> None:
    world.mint.next(fail(LOST), fail(LOST))
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.OPEN
    other = world.another_house()
    assert await other.wallet.recover(frozenset()) == 1
    assert await world.states() == [SagaState.DONE]
    assert await world.purse() == {FREE: 18}
    assert other.till.story == (0, 1, 0)


async def test_proofs_that_are_gone_at_the_mint_are_given_up_after_a_minute(world: World) -> None:
    found = await world.db.read(lambda c: purse.held(c, world.mint.url, Unit.SAT))
    stored = await world.db.read(lambda c: purse.stored(c, [found[0].id]))
    assert stored
    ys = await world.db.read(lambda c: c.exec_driver_sql("SELECT y FROM proofs").scalars().all())
    world.mint.states.update((bytes(y), ProofState.SPENT) for y in ys)
    saga = await consolidate(world)
    assert saga is not None
    assert saga.state is SagaState.OPEN
    assert world.house.till.story == (1, 0, 0)
    await grow_old(world)
    assert await world.house.wallet.recover(ALIVE) == 1
    assert await world.states() == [SagaState.FAILED]
    assert world.house.till.story == (1, 0, 1)
    assert await consolidate(world) is None, "what is doubted is not chosen again"


async def test_another_instance_that_takes_a_proof_first_is_given_way(world: World) -> None:
    other = world.another_house()
    gate = Gate()
    world.mint.next(wait_for(gate))
    first = asyncio.create_task(consolidate(world))
    await gate.reached.wait()
    wish = Consolidation(world.mint.url, Unit.SAT, 8, PURPOSE)
    assert await other.wallet.consolidate(wish) is None
    gate.open.set()
    assert await first is not None
    assert sum(await amounts(world)) == 18


async def test_refunds_and_consolidation_share_the_proofs(world: World) -> None:
    tidied, *sent = await asyncio.gather(consolidate(world), *(send(world, 3) for _ in range(4)))
    assert all(saga is not None and saga.state is SagaState.DONE for saga in sent)
    purse_ = await world.purse()
    assert purse_.get(BUSY, 0) == 0
    assert sum(purse_.values()) == 20 - sum(saga.fee for saga in (tidied, *sent) if saga)
