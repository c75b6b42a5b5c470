import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.core.clock import ManualClock
from routstr.errors import NodeError, RedemptionPending
from routstr.wallet import sagas
from routstr.wallet.engine import POLL_SECONDS, WAIT_SECONDS_MAX, Engine, Outcome
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.models import SagaState
from routstr.wallet.sagas import LeaseLost, Saga
from routstr.wallet.swaps import Ending, Result
from tests.unit.wallet.world import DRAFT, PURPOSE, World, insert, open_world


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path, clock=ManualClock()) as world:
        yield world


@pytest.fixture
def engine(world: World) -> Engine:
    return world.house.engine


class Work:
    """An attempt that ends the saga once ``go`` is set, or leaves it open."""

    def __init__(self, engine: Engine, *, opens: bool = False) -> None:
        self.engine = engine
        self.opens = opens
        self.started = asyncio.Event()
        self.go = asyncio.Event()
        self.calls: list[tuple[Saga, bool]] = []

    async def __call__(self, saga: Saga, resumed: bool) -> Outcome:
        self.calls.append((saga, resumed))
        self.started.set()
        await self.go.wait()
        if self.opens:
            return Outcome(saga, Result(Ending.OPEN, error=MintUnclear("nobody knows")))
        await end(self.engine, saga)
        return Outcome(msgspec.structs.replace(saga, state=SagaState.DONE))


async def end(engine: Engine, saga: Saga) -> None:
    await engine.db.write(lambda tx: sagas.end_saga(tx, saga, SagaState.DONE, at=5))


async def test_who_asks_for_a_running_saga_gets_its_outcome(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    first = asyncio.create_task(engine.run(saga, work, resumed=False))
    await work.started.wait()
    assert set(engine.running) == {saga.id}
    second = asyncio.create_task(engine.run(saga, work, resumed=True))
    third = asyncio.create_task(engine.wait(saga.id, work))
    await asyncio.sleep(POLL_SECONDS)
    work.go.set()

    outcome = await first
    assert await second == outcome
    assert await third == outcome.saga
    assert [resumed for _, resumed in work.calls] == [False]
    assert not engine.running


async def test_the_work_goes_on_when_its_client_goes_away(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    client = asyncio.create_task(engine.run(saga, work, resumed=False))
    await work.started.wait()
    client.cancel()
    with pytest.raises(asyncio.CancelledError):
        await client
    assert set(engine.running) == {saga.id}
    work.go.set()
    await engine.drain(5)
    assert (await engine.load(saga.id)).state is SagaState.DONE


async def test_draining_waits_no_longer_than_told(world: World, engine: Engine) -> None:
    await engine.drain(5)
    saga, work = await insert(world), Work(engine)
    client = asyncio.create_task(engine.run(saga, work, resumed=False))
    await work.started.wait()
    await engine.drain(0.01)
    assert set(engine.running) == {saga.id}
    work.go.set()
    await client


async def test_a_saga_that_ended_meanwhile_is_not_worked_on_again(
    world: World, engine: Engine
) -> None:
    saga, work = await insert(world), Work(engine)
    work.go.set()
    await end(engine, saga)
    outcome = await engine.run(saga, work, resumed=True)
    assert outcome.saga.state is SagaState.DONE
    assert not work.calls


async def test_a_saga_that_was_taken_over_is_not_worked_on(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    work.go.set()
    await world.db.write(lambda tx: sagas.take_lease(tx, saga, 2))
    with pytest.raises(LeaseLost):
        await engine.run(saga, work, resumed=True)
    assert not work.calls


async def test_an_outcome_after_the_lease_was_lost_is_refused(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    client = asyncio.create_task(engine.run(saga, work, resumed=False))
    await work.started.wait()
    await world.db.write(lambda tx: sagas.take_lease(tx, saga, 2))
    work.go.set()
    with pytest.raises(LeaseLost):
        await client
    assert (await engine.load(saga.id)).state is SagaState.OPEN


async def test_a_resumed_saga_is_worked_on_under_its_present_epoch(
    world: World, engine: Engine
) -> None:
    saga, work = await insert(world, owner=9), Work(engine)
    taken = await engine.take(saga.id, gone=9)
    work.go.set()
    assert taken is not None
    await engine.run(saga, work, resumed=True)
    assert work.calls == [(taken, True)]


async def test_a_lease_is_taken_only_from_the_one_that_is_gone(
    world: World, engine: Engine
) -> None:
    saga = await insert(world, owner=9)
    other = world.another_house().engine
    assert (await engine.take(saga.id, gone=9)) is not None
    assert await other.take(saga.id, gone=9) is None
    loaded = await engine.load(saga.id)
    assert (loaded.owner, loaded.epoch) == (1, 2)
    await end(engine, loaded)
    assert await other.take(saga.id, gone=1) is None


async def test_waiting_takes_up_what_this_instance_left_open(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    work.go.set()
    assert (await engine.wait(saga.id, work)).state is SagaState.DONE
    assert [resumed for _, resumed in work.calls] == [True]


async def test_waiting_says_pending_when_it_stays_open(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine, opens=True)
    work.go.set()
    with pytest.raises(RedemptionPending) as raised:
        await engine.wait(saga.id, work)
    assert raised.value.headers["Retry-After"] == "5"
    assert await world.scalar("SELECT problem FROM sagas") == "nobody knows"


async def test_waiting_for_another_instance_ends_with_its_outcome(
    world: World, engine: Engine
) -> None:
    saga, work = await insert(world, owner=2), Work(engine)
    work.go.set()
    waiting = asyncio.create_task(engine.wait(saga.id, work))
    await asyncio.sleep(POLL_SECONDS)
    assert not waiting.done()
    await end(engine, saga)
    assert (await waiting).state is SagaState.DONE
    assert not work.calls


async def test_waiting_for_another_instance_has_an_end(world: World, engine: Engine) -> None:
    saga, work = await insert(world, owner=2), Work(engine)
    work.go.set()
    waiting = asyncio.create_task(engine.wait(saga.id, work))
    await asyncio.sleep(POLL_SECONDS / 2)
    assert isinstance(world.clock, ManualClock)
    world.clock.advance(seconds=WAIT_SECONDS_MAX + 1)
    with pytest.raises(RedemptionPending):
        await waiting


async def test_a_lease_lost_while_waiting_is_waited_out(world: World, engine: Engine) -> None:
    saga, work = await insert(world), Work(engine)
    waiting = asyncio.create_task(engine.wait(saga.id, work))
    await work.started.wait()
    taken = await world.db.write(lambda tx: sagas.take_lease(tx, saga, 2))
    work.go.set()
    await asyncio.sleep(POLL_SECONDS / 2)
    await end(engine, taken)
    assert (await waiting).state is SagaState.DONE


async def test_a_failing_attempt_is_told_and_forgotten(world: World, engine: Engine) -> None:
    saga = await insert(world)

    async def fails(_saga: Saga, _resumed: bool) -> Outcome:
        raise NodeError("broken")

    with pytest.raises(NodeError, match="broken"):
        await engine.run(saga, fails, resumed=False)
    await asyncio.sleep(0)
    assert not engine.running
    assert await engine.open_sagas() == [(saga.id, 1)]


async def test_the_log_tells_how_a_movement_ended_and_nothing_bearer(
    world: World, engine: Engine, caplog: pytest.LogCaptureFixture
) -> None:
    saga, work = await insert(world), Work(engine)
    work.go.set()
    with caplog.at_level("INFO"):
        await engine.run(saga, work, resumed=False)
    (line,) = [line for line in caplog.records if line.getMessage() == "saga_ended"]
    assert line.__dict__["routstr_fields"] == {
        "saga": saga.id,
        "kind": saga.kind.name.lower(),
        "purpose": saga.purpose,
        "state": "done",
        "mint": saga.mint,
        "amount_msat": int(saga.gross_msat),
        "fee_msat": int(saga.unit.to_msat(saga.fee)),
    }


def test_a_purpose_is_found_by_its_name(world: World, engine: Engine) -> None:
    saga = msgspec.structs.replace(DRAFT, purpose=PURPOSE)
    assert engine.completion(saga) is world.house.till
