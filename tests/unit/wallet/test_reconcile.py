"""Proofs that count as ours, held against what their mint says."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.core.clock import ManualClock
from routstr.core.db import Tx
from routstr.errors import InsufficientLiquidity
from routstr.money import Msat, Unit
from routstr.wallet.doubts import Lost
from routstr.wallet.mint_errors import MintDown
from routstr.wallet.mint_types import ProofState
from routstr.wallet.models import ProofStatus, SagaState
from routstr.wallet.reconcile import DOUBT_MS, Compared, Comparison
from tests.unit.wallet.played_mint import Gate, PlayedMint, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world

INTERVAL_MS = 300_000


@dataclass
class Books:
    """Takes notes of losses and of tokens to look at."""

    lost: list[Lost] = field(default_factory=list)
    redeemed: list[int] = field(default_factory=list)
    failure: Exception | None = None

    def book(self, _tx: Tx, lost: Lost) -> None:
        if self.failure is not None:
            raise self.failure
        self.lost.append(lost)

    async def look(self, saga: int) -> None:
        self.redeemed.append(saga)


@pytest.fixture
def clock() -> ManualClock:
    return ManualClock()


@pytest.fixture
async def world(tmp_path: Path, clock: ManualClock) -> AsyncIterator[World]:
    async with open_world(tmp_path, clock=clock) as world:
        yield world


@pytest.fixture
def books() -> Books:
    return Books()


@pytest.fixture
def comparison(world: World, clock: ManualClock, books: Books) -> Comparison:
    return Comparison(world.db, clock, books.book, books.look)


async def points(world: World, *amounts: int) -> list[bytes]:
    """The points of our proofs of these amounts."""
    query = f"SELECT y FROM proofs WHERE amount IN ({','.join(map(str, amounts))})"
    return [bytes(y) for y in await world.db.read(lambda c: c.execute(text(query)).scalars().all())]


async def spend(world: World, *amounts: int, state: ProofState = ProofState.SPENT) -> None:
    """Somebody else has spent our proofs of these amounts."""
    for y in await points(world, *amounts):
        world.mint.states[y] = state


async def doubts(world: World) -> int:
    return int(await world.scalar("SELECT count(*) FROM doubted_proofs"))


async def change(world: World, statement: str) -> None:
    await world.db.write(lambda tx: tx.sql.execute(text(statement)))


async def test_proofs_that_are_fine_stay(world: World, comparison: Comparison) -> None:
    await world.house.receive(world.mint.token(4, 8))
    assert await comparison.everything(world.mint) == Compared(asked=2)
    assert await world.purse() == {ProofStatus.UNSPENT: 12}
    assert await doubts(world) == 0


async def test_a_spent_proof_is_lost_when_the_mint_says_so_again_after_a_minute(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(4, 8))
    await spend(world, 8)
    assert await comparison.everything(world.mint) == Compared(asked=2, doubted=1)
    clock.advance(ms=DOUBT_MS - 1)
    assert await comparison.doubted(world.mint) == Compared()
    assert books.lost == []

    clock.advance(ms=1)
    outcome = await comparison.doubted(world.mint)
    (lost,) = books.lost
    assert (lost.mint, lost.unit, lost.amount, lost.proofs) == (world.mint.url, Unit.SAT, 8, 1)
    assert outcome == Compared(asked=1, lost=(lost,))
    assert lost.msat == Msat(8_000)
    assert await world.purse() == {ProofStatus.UNSPENT: 4}
    assert await doubts(world) == 0
    assert await comparison.doubted(world.mint) == Compared()


async def test_a_mint_that_takes_it_back_costs_nothing(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(8))
    await spend(world, 8)
    await comparison.everything(world.mint)
    await spend(world, 8, state=ProofState.PENDING)
    clock.advance(ms=DOUBT_MS)
    await comparison.doubted(world.mint)
    assert await doubts(world) == 1
    await spend(world, 8, state=ProofState.UNSPENT)
    await comparison.doubted(world.mint)
    assert (await doubts(world), books.lost) == (0, [])
    assert (await world.house.send(8))[0].state is SagaState.DONE


async def test_a_doubted_proof_is_not_chosen(world: World, comparison: Comparison) -> None:
    await world.house.receive(world.mint.token(4, 8))
    await spend(world, 8)
    await comparison.everything(world.mint)
    with pytest.raises(InsufficientLiquidity):
        await world.house.send(8)
    assert (await world.house.send(4))[0].state is SagaState.DONE


async def test_doubts_are_counted_once(world: World, comparison: Comparison) -> None:
    await world.house.receive(world.mint.token(4, 8))
    await spend(world, 4, 8)
    assert (await comparison.everything(world.mint)).doubted == 2
    assert (await comparison.everything(world.mint)).doubted == 0


async def test_what_a_saga_spends_is_left_alone(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(16))
    gate = Gate()
    world.mint.next(wait_for(gate))
    sending = asyncio.create_task(world.house.send(5))
    await gate.reached.wait()
    await spend(world, 16)
    assert await comparison.everything(world.mint) == Compared()
    world.mint.states.clear()
    gate.open.set()
    assert (await sending)[0].state is SagaState.DONE
    clock.advance(ms=DOUBT_MS)
    await comparison.doubted(world.mint)
    assert books.lost == []


async def test_a_proof_that_a_saga_took_while_the_mint_answered_is_left_alone(
    world: World, comparison: Comparison, books: Books
) -> None:
    await world.house.receive(world.mint.token(16))
    check_state = world.mint.check_state

    async def meanwhile(*arguments: object, **_: object) -> list[ProofState]:
        world.mint.check_state = check_state  # type: ignore[method-assign]
        await world.house.send(5)  # spends it, at the mint too
        return [ProofState.SPENT]

    world.mint.check_state = meanwhile  # type: ignore[method-assign]
    assert (await comparison.everything(world.mint)).doubted == 0
    assert (await doubts(world), books.lost) == (0, [])


async def test_a_proof_that_was_doubted_and_then_spent_by_us_is_not_lost(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(8))
    await spend(world, 8)
    await comparison.everything(world.mint)
    await change(world, "UPDATE proofs SET status = 2")
    clock.advance(ms=DOUBT_MS)
    await comparison.doubted(world.mint)
    assert (await doubts(world), books.lost) == (0, [])


async def test_a_proof_reserved_for_a_saga_that_ended_is_freed(
    world: World, comparison: Comparison
) -> None:
    await world.house.receive(world.mint.token(8))
    await change(world, "UPDATE proofs SET status = 1, saga = 1")
    assert await comparison.everything(world.mint) == Compared(asked=1, freed=1)
    assert await world.purse() == {ProofStatus.UNSPENT: 8}
    assert await world.scalar("SELECT saga FROM proofs") is None


async def test_one_that_is_spent_at_the_mint_is_lost(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(8))
    await change(world, "UPDATE proofs SET status = 1, saga = 1")
    await spend(world, 8)
    assert (await comparison.everything(world.mint)).doubted == 1
    clock.advance(ms=DOUBT_MS)
    await comparison.doubted(world.mint)
    assert [lost.amount for lost in books.lost] == [8]
    assert await world.purse() == {}


async def test_a_token_that_its_owner_has_redeemed_is_looked_at(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(4, 8))
    saga, _ = await world.house.send(12)
    await spend(world, 4, 8)
    assert await comparison.everything(world.mint) == Compared(asked=2)
    assert books.redeemed == [saga.id]
    clock.advance(ms=DOUBT_MS)
    await comparison.doubted(world.mint)
    assert books.lost == []
    assert await world.purse() == {ProofStatus.ISSUED: 12}


async def test_a_mint_that_does_not_answer_changes_nothing(
    world: World, comparison: Comparison
) -> None:
    await world.house.receive(world.mint.token(8))
    await spend(world, 8)
    world.mint.broken["check_state"] = MintDown("gone")
    with pytest.raises(MintDown):
        await comparison.everything(world.mint)
    assert await doubts(world) == 0


async def test_a_loss_that_cannot_be_booked_does_not_happen(
    world: World, comparison: Comparison, clock: ManualClock, books: Books
) -> None:
    await world.house.receive(world.mint.token(8))
    await spend(world, 8)
    await comparison.everything(world.mint)
    clock.advance(ms=DOUBT_MS)
    books.failure = ValueError("no")
    with pytest.raises(ValueError, match="no"):
        await comparison.doubted(world.mint)
    assert await world.purse() == {ProofStatus.UNSPENT: 8}
    assert await doubts(world) == 1


async def test_losses_are_told_by_unit(tmp_path: Path, clock: ManualClock, books: Books) -> None:
    signers = Signer(), Signer(unit="msat")
    async with open_world(tmp_path, PlayedMint(*signers), clock=clock) as world:
        comparison = Comparison(world.db, clock, books.book, books.look)
        for signer in signers:
            await world.house.receive(world.mint.token(2, 4, signer=signer))
        await spend(world, 2, 4)
        await comparison.everything(world.mint)
        clock.advance(ms=DOUBT_MS)
        outcome = await comparison.doubted(world.mint)
        assert [(lost.unit, lost.amount) for lost in outcome.lost] == [("msat", 6), ("sat", 6)]
        assert [lost.msat for lost in outcome.lost] == [Msat(6), Msat(6_000)]


class TestTurns:
    async def fill(self, world: World, count: int) -> None:
        for _ in range(count // 10):
            await world.house.receive(world.mint.token(*[1] * 9, 2))

    async def test_the_first_comes_an_interval_after_the_first_look(
        self, world: World, comparison: Comparison, clock: ManualClock
    ) -> None:
        await world.house.receive(world.mint.token(8))
        assert (await comparison.batch(world.mint, INTERVAL_MS)).asked == 0
        clock.advance(ms=INTERVAL_MS)
        assert (await comparison.batch(world.mint, INTERVAL_MS)).asked == 1

    async def test_instances_share_them(
        self, world: World, comparison: Comparison, clock: ManualClock, books: Books
    ) -> None:
        await world.house.receive(world.mint.token(8))
        other = Comparison(world.db, clock, books.book, books.look)
        await comparison.batch(world.mint, INTERVAL_MS)
        clock.advance(ms=INTERVAL_MS)
        both = await asyncio.gather(
            *(one.batch(world.mint, INTERVAL_MS) for one in (comparison, other))
        )
        assert sorted(outcome.asked for outcome in both) == [0, 1]

    async def test_each_goes_on_where_the_last_one_ended_and_then_begins_anew(
        self, world: World, comparison: Comparison, clock: ManualClock
    ) -> None:
        for _ in range(30):
            await world.house.receive(world.mint.token(1, 2, 4, 8))
        asked = []
        for _ in range(5):
            asked.append((await comparison.batch(world.mint, INTERVAL_MS)).asked)
            clock.advance(ms=INTERVAL_MS)
        assert asked == [0, 100, 20, 100, 20]

    async def test_one_that_failed_is_repeated(
        self, world: World, comparison: Comparison, clock: ManualClock
    ) -> None:
        await world.house.receive(world.mint.token(8))
        await comparison.batch(world.mint, INTERVAL_MS)
        clock.advance(ms=INTERVAL_MS)
        world.mint.broken["check_state"] = MintDown("gone")
        with pytest.raises(MintDown):
            await comparison.batch(world.mint, INTERVAL_MS)
        world.mint.broken.clear()
        clock.advance(ms=INTERVAL_MS)
        assert (await comparison.batch(world.mint, INTERVAL_MS)).asked == 1

    async def test_a_clock_that_was_set_back_stops_none(
        self, world: World, comparison: Comparison, clock: ManualClock
    ) -> None:
        await world.house.receive(world.mint.token(8))
        await comparison.batch(world.mint, INTERVAL_MS)
        await change(world, "UPDATE reconciliations SET asked_at = asked_at + 1000000000")
        assert (await comparison.batch(world.mint, INTERVAL_MS)).asked == 1
