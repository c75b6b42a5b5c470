"""Ecash moves between mints: at the operator's cost, once, and nothing stays between."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.core.clock import ManualClock
from routstr.errors import (
    DepositsClosed,
    InsufficientLiquidity,
    InvalidParameter,
    LightningFailed,
    MintExposureReached,
    MintUnreachable,
    PaymentTooDear,
    SurplusTooSmall,
    SwapUnderWay,
    UntrustedMint,
)
from routstr.ledger import verdict
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Settlement
from routstr.ledger.service import Ledger
from routstr.money import ZERO, Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.moving import MintSwaps, Rebalancing
from routstr.payment.moving_books import (
    SWAP_IN,
    SWAP_OUT,
    SwapInCompletion,
    SwapOutCompletion,
)
from routstr.payment.standing import standing
from routstr.wallet import mint_swaps
from routstr.wallet.exposure import Exposure
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.mint_swaps import Stage
from routstr.wallet.models import SagaState
from routstr.wallet.receive import Deposit
from tests.unit.wallet.invoices import InvoiceMint
from tests.unit.wallet.paying_mint import fail, lose_answer
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.two_mints import Source
from tests.unit.wallet.world import House, World, open_world

PRIMARY, OTHER = "https://primary.example", "https://other.example"
ALIVE = frozenset({1})


class Desk:
    """A node with money at the other mint."""

    def __init__(self, world: World, house: House, ledger: Ledger, policy: Rebalancing) -> None:
        self.world, self.house, self.ledger = world, house, ledger
        wallet, clock = house.wallet, world.clock
        wallet.register(TOPUP, TopupCompletion(clock))
        wallet.register(SWAP_OUT, SwapOutCompletion(clock))
        wallet.register(SWAP_IN, SwapInCompletion(clock))
        self.swaps = MintSwaps(world.db, wallet, clock, policy, asks=1)

    @property
    def source(self) -> Source:
        found = self.world.played[OTHER]
        assert isinstance(found, Source)
        return found

    @property
    def target(self) -> InvoiceMint:
        return self.source.target

    async def account(self, *amounts: int, mint: str = OTHER) -> int:
        owner = await self.world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        given = self.world.played[mint].token(*amounts)
        await self.house.wallet.receive(Deposit(given, TOPUP, owner, {}, ZERO))
        return owner

    async def earn(self, owner: int, sats: int) -> None:
        amount = Unit.SAT.to_msat(sats)
        held = await self.ledger.hold(HoldRequest(owner, amount, amount, "r", "m", "e", 1, ""))
        assert isinstance(held, Held)
        await self.ledger.settle(Settlement(held.hold, amount, 1, 1, estimated=False))

    async def booked(self) -> tuple[int, int]:
        """What is the operator's, and what is between."""
        query = "SELECT coalesce(sum(posted), 0) FROM accounts WHERE kind"
        own = await self.world.scalar(f"{query} >= 20")
        return int(own), -int(await self.world.scalar(f"{query} = 11"))

    async def liquid(self, mint: str) -> int:
        found = await self.world.db.read(standing)
        return sum(p.liquid for p in found.positions if (p.mint, p.unit) == (mint, Unit.SAT))

    async def require_right_books(self) -> None:
        outcome = await self.world.db.read(audit)
        assert outcome.holds, outcome.checks

    def pass_time(self, seconds: float = 60) -> None:
        clock = self.world.clock
        assert isinstance(clock, ManualClock)
        clock.advance(seconds=seconds)


async def open_desk(world: World, house: House | None = None, **policy: int) -> Desk:
    node = await Ledger.open_books(world.db, world.clock)
    rules = Rebalancing(policy.get("above_sat", 0), policy.get("day_sat", 10_000))
    return Desk(world, house or world.house, Ledger(world.db, world.clock, 1, node), rules)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    target = InvoiceMint(Signer(fee=100), url=PRIMARY)
    mints = target, Source(target, url=OTHER)
    async with open_world(tmp_path, *mints, clock=ManualClock()) as world:
        yield world


@pytest.fixture
async def desk(world: World) -> AsyncIterator[Desk]:
    """A thousand at the other mint, of which the operator has fifty."""
    desk = await open_desk(world)
    owner = await desk.account(512, 256, 128, 64, 32, 8)
    await desk.earn(owner, 50)
    yield desk
    await desk.require_right_books()


async def test_a_move_arrives_and_the_operator_bears_its_cost(desk: Desk) -> None:
    move = await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert (move.stage, move.amount) == (Stage.DONE, Msat(300_000))
    assert move.cost is not None
    assert ZERO < move.cost <= Msat(3_000), "the payment and the proofs that it took"
    assert (await desk.liquid(PRIMARY), await desk.liquid(OTHER)) == (
        300,
        999 - 300 - move.cost.sats_down,
    )
    assert await desk.booked() == (50_000 - int(move.cost), 0)
    found = await desk.world.db.read(standing)
    assert (found.owed_msat, found.homeless_msat) == (949_000, 0)


@pytest.mark.parametrize(
    ("source", "target", "sats", "error"),
    [
        (OTHER, OTHER, 10, InvalidParameter),
        (OTHER, "https://foreign.example", 10, UntrustedMint),
        ("https://foreign.example", OTHER, 10, UntrustedMint),
        (OTHER, PRIMARY, 5_000, InsufficientLiquidity),
    ],
)
async def test_what_cannot_be_moved_is_refused(
    desk: Desk, source: str, target: str, sats: int, error: type[Exception]
) -> None:
    with pytest.raises(error):
        await desk.swaps.swap(source, target, sats)
    assert (await desk.booked(), desk.source.paid) == ((50_000, 0), [])


async def test_customers_money_pays_for_no_move(world: World) -> None:
    desk = await open_desk(world)
    owner = await desk.account(512, 256)
    with pytest.raises(SurplusTooSmall):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert (await desk.booked(), desk.source.paid) == ((0, 0), [])
    await desk.earn(owner, 6)
    assert (await desk.swaps.swap(OTHER, PRIMARY, 300)).stage is Stage.DONE
    await desk.require_right_books()


async def test_a_move_that_is_too_dear_is_none(desk: Desk) -> None:
    desk.source.extra = 100
    with pytest.raises((PaymentTooDear, Exception)):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert (await desk.booked(), desk.source.paid) == ((50_000, 0), [])


async def test_nothing_moves_while_the_books_are_not_right(desk: Desk) -> None:
    await desk.world.db.write(lambda tx: verdict.close(tx, 1, "an equation"))
    with pytest.raises(DepositsClosed):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert not desk.source.jobs


async def test_the_limit_of_the_target_holds(desk: Desk) -> None:
    desk.house.mints.exposure = Exposure(desk.world.db, (PRIMARY, OTHER), by_mint={PRIMARY: 299})
    with pytest.raises(MintExposureReached):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert not desk.target.ordered


async def test_a_payment_that_fails_gives_everything_back(desk: Desk) -> None:
    desk.source.outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert (await desk.booked(), await desk.liquid(OTHER)) == ((50_000, 0), 999)
    (move,) = await desk.world.db.read(lambda c: mint_swaps.newest(c, 9))
    assert (move.stage, move.melt, move.cost) == (Stage.GIVEN_UP, None, None)
    desk.source.outcome = "paid"
    assert (await desk.swaps.swap(OTHER, PRIMARY, 300)).stage is Stage.DONE


async def test_a_lost_answer_loses_nothing(desk: Desk) -> None:
    desk.source.next_melts(lose_answer(MintUnclear("lost")))
    assert (await desk.swaps.swap(OTHER, PRIMARY, 300)).stage is Stage.DONE
    assert len(desk.source.paid) == 1


async def test_while_it_is_leaving_its_cost_is_set_aside_and_no_other_begins(desk: Desk) -> None:
    desk.source.outcome = "pending"
    move = await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert move.stage is Stage.LEAVING
    own, between = await desk.booked()
    assert (own + -between, between < 0) == (50_000, True)
    await desk.require_right_books()
    with pytest.raises(SwapUnderWay):
        await desk.swaps.swap(OTHER, PRIMARY, 10)
    desk.source.settle(next(iter(desk.source.jobs)))
    await desk.house.wallet.recover(ALIVE)
    desk.pass_time()
    assert await desk.swaps.finish() == 1
    assert (await desk.booked())[1] == 0
    assert (await desk.liquid(PRIMARY)) == 300


async def test_what_has_left_and_not_arrived_is_between_until_it_does(desk: Desk) -> None:
    desk.target.broken["mint_quote_state"] = MintDown("gone")
    move = await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert move.stage is Stage.BETWEEN
    assert (await desk.booked())[1] == 300_000
    await desk.require_right_books()
    found = await desk.world.db.read(standing)
    assert found.between_msat == 300_000
    assert found.surplus_msat == (await desk.booked())[0]
    assert await desk.swaps.finish() == 0
    with pytest.raises(SwapUnderWay):
        await desk.swaps.swap(OTHER, PRIMARY, 10)
    desk.target.broken.clear()
    desk.pass_time()
    assert await desk.swaps.finish() == 1
    assert (await desk.booked())[1] == 0
    assert await desk.swaps.finish() == 0


async def test_a_crash_between_the_halves_is_finished_by_another_instance(desk: Desk) -> None:
    desk.source.next_melts(fail(MintUnclear("lost")))
    desk.source.broken["melt_quote_state"] = MintDown("gone")
    move = await desk.swaps.swap(OTHER, PRIMARY, 300)
    assert move.stage is Stage.LEAVING
    desk.source.broken.clear()
    other = await open_desk(desk.world, desk.world.another_house())
    assert await other.house.wallet.recover(frozenset()) == 1
    desk.pass_time()
    assert await other.swaps.finish() == 1
    assert (await desk.booked())[1] == 0
    assert len(desk.source.paid) == 1


async def test_an_order_that_nobody_pays_moves_nothing(desk: Desk) -> None:
    desk.source.broken["melt_quote"] = MintDown("gone")
    with pytest.raises(MintUnreachable):
        await desk.swaps.swap(OTHER, PRIMARY, 300)
    desk.source.broken.clear()
    assert (await desk.swaps.swap(OTHER, PRIMARY, 300)).stage is Stage.DONE


async def test_many_at_once_are_one(desk: Desk) -> None:
    tries = [desk.swaps.swap(OTHER, PRIMARY, 50) for _ in range(8)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    assert {type(one) for one in done if isinstance(one, BaseException)} <= {SwapUnderWay}
    moved = [one for one in done if not isinstance(one, BaseException)]
    assert len(moved) >= 1
    assert await desk.liquid(PRIMARY) == 50 * len(moved)


async def test_ecash_in_msat_can_move_too(world: World) -> None:
    desk = await open_desk(world)
    owner = await world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
    signer = next(s for s in desk.source.signers.values() if s.info.unit == "msat")
    given = desk.source.token(*[1 << n for n in range(10, 19)], signer=signer)
    await desk.house.wallet.receive(Deposit(given, TOPUP, owner, {}, ZERO))
    await desk.earn(owner, 20)
    move = await desk.swaps.swap(OTHER, PRIMARY, 300, unit=Unit.MSAT)
    assert (move.stage, await desk.liquid(PRIMARY)) == (Stage.DONE, 300)
    await desk.require_right_books()


class TestRebalancing:
    async def test_is_off_unless_there_is_a_threshold(self, desk: Desk) -> None:
        assert await desk.swaps.rebalance() is None
        assert not desk.source.jobs

    async def test_moves_what_lies_beyond_the_threshold_and_is_not_owed_there(
        self, world: World
    ) -> None:
        desk = await open_desk(world, above_sat=100)
        owner = await desk.account(512, 256, 128, 64, 32, 8)
        await desk.earn(owner, 400)
        move = await desk.swaps.rebalance()
        assert move is not None
        assert (move.stage, move.amount) == (Stage.DONE, Msat(390_000))
        assert (move.source, move.target) == (OTHER, PRIMARY)
        assert await desk.swaps.rebalance() is None, "what is left is owed there"
        assert await desk.liquid(OTHER) >= 599
        await desk.require_right_books()

    async def test_respects_the_budget_of_a_day(self, world: World) -> None:
        desk = await open_desk(world, above_sat=100, day_sat=150)
        owner = await desk.account(512, 256, 128, 64, 32, 8)
        await desk.earn(owner, 800)
        move = await desk.swaps.rebalance()
        assert move is not None
        assert move.amount == Msat(150_000)
        assert await desk.swaps.rebalance() is None
        desk.pass_time(86_401)
        desk.target.created += 86_401
        assert await desk.swaps.rebalance() is not None

    async def test_a_mint_in_trouble_is_tried_again_later(self, world: World) -> None:
        desk = await open_desk(world, above_sat=100)
        owner = await desk.account(512, 256, 128, 64)
        await desk.earn(owner, 600)
        desk.source.broken["melt_quote"] = MintDown("gone")
        assert await desk.swaps.rebalance() is None
        desk.source.broken.clear()
        move = await desk.swaps.rebalance()
        assert move is not None
        assert move.stage is Stage.DONE
        assert await world.states() == [SagaState.DONE] * 3
