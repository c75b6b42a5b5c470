import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    MintRefused,
    MintUnreachable,
    NothingToRefund,
    RedemptionPending,
    RefundBlocked,
)
from routstr.ledger import books
from routstr.ledger.accounts import open_account
from routstr.ledger.entries import AccountKind, Held, HoldRequest, Settlement, TransferKind
from routstr.ledger.service import Ledger
from routstr.money import ZERO, Msat, Unit
from routstr.payment.audit import audit
from routstr.payment.deposits import TOPUP, TopupCompletion
from routstr.payment.refund import Refund, Refunds
from routstr.payment.refund_books import REFUND, RefundCompletion
from routstr.wallet import token
from routstr.wallet.mint_errors import MintCode, MintDown, MintUnclear
from routstr.wallet.models import SagaState
from routstr.wallet.receive import Deposit
from routstr.wallet.sagas import Saga
from routstr.wallet.send import Withdrawal
from routstr.wallet.service import Wallet
from tests.unit.wallet.played_mint import Gate, PlayedMint, fail, lose_answer, refuse, wait_for
from tests.unit.wallet.signing import Signer
from tests.unit.wallet.world import World, open_world

FIRST, SECOND = "https://mint.example", "https://second.example"


class Till:
    """Accounts that deposit, spend and take back."""

    def __init__(self, world: World, ledger: Ledger) -> None:
        self.world = world
        self.ledger = ledger
        wallet = world.house.wallet
        wallet.register(TOPUP, TopupCompletion(world.clock))
        wallet.register(REFUND, RefundCompletion(world.clock))
        self.refunds = Refunds(world.db, wallet, world.clock)

    async def account(self, *amounts: int, mint: str = FIRST, unit: str = "sat") -> int:
        owner = await self.world.db.write(lambda tx: open_account(tx, AccountKind.KEY, 5))
        if amounts:
            await self.deposit(owner, *amounts, mint=mint, unit=unit)
        return owner

    async def deposit(
        self, owner: int, *amounts: int, mint: str = FIRST, unit: str = "sat"
    ) -> None:
        played = self.world.played[mint]
        signer = next(one for one in played.signers.values() if one.info.unit == unit)
        given = played.token(*amounts, signer=signer)
        await self.world.house.wallet.receive(Deposit(given, TOPUP, owner, {}, ZERO))

    async def hold(self, owner: int, msat: int) -> int:
        amount = Msat(msat)
        held = await self.ledger.hold(HoldRequest(owner, amount, amount, "r", "m", "e", 1, ""))
        assert isinstance(held, Held)
        return held.hold

    async def spend(self, owner: int, msat: int) -> None:
        hold = await self.hold(owner, msat)
        await self.ledger.settle(Settlement(hold, Msat(msat), 1, 1, estimated=False))

    async def refund(self, owner: int, *, mint: str = FIRST, unit: Unit = Unit.SAT) -> Refund:
        return await self.refunds.refund(owner, mint, unit)

    async def available(self, owner: int) -> int:
        return int((await self.world.db.read(lambda c: books.balance(c, owner))).available)

    def redeem(self, text: str) -> None:
        """Spend a token at its mint, as its owner would."""
        given = token.decode(text)
        self.world.played[given.mint].spend(given)

    async def moved(self, owner: int) -> list[tuple[TransferKind, int]]:
        found = await self.world.db.read(lambda c: books.history(c, owner, limit=99, before=None))
        return [(one.kind, int(one.amount)) for one in found]


def parts(refund: Refund) -> list[tuple[str, int]]:
    """Where the tokens are and what is on their faces, in sat."""
    assert {part.unit for part in refund.parts} == {Unit.SAT}
    return [(part.mint, part.amount) for part in refund.parts]


async def open_till(world: World) -> Till:
    node_accounts = await Ledger.open_books(world.db, world.clock)
    return Till(world, Ledger(world.db, world.clock, 1, node_accounts))


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    mints = PlayedMint(Signer(), Signer(unit="msat")), PlayedMint(Signer(), url=SECOND)
    async with open_world(tmp_path, *mints) as world:
        yield world
        outcome = await world.db.read(audit)
        assert outcome.holds, outcome.checks


@pytest.fixture
async def till(world: World) -> Till:
    return Till(
        world, Ledger(world.db, world.clock, 1, await Ledger.open_books(world.db, world.clock))
    )


async def test_everything_comes_back_as_a_token(till: Till) -> None:
    owner = await till.account(8, 2)
    refund = await till.refund(owner)

    given = token.decode(refund.token)
    assert (given.mint, given.unit, given.amount) == (FIRST, Unit.SAT, 10)
    assert (refund.amount, refund.unit, refund.mint) == (10, Unit.SAT, FIRST)
    assert (refund.mint_fee, refund.repeated) == (ZERO, False)
    assert await till.available(owner) == 0
    assert await till.moved(owner) == [
        (TransferKind.REFUND, -10_000),
        (TransferKind.DEPOSIT, 10_000),
    ]


async def test_what_is_below_one_sat_stays(till: Till) -> None:
    owner = await till.account(8)
    await till.spend(owner, 2_001)
    refund = await till.refund(owner)
    assert (refund.amount, await till.available(owner)) == (5, 999)
    till.redeem(refund.token)
    with pytest.raises(BalanceTooSmall) as raised:
        await till.refund(owner)
    assert raised.value.details == {"available_msat": 999}


async def test_an_msat_key_gets_everything_in_msat(till: Till) -> None:
    owner = await till.account(512, 256, unit="msat")
    await till.spend(owner, 1)
    refund = await till.refund(owner, unit=Unit.MSAT)
    assert (refund.amount, refund.unit, await till.available(owner)) == (767, Unit.MSAT, 0)


async def test_the_owner_bears_the_fee_of_the_change(tmp_path: Path) -> None:
    async with open_world(tmp_path, PlayedMint(Signer(fee=100))) as world:
        till = await open_till(world)
        owner = await till.account(16, 1)
        await till.spend(owner, 5_000)
        refund = await till.refund(owner)

        assert (refund.amount, refund.mint_fee) == (10, Msat(1_000))
        assert await till.available(owner) == 0
        assert (await world.db.read(audit)).holds
        till.redeem(refund.token)
        assert await till.refunds.watch_claims() == 1
        assert (await world.db.read(audit)).holds


async def test_a_refund_is_told_again_until_it_is_redeemed(till: Till) -> None:
    owner = await till.account(8)
    first = await till.refund(owner)
    again = await till.refund(owner)
    assert (again.token, again.amount, again.repeated) == (first.token, 8, True)

    till.redeem(first.token)
    with pytest.raises(NothingToRefund, match="No balance to refund"):
        await till.refund(owner)


async def test_new_money_makes_a_new_refund(till: Till) -> None:
    owner = await till.account(8)
    first = await till.refund(owner)
    await till.deposit(owner, 4)
    second = await till.refund(owner)
    assert (second.amount, second.repeated) == (4, False)
    assert second.token != first.token
    assert [part.token for part in second.earlier] == [first.token]
    assert (await till.refund(owner)).token == second.token


class TestEarlierTokens:
    """One of 8 sat, whose answer was lost; then 4 sat came in."""

    @pytest.fixture
    async def owner(self, till: Till) -> int:
        owner = await till.account(8)
        await till.refund(owner)
        await till.deposit(owner, 4)
        return owner

    async def test_are_told_beside_new_ones_until_they_are_redeemed(
        self, till: Till, owner: int
    ) -> None:
        (first,) = (await till.refund(owner)).earlier
        assert (first.amount, first.unit, first.mint) == (8, Unit.SAT, FIRST)
        till.redeem(first.token)
        again = await till.refund(owner)
        assert (parts(again), again.repeated, again.earlier) == ([(FIRST, 4)], True, ())

    @pytest.mark.parametrize("left", [0, 1, 999])
    async def test_are_the_answer_when_there_is_nothing_else(
        self, till: Till, owner: int, left: int
    ) -> None:
        await till.spend(owner, 4_000 - left)
        told = await till.refund(owner)
        assert (parts(told), told.repeated, told.earlier) == ([(FIRST, 8)], True, ())
        till.redeem(told.token)
        with pytest.raises(BalanceTooSmall if left else NothingToRefund):
            await till.refund(owner)
        assert await till.available(owner) == left

    async def test_come_in_order_of_their_worth_when_they_are_the_answer(
        self, till: Till, owner: int
    ) -> None:
        await till.refund(owner)
        await till.deposit(owner, 16)
        second = await till.refund(owner)
        assert [part.amount for part in second.earlier] == [4, 8], "the newest first"
        till.redeem(second.token)
        told = await till.refund(owner)
        assert (parts(told), told.earlier) == ([(FIRST, 8), (FIRST, 4)], ())

    async def test_stand_for_no_money_that_can_be_had_later(
        self, till: Till, world: World, owner: int
    ) -> None:
        await till.spend(owner, 1_000)
        world.mint.next(fail(MintDown("gone")))
        with pytest.raises(MintUnreachable):
            await till.refund(owner)
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        for _ in range(2):
            with pytest.raises(RedemptionPending):
                await till.refund(owner)
        world.mint.broken.clear()
        told = await till.refund(owner)
        assert (parts(told), [part.amount for part in told.earlier]) == ([(FIRST, 3)], [8])

    async def test_are_good_while_their_mint_is_away(
        self, till: Till, world: World, owner: int
    ) -> None:
        world.mint.broken["check_state"] = MintDown("gone")
        assert [part.amount for part in (await till.refund(owner)).earlier] == [8]

    async def test_are_not_told_with_the_change_of_a_payment(self, till: Till, owner: int) -> None:
        change = await till.refunds.refund(owner, FIRST, Unit.SAT, home=True)
        assert (parts(change), change.earlier) == ([(FIRST, 4)], ())
        till.redeem(change.token)
        with pytest.raises(NothingToRefund):
            await till.refunds.refund(owner, FIRST, Unit.SAT, home=True)


async def test_a_refund_is_told_again_while_its_mint_cannot_be_asked(
    till: Till, world: World
) -> None:
    owner = await till.account(8)
    first = await till.refund(owner)
    world.mint.broken["check_state"] = MintDown("gone")
    assert (await till.refund(owner)).token == first.token


@pytest.mark.parametrize("amounts", [(), (8,)], ids=["never had any", "spent"])
async def test_nothing_is_refunded_of_nothing(till: Till, amounts: tuple[int, ...]) -> None:
    owner = await till.account(*amounts)
    if amounts:
        await till.spend(owner, 8_000)
    with pytest.raises(NothingToRefund):
        await till.refund(owner)


async def test_a_running_request_blocks_a_refund(till: Till) -> None:
    owner = await till.account(8)
    hold = await till.hold(owner, 3_000)
    with pytest.raises(RefundBlocked) as raised:
        await till.refund(owner)
    assert raised.value.details == {"reserved_msat": 3_000}
    await till.ledger.release(hold)
    assert (await till.refund(owner)).amount == 8


async def test_many_refunds_of_one_key_give_one_token(till: Till) -> None:
    owner = await till.account(16, 4)
    await till.spend(owner, 3_000)
    made = await asyncio.gather(*(till.refund(owner) for _ in range(25)))
    assert len({refund.token for refund in made}) == 1
    assert [refund.repeated for refund in made].count(False) == 1
    assert await till.available(owner) == 0


async def test_refunds_of_many_keys_at_once_all_succeed(till: Till) -> None:
    owners = [await till.account(8, 4, 1) for _ in range(8)]
    for owner in owners:
        await till.spend(owner, 1_500)
    made = await asyncio.gather(*(till.refund(owner) for owner in owners))
    assert [refund.amount for refund in made] == [11] * 8
    secrets = {proof.secret for made_ in made for proof in token.decode(made_.token).proofs}
    assert len(secrets) == sum(len(token.decode(one.token).proofs) for one in made)


async def test_a_refund_against_spending_never_pays_twice(till: Till) -> None:
    owner = await till.account(64)

    async def spend() -> int:
        amount = Msat(1_000)
        held = await till.ledger.hold(HoldRequest(owner, amount, amount, "r", "m", "e", 1, ""))
        if not isinstance(held, Held):
            return 0
        settled = await till.ledger.settle(Settlement(held.hold, amount, 1, 1, estimated=False))
        return int(settled.charged)

    async def refund() -> int:
        try:
            made = await till.refund(owner)
        except (RefundBlocked, NothingToRefund):
            return 0
        return 0 if made.repeated else int(made.unit.to_msat(made.amount))

    moved = await asyncio.gather(*(spend() if n % 3 else refund() for n in range(60)))
    assert sum(moved) + await till.available(owner) == 64_000


async def test_another_mint_pays_when_the_own_one_lacks_money(till: Till) -> None:
    owner = await till.account(8)
    rich = await till.account(64, mint=SECOND)
    await till.spend(rich, 60_000)
    assert (await till.refund(rich, mint=FIRST)).mint == FIRST, "takes what the owner deposited"

    refund = await till.refund(owner)
    assert (refund.mint, refund.amount, await till.available(owner)) == (SECOND, 8, 0)


class TestParts:
    """A balance that no single mint can pay: 20 sat at the second one, 8 at the first."""

    @pytest.fixture
    async def owner(self, till: Till) -> int:
        owner = await till.account(8)
        await till.deposit(owner, 16, 4, mint=SECOND)
        return owner

    async def test_are_paid_where_the_money_lies(self, till: Till, owner: int) -> None:
        refund = await till.refund(owner)
        assert parts(refund) == [(SECOND, 20), (FIRST, 8)]
        assert (refund.mint, refund.amount, refund.repeated) == (SECOND, 20, False)
        assert await till.available(owner) == 0
        for part in refund.parts:
            given = token.decode(part.token)
            assert (given.mint, given.amount) == (part.mint, part.amount)

    async def test_are_told_again_until_each_is_redeemed(self, till: Till, owner: int) -> None:
        first = await till.refund(owner)
        again = await till.refund(owner)
        assert again == replace(first, repeated=True)
        till.redeem(first.token)
        rest = await till.refund(owner)
        assert (parts(rest), rest.token) == ([(FIRST, 8)], first.more[0].token)
        assert await till.refunds.last(owner) == replace(first, repeated=True)
        till.redeem(rest.token)
        with pytest.raises(NothingToRefund):
            await till.refund(owner)

    async def test_one_that_fails_stays_balance_and_is_paid_by_the_next_request(
        self, till: Till, world: World, owner: int
    ) -> None:
        await till.spend(owner, 1_000)  # seven of the eight: a swap
        world.mint.next(fail(MintDown("gone")))
        first = await till.refund(owner)
        assert (parts(first), await till.available(owner)) == ([(SECOND, 20)], 7_000)
        second = await till.refund(owner)
        assert parts(second) == [(SECOND, 20), (FIRST, 7)]
        assert (second.token, second.repeated) == (first.token, False)
        assert await till.available(owner) == 0

    async def test_one_of_which_nobody_knows_holds_up_no_other(
        self, till: Till, world: World, owner: int
    ) -> None:
        await till.spend(owner, 21_000)
        world.played[SECOND].next(lose_answer(MintUnclear("lost")))
        world.played[SECOND].broken["restore"] = MintDown("gone")
        with pytest.raises(RedemptionPending):
            await till.refund(owner, mint=SECOND)
        await till.deposit(owner, 4)
        refund = await till.refund(owner, mint=SECOND)
        assert (parts(refund), refund.under_way) == ([(SECOND, 4)], Msat(7_000))
        world.played[SECOND].broken.clear()
        assert await till.available(owner) == 0

    async def test_a_part_under_way_is_told_when_it_is_known(
        self, till: Till, world: World, owner: int
    ) -> None:
        await till.spend(owner, 1_000)
        world.mint.next(lose_answer(MintUnclear("lost")))
        world.mint.broken["restore"] = MintDown("gone")
        refund = await till.refund(owner)
        assert (parts(refund), refund.under_way) == ([(SECOND, 20)], Msat(7_000))
        assert await till.available(owner) == 0
        world.mint.broken.clear()
        whole = await till.refund(owner)
        assert (parts(whole), whole.under_way) == ([(SECOND, 20), (FIRST, 7)], ZERO)
        assert whole.repeated

    async def test_many_requests_at_once_make_each_part_once(self, till: Till, owner: int) -> None:
        await till.spend(owner, 1_000)
        await asyncio.gather(*(till.refund(owner) for _ in range(25)))
        assert parts(await till.refund(owner)) == [(SECOND, 20), (FIRST, 7)]
        assert await till.available(owner) == 0

    async def test_each_bears_the_fee_of_its_own_mint(self, tmp_path: Path) -> None:
        dear = PlayedMint(Signer(fee=100)), PlayedMint(Signer(fee=200), url=SECOND)
        async with open_world(tmp_path, *dear) as world:
            till = await open_till(world)
            owner = await till.account(8, 1)
            await till.deposit(owner, 64, 1, mint=SECOND)
            await till.spend(owner, 2_000)
            owned = await till.available(owner)
            refund = await till.refund(owner)
            given = sum(int(part.worth + part.mint_fee) for part in refund.parts)
            assert (len(refund.parts), given + await till.available(owner)) == (2, owned)
            assert (await world.db.read(audit)).holds

    async def test_new_money_is_given_alone(self, till: Till, owner: int) -> None:
        before = await till.refund(owner)
        await till.deposit(owner, 2)
        refund = await till.refund(owner)
        assert parts(refund) == [(FIRST, 2)]
        earlier = {part.token for part in refund.earlier}
        assert earlier == {part.token for part in before.parts}


async def test_what_no_unit_can_hold_is_not_paid_in_another(till: Till) -> None:
    owner = await till.account(512, unit="msat")
    other = await till.account(1, mint=SECOND)
    await till.spend(other, 488)
    assert (await till.refund(other, unit=Unit.MSAT)).unit is Unit.MSAT, "the owner's ecash"

    with pytest.raises(InsufficientLiquidity):
        await till.refund(owner, unit=Unit.MSAT)
    assert await till.available(owner) == 512


async def test_another_mint_pays_when_the_own_one_is_away(till: Till, world: World) -> None:
    owner = await till.account(8, 2)
    await till.spend(owner, 1_000)
    await till.account(64, mint=SECOND)
    world.mint.next(fail(MintDown("gone")))
    refund = await till.refund(owner)
    assert (refund.mint, refund.amount) == (SECOND, 9)
    assert await world.states() == [
        SagaState.DONE,
        SagaState.DONE,
        SagaState.FAILED,
        SagaState.DONE,
    ]


async def test_change_is_not_made_elsewhere_because_its_mint_is_away(
    till: Till, world: World
) -> None:
    owner = await till.account(8, 2)
    await till.spend(owner, 1_000)
    await till.account(64, mint=SECOND)
    world.mint.next(fail(MintDown("gone")))
    with pytest.raises(MintUnreachable):
        await till.refunds.refund(owner, FIRST, Unit.SAT, home=True)
    refund = await till.refunds.refund(owner, FIRST, Unit.SAT, home=True)
    assert (refund.mint, refund.amount) == (FIRST, 9)


async def test_change_is_made_elsewhere_when_the_money_is_there(till: Till) -> None:
    owner = await till.account(8)
    rich = await till.account(64, mint=SECOND)
    await till.spend(rich, 56_000)
    await till.refund(rich, mint=FIRST)  # takes what the owner deposited
    refund = await till.refunds.refund(owner, FIRST, Unit.SAT, home=True)
    assert (refund.mint, refund.amount) == (SECOND, 8)


async def test_the_last_token_is_told_whatever_became_of_it(till: Till) -> None:
    owner = await till.account(8)
    assert await till.refunds.last(owner) is None
    first = await till.refund(owner)
    assert await till.refunds.last(owner) == replace(first, repeated=True)
    till.redeem(first.token)
    await till.refunds.watch_claims()
    assert await till.refunds.last(owner) == replace(first, repeated=True)
    await till.deposit(owner, 4)
    second = await till.refund(owner)
    assert await till.refunds.last(owner) == replace(second, repeated=True)


async def test_a_mint_that_is_away_and_alone_is_told(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 1_000)
    world.mint.next(fail(MintDown("gone")))
    with pytest.raises(MintUnreachable):
        await till.refund(owner)
    assert await till.available(owner) == 7_000
    assert (await till.refund(owner)).amount == 7


async def test_a_refused_refund_is_undone_in_the_books(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 1_000)
    world.mint.next(refuse(MintCode.TOO_MANY_INPUTS))
    with pytest.raises(MintRefused):
        await till.refund(owner)
    assert await till.available(owner) == 7_000
    assert (await till.moved(owner))[:2] == [
        (TransferKind.REFUND_UNDONE, 7_000),
        (TransferKind.REFUND, -7_000),
    ]


async def test_a_mint_that_is_not_listed_any_more_is_not_used(tmp_path: Path) -> None:
    async with open_world(tmp_path) as world:
        till = await open_till(world)
        owner = await till.account(8)
        world.played = {SECOND: PlayedMint(Signer(), url=SECOND)}
        world.house = world.another_house()
        with pytest.raises(InsufficientLiquidity):
            await Till(world, till.ledger).refund(owner)
        assert await till.available(owner) == 8_000


async def test_an_unclear_refund_is_finished_by_the_next_request(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 1_000)
    world.mint.next(lose_answer(MintUnclear("lost")))
    world.mint.broken["restore"] = MintDown("gone")
    with pytest.raises(RedemptionPending):
        await till.refund(owner)
    assert await till.available(owner) == 0
    assert (await world.db.read(audit)).holds, "a refund under way is owed as a token"
    world.mint.broken.clear()
    refund = await till.refund(owner)
    assert (refund.amount, refund.repeated) == (7, True)
    assert (await till.refund(owner)).token == refund.token


async def test_an_unclear_refund_that_was_refused_is_made_anew(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 1_000)
    world.mint.next(fail(MintUnclear("lost")), fail(MintUnclear("lost")))
    with pytest.raises(RedemptionPending):
        await till.refund(owner)
    world.mint.next(refuse(MintCode.TOO_MANY_INPUTS))
    refund = await till.refund(owner)
    assert (refund.amount, refund.repeated) == (7, False)


async def test_a_refund_under_way_is_joined(till: Till, world: World) -> None:
    owner = await till.account(8)
    await till.spend(owner, 1_000)
    gate = Gate()
    world.mint.next(wait_for(gate))
    first = asyncio.create_task(till.refund(owner))
    await gate.reached.wait()
    second = asyncio.create_task(till.refund(owner))
    await asyncio.sleep(0.05)
    assert not second.done()
    gate.open.set()
    assert (await first).token == (await second).token
    assert world.mint.circulation == 2


class Meanwhile:
    """A wallet beside which something happens once: right after it has made a token."""

    def __init__(self, wallet: Wallet, then: Callable[[], Awaitable[object]]) -> None:
        self._wallet = wallet
        self._then = [then]

    async def send(self, wish: Withdrawal) -> tuple[Saga, str]:
        made = await self._wallet.send(wish)
        while self._then:
            await self._then.pop()()
        return made

    def __getattr__(self, name: str) -> Any:
        return getattr(self._wallet, name)


def beside(till: Till, then: Callable[[], Awaitable[object]]) -> Refunds:
    """Refunds of another process, in which each token takes its time to be told."""
    wallet = cast("Wallet", Meanwhile(till.world.house.wallet, then))
    return Refunds(till.world.db, wallet, till.world.clock)


async def test_a_token_is_told_whatever_comes_in_and_goes_out_meanwhile(till: Till) -> None:
    owner = await till.account(8)

    async def come_and_go() -> None:
        await till.deposit(owner, 4)
        assert parts(await till.refund(owner)) == [(FIRST, 4)]

    refund = await beside(till, come_and_go).refund(owner, FIRST, Unit.SAT)
    assert (parts(refund), refund.repeated) == ([(FIRST, 8)], False)


@pytest.mark.parametrize("held", [False, True], ids=["spent", "held"])
async def test_a_part_is_told_though_the_rest_is_not_there_any_more(till: Till, held: bool) -> None:
    owner = await till.account(8)
    await till.deposit(owner, 16, 4, mint=SECOND)
    refunds = beside(till, lambda: (till.hold if held else till.spend)(owner, 1_000))
    refund = await refunds.refund(owner, FIRST, Unit.SAT)
    assert (parts(refund), await till.available(owner)) == ([(SECOND, 20)], 7_000)


class TestWatchingClaims:
    async def test_books_what_was_redeemed_once(self, till: Till, world: World) -> None:
        refunds = [await till.refund(await till.account(8)) for _ in range(3)]
        assert await till.refunds.watch_claims() == 0
        till.redeem(refunds[0].token)
        till.redeem(refunds[2].token)
        assert await till.refunds.watch_claims() == 2
        assert (await world.db.read(audit)).holds
        assert await till.refunds.watch_claims() == 0
        owed = await world.scalar("SELECT posted FROM accounts WHERE name = 'unclaimed'")
        assert owed == 8_000

    async def test_goes_on_when_one_mint_is_away(self, till: Till, world: World) -> None:
        here = await till.refund(await till.account(8))
        there = await till.refund(await till.account(4, mint=SECOND), mint=SECOND)
        till.redeem(here.token)
        till.redeem(there.token)
        world.played[SECOND].broken["check_state"] = MintDown("gone")
        assert await till.refunds.watch_claims() == 1
        world.played[SECOND].broken.clear()
        assert await till.refunds.watch_claims() == 1

    async def test_a_round_looks_at_a_part_and_the_next_one_goes_on(self, till: Till) -> None:
        tokens = [(await till.refund(await till.account(8))).token for _ in range(3)]
        till.redeem(tokens[0])
        assert await till.refunds.watch_claims(2) == 0, "the two newest"
        assert await till.refunds.watch_claims(2) == 1
        till.redeem(tokens[2])
        assert await till.refunds.watch_claims(2) == 1, "it began anew"
