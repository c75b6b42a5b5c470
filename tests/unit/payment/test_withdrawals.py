import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import (
    BalanceTooSmall,
    IdempotencyMismatch,
    InsufficientBalance,
    InsufficientLiquidity,
    NothingToRefund,
    RefundNotFound,
)
from routstr.ledger.entries import TransferKind
from routstr.money import Msat, Unit
from routstr.payment.withdrawals import (
    KEY_WITHDRAWAL,
    KeyWithdrawalCompletion,
    KeyWithdrawals,
    Wish,
)
from tests.unit.payment.lightning import FIRST, SECOND, Desk, another_desk, open_desk
from tests.unit.wallet.paying_mint import PayingMint
from tests.unit.wallet.signing import Signer

HOME = (FIRST, Unit.SAT)


def withdrawals(desk: Desk) -> KeyWithdrawals:
    desk.house.wallet.register(KEY_WITHDRAWAL, KeyWithdrawalCompletion(desk.world.clock))
    return KeyWithdrawals(desk.world.db, desk.house.wallet)


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    mints = PayingMint(Signer(fee=0)), PayingMint(Signer(fee=0), url=SECOND)
    async with open_desk(tmp_path, *mints) as desk:
        yield desk


async def test_one_name_makes_one_token_also_on_two_instances(desk: Desk) -> None:
    owner = await desk.account(64)
    wish = Wish("monday", owner, HOME, Msat(40_000))
    both = [withdrawals(desk), withdrawals(await another_desk(desk))]
    made = await asyncio.gather(*(one.withdraw(wish) for one in both * 2))
    made.append(await both[0].withdraw(wish))
    assert len({one.token for one in made}) == 1
    assert [one.repeated for one in made].count(False) == 1
    assert {(one.amount, one.debited) for one in made} == {(40, Msat(40_000))}
    assert await desk.available(owner) == 24_000
    assert await both[0].again(owner, made[0].saga) == made[-1]
    with pytest.raises(IdempotencyMismatch):
        await both[0].withdraw(Wish("monday", owner, HOME, Msat(41_000)))


async def test_what_cannot_leave_stays(desk: Desk) -> None:
    owner, poor = await desk.account(8), await desk.account()
    books = withdrawals(desk)
    for wish, error in (
        (Wish("a", poor, HOME), NothingToRefund),
        (Wish("a", owner, HOME, Msat(9_000)), InsufficientBalance),
        (Wish("a", owner, HOME, Msat(10), unit=Unit.SAT), BalanceTooSmall),
        (Wish("a", owner, HOME, Msat(1_500)), InsufficientLiquidity),
        (Wish("a", owner, HOME, Msat(1_000), mint=SECOND), InsufficientLiquidity),
    ):
        with pytest.raises(error):
            await books.withdraw(wish)
    with pytest.raises(RefundNotFound):
        await books.again(owner, 99)
    assert await desk.available(owner) == 8_000
    assert (await books.withdraw(Wish("a", owner, HOME))).amount == 8


async def test_a_hold_keeps_what_it_needs_and_everything_is_what_one_mint_has(desk: Desk) -> None:
    owner = await desk.account(32)
    await desk.deposit(owner, 8, mint=SECOND)
    hold = await desk.hold(owner, 4)
    books = withdrawals(desk)
    first = await books.withdraw(Wish("a", owner, HOME))
    second = await books.withdraw(Wish("b", owner, HOME))
    assert [(one.amount, one.mint) for one in (first, second)] == [(32, FIRST), (4, SECOND)]
    await desk.ledger.release(hold)
    assert await desk.available(owner) == 4_000


async def test_the_holders_refund_does_not_tell_it_and_others_are_still_told(desk: Desk) -> None:
    owner = await desk.account(16)
    books = withdrawals(desk)
    await books.withdraw(Wish("a", owner, HOME, Msat(4_000)))
    told = await desk.tokens.refund(owner, *HOME)
    assert (told.amount, told.more) == (12, ())
    assert (await desk.tokens.refund(owner, *HOME)).token == told.token
    kinds = [kind for kind, _ in await desk.moved(owner)]
    assert kinds == [TransferKind.DEPOSIT, TransferKind.REFUND, TransferKind.REFUND]
