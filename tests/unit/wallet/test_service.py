import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import SystemClock
from routstr.errors import RedemptionPending, UntrustedMint
from routstr.money import Unit
from routstr.wallet import token
from routstr.wallet.holdings import Holding
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mints import Mints
from routstr.wallet.models import ProofStatus, SagaKind, SagaState
from routstr.wallet.service import Wallet, mark_claimed
from routstr.wallet.token import Token
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import ACCOUNT, KEY, PURPOSE, House, World, deposit, insert, open_world

LOST = MintUnclear("no answer")


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path) as world:
        yield world


async def leave_open(world: World, house: House | None = None) -> Token:
    """Redeem a token so that the mint has done it and nobody has heard of it."""
    given = world.mint.token(8)
    world.mint.next(lose_answer(LOST))
    world.mint.broken["restore"] = MintDown("gone")
    with pytest.raises(RedemptionPending):
        await (house or world.house).receive(given)
    world.mint.broken.clear()
    return given


class TestRecovery:
    async def test_ends_what_this_instance_left_open(self, world: World) -> None:
        await leave_open(world)
        assert await world.house.wallet.recover(frozenset({1})) == 1
        assert await world.states() == [SagaState.DONE]
        assert (world.mint.circulation, world.house.till.story) == (1, (1, 1, 0))
        assert await world.house.wallet.recover(frozenset({1})) == 0

    async def test_takes_over_from_an_instance_that_is_gone(self, world: World) -> None:
        await leave_open(world)
        other = world.another_house()
        assert await other.wallet.recover(frozenset({2})) == 1
        assert await world.states() == [SagaState.DONE]
        assert (world.house.till.story, other.till.story) == ((1, 0, 0), (0, 1, 0))
        assert (await other.engine.load(1)).epoch == 2

    async def test_leaves_the_living_alone(self, world: World) -> None:
        await leave_open(world)
        assert await world.another_house().wallet.recover(frozenset({1, 2})) == 0
        assert await world.states() == [SagaState.OPEN]

    async def test_leaves_alone_what_is_being_worked_on(self, world: World) -> None:
        gate = Gate()
        world.mint.next(wait_for(gate))
        receiving = asyncio.create_task(world.house.receive(world.mint.token(8)))
        await gate.reached.wait()
        assert await world.house.wallet.recover(frozenset()) == 0
        gate.open.set()
        assert (await receiving).state is SagaState.DONE

    async def test_does_not_disturb_a_saga_that_is_about_to_be_worked_on(
        self, world: World
    ) -> None:
        """Between the intent and the first attempt the saga is open and not yet running."""
        receiver = world.house.receiver
        given = deposit(world.mint.token(8))
        prepared = await receiver._prepare(given, token.ys(given.token), fresh=False)
        saga = await receiver._intend(prepared, token.ys(given.token))
        recovering = asyncio.create_task(world.house.wallet.recover(frozenset({1})))
        await asyncio.sleep(0)
        outcome = await world.house.engine.run(saga, receiver.attempt, resumed=False)
        await recovering
        assert outcome.saga.state is SagaState.DONE
        assert world.mint.circulation == 1

    async def test_two_instances_do_not_take_from_each_other(self, world: World) -> None:
        await leave_open(world)
        houses = [world.another_house(2), world.another_house(3)]
        taken = await asyncio.gather(*(h.wallet.recover(frozenset({2, 3})) for h in houses))
        assert sorted(taken) == [0, 1]
        assert await world.states() == [SagaState.DONE]
        assert (await houses[0].engine.load(1)).epoch == 2

    async def test_finishes_sends_too(self, world: World) -> None:
        await world.house.receive(world.mint.token(8))
        world.mint.next(fail(LOST), fail(LOST))
        with pytest.raises(RedemptionPending):
            await world.house.send(3)
        assert await world.house.wallet.recover(frozenset({1})) == 1
        assert await world.purse() == {ProofStatus.UNSPENT: 5, ProofStatus.ISSUED: 3}

    async def test_one_that_cannot_be_resumed_stops_no_other(self, world: World) -> None:
        stranger = await insert(world, mint="https://unlisted.example")
        await leave_open(world)
        assert await world.house.wallet.recover(frozenset({1})) == 2
        assert await world.states() == [SagaState.OPEN, SagaState.DONE]
        assert (await world.house.engine.load(stranger.id)).state is SagaState.OPEN

    async def test_leaves_what_is_at_an_unlisted_mint_to_the_operator(self, world: World) -> None:
        stranger = await insert(world, mint="https://unlisted.example", owner=7)
        assert await world.house.wallet.recover(frozenset({1})) == 0
        assert (await world.house.engine.load(stranger.id)).owner == 7

    async def test_stays_open_while_the_mint_is_away(self, world: World) -> None:
        await leave_open(world)
        world.mint.broken["restore"] = MintDown("gone")
        assert await world.house.wallet.recover(frozenset({1})) == 1
        assert await world.states() == [SagaState.OPEN]


class TestResumingOne:
    async def test_ends_a_saga_of_an_instance_that_is_gone(self, world: World) -> None:
        await leave_open(world)
        other = world.another_house()
        outcome = await other.wallet.resume(1, frozenset({2}))
        assert outcome is not None
        assert (outcome.saga.state, outcome.saga.owner) == (SagaState.DONE, 2)
        assert (world.mint.circulation, other.till.story) == (1, (0, 1, 0))

    async def test_leaves_one_of_a_living_instance_alone(self, world: World) -> None:
        await leave_open(world)
        assert await world.another_house().wallet.resume(1, frozenset({1, 2})) is None
        assert (await world.house.engine.load(1)).owner == 1

    async def test_one_is_ended_once_by_many(self, world: World) -> None:
        await leave_open(world)
        houses = [world.another_house(2), world.another_house(3)]
        ended = await asyncio.gather(*(h.wallet.resume(1, frozenset({2, 3})) for h in houses))
        assert sorted(outcome is None for outcome in ended) == [False, True]
        assert sum(house.till.story[1] for house in houses) == 1

    async def test_tells_why_it_stays_open(self, world: World) -> None:
        await leave_open(world)
        world.mint.broken["restore"] = MintDown("gone")
        outcome = await world.house.wallet.resume(1, frozenset())
        assert outcome is not None
        assert outcome.result is not None
        assert (outcome.saga.state, str(outcome.result.error)) == (SagaState.OPEN, "gone")

    async def test_does_not_speak_to_an_unlisted_mint(self, world: World) -> None:
        stranger = await insert(
            world, kind=SagaKind.SEND, mint="https://unlisted.example", purpose=PURPOSE
        )
        with pytest.raises(UntrustedMint):
            await world.house.wallet.resume(stranger.id, frozenset())


async def test_the_same_token_after_a_restart_joins_what_was_recovered(world: World) -> None:
    given = await leave_open(world)
    restarted = world.another_house()
    recovering = asyncio.create_task(restarted.wallet.recover(frozenset({2})))
    saga = await restarted.receive(given)
    await recovering
    assert saga.state is SagaState.DONE
    assert world.mint.circulation == 1


async def test_holdings_are_told_by_mint_and_unit(tmp_path: Path) -> None:
    first = PlayedMint(Signer(), Signer(unit="msat"))
    second = PlayedMint(Signer(), url="https://second.example")
    async with open_world(tmp_path, first, second) as world:
        sat, msat = first.signers.values()
        await world.house.receive(first.token(8, 4, signer=sat))
        await world.house.receive(first.token(16, signer=msat))
        await world.house.receive(second.token(2))
        await world.house.send(4)
        assert await world.house.wallet.holdings() == [
            Holding(first.url, Unit.MSAT, 16, 0, 0),
            Holding(first.url, Unit.SAT, 8, 0, 4),
            Holding(second.url, Unit.SAT, 2, 0, 0),
        ]


async def test_a_finished_send_is_told_with_its_token_and_an_undone_one_is_not(
    world: World,
) -> None:
    wallet = world.house.wallet
    await world.house.receive(world.mint.token(8))
    saga, text = await world.house.send(3)
    assert await wallet.finish_send(saga.id) == (saga, text)
    assert await wallet.saga(saga.id) == saga
    issued = (await wallet.issued_to(ACCOUNT, 1))[0]
    assert await wallet.token_text(issued) == text
    assert await wallet.unclaimed(None, 9) == [issued]

    world.mint.next(fail(MintDown("gone")))
    with pytest.raises(Exception, match="cannot be reached"):
        await world.house.send(3)
    assert await wallet.finish_send(saga.id + 1) is None


async def test_a_claimed_token_is_no_asset_any_more_and_is_noted_once(world: World) -> None:
    await world.house.receive(world.mint.token(8, 4))
    await world.house.send(4)
    issued = (await world.house.wallet.issued_to(ACCOUNT, 1))[0]
    assert not await world.house.wallet.is_claimed(issued)
    assert await world.db.write(lambda tx: mark_claimed(tx, issued, 5))
    assert await world.purse() == {ProofStatus.UNSPENT: 8}
    assert not await world.db.write(lambda tx: mark_claimed(tx, issued, 6))
    assert await world.house.wallet.unclaimed(None, 9) == []


async def test_a_wallet_is_built_of_its_parts(world: World) -> None:
    clock = SystemClock()
    mints = Mints(tuple(world.played), lambda url: world.played[url], world.db, clock)
    wallet = Wallet.build(world.db, clock, KEY, bytes(64), 7, mints, proofs_max=1, sat_max=1_000)
    wallet.register("test", world.house.till)
    given = world.mint.token(8)
    assert await wallet.find(token.ys(given)) is None
    saga = await wallet.receive(deposit(given))
    assert (saga.owner, await wallet.find(token.ys(given))) == (7, saga)
    await wallet.drain(1)
