from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest
from sqlalchemy.exc import IntegrityError

from routstr.core.db import Tx
from routstr.core.node_key import NodeKey, SealBroken
from routstr.money import Msat
from routstr.wallet import sagas
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.sagas import LeaseLost, OpenSend, Saga
from tests.unit.wallet.world import DRAFT, KEY, World, insert, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def load(world: World, saga: Saga, key: NodeKey = KEY) -> Saga:
    return await world.db.read(lambda c: sagas.load_saga(c, key, saga.id))


def test_amounts_are_told_in_msat() -> None:
    assert (DRAFT.gross_msat, DRAFT.fee_msat, DRAFT.net_msat) == (
        Msat(11_000),
        Msat(1_000),
        Msat(10_000),
    )


async def test_a_saga_is_read_as_it_was_stored(world: World) -> None:
    stored = await insert(world)
    assert stored.id > 0
    assert await load(world, stored) == stored
    assert stored == msgspec.structs.replace(DRAFT, id=stored.id)


async def test_a_saga_without_an_account_keeps_none(world: World) -> None:
    stored = await insert(world, account=None)
    assert (await load(world, stored)).account is None


async def test_the_plan_is_sealed_with_the_nodes_key(world: World) -> None:
    stored = await insert(world)
    plan = await world.scalar("SELECT plan FROM sagas")
    assert b"secret" not in plan
    with pytest.raises(SealBroken):
        await load(world, stored, NodeKey(bytes(32)))


async def test_an_outcome_is_written_once(world: World) -> None:
    saga = await insert(world)
    await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.DONE, at=5))
    assert (await load(world, saga)).state is SagaState.DONE
    assert await world.scalar("SELECT ended_at FROM sagas") == 5
    with pytest.raises(LeaseLost):
        await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.FAILED, at=6))
    assert (await load(world, saga)).state is SagaState.DONE


async def test_an_outcome_of_an_old_epoch_is_refused(world: World) -> None:
    saga = await insert(world)
    taken = await world.db.write(lambda tx: sagas.take_lease(tx, saga, 2))
    assert (taken.owner, taken.epoch) == (2, 2)
    assert await load(world, saga) == taken
    with pytest.raises(LeaseLost):
        await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.DONE, at=5))
    await world.db.write(lambda tx: sagas.end_saga(tx, taken, SagaState.DONE, at=5))


async def test_a_lease_is_taken_by_one_and_never_after_the_end(world: World) -> None:
    saga = await insert(world)
    taken = await world.db.write(lambda tx: sagas.take_lease(tx, saga, 2))
    with pytest.raises(LeaseLost):
        await world.db.write(lambda tx: sagas.take_lease(tx, saga, 3))
    await world.db.write(lambda tx: sagas.end_saga(tx, taken, SagaState.DONE, at=5))
    with pytest.raises(LeaseLost):
        await world.db.write(lambda tx: sagas.take_lease(tx, taken, 3))


async def test_a_problem_is_noted_in_short_and_goes_with_the_end(world: World) -> None:
    saga = await insert(world)
    await world.db.write(lambda tx: sagas.note_problem(tx, saga, "x" * 900))
    assert await world.scalar("SELECT problem FROM sagas") == "x" * 500
    await world.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.DONE, at=5))
    await world.db.write(lambda tx: sagas.note_problem(tx, saga, "too late"))
    assert await world.scalar("SELECT problem FROM sagas") is None


async def test_the_account_that_a_saga_turned_out_to_be_for_is_noted(world: World) -> None:
    saga = await insert(world, account=None)
    await world.db.write(lambda tx: sagas.name_account(tx, saga, 9))
    assert (await load(world, saga)).account == 9


async def test_a_proof_is_claimed_by_one_saga_until_it_is_freed(world: World) -> None:
    one, two = await insert(world), await insert(world)
    await world.db.write(lambda tx: sagas.claim(tx, one.id, (b"a", b"b")))
    with pytest.raises(IntegrityError):
        await world.db.write(lambda tx: sagas.claim(tx, two.id, (b"c", b"b")))
    assert await world.db.read(lambda c: sagas.claimants(c, (b"c",))) == {}

    await world.db.write(lambda tx: sagas.free_claims(tx, one.id))
    await world.db.write(lambda tx: sagas.claim(tx, two.id, (b"c", b"b")))
    found = await world.db.read(lambda c: sagas.claimants(c, (b"a", b"b")))
    assert found == {two.id: {b"b", b"c"}}


async def test_claimants_are_told_with_all_their_proofs(world: World) -> None:
    one, two = await insert(world), await insert(world)

    def claim(tx: Tx) -> None:
        sagas.claim(tx, one.id, (b"a", b"b", b"c"))
        sagas.claim(tx, two.id, (b"d",))

    await world.db.write(claim)
    found = await world.db.read(lambda c: sagas.claimants(c, (b"b", b"d", b"e")))
    assert found == {one.id: {b"a", b"b", b"c"}, two.id: {b"d"}}


async def test_open_sagas_are_listed_with_their_owners(world: World) -> None:
    one, two, three = [await insert(world, owner=owner) for owner in (1, 2, 3)]
    await world.db.write(lambda tx: sagas.end_saga(tx, two, SagaState.FAILED, at=5))
    assert await world.db.read(sagas.open_saga_ids) == [(one.id, 1), (three.id, 3)]


async def test_open_sends_of_an_account_are_found(world: World) -> None:
    async def found() -> list[OpenSend]:
        return await world.db.read(lambda c: sagas.open_sends_of(c, 3))

    await insert(world)
    assert await found() == []
    sends = [await insert(world, kind=SagaKind.SEND, account=a) for a in (3, 3, 4)]
    assert await found() == [OpenSend(send.id, Msat(11_000)) for send in sends[:2]]
    for saga in sends:
        await world.db.write(lambda tx, s=saga: sagas.end_saga(tx, s, SagaState.DONE, at=5))  # type: ignore[misc]
    assert await found() == []
