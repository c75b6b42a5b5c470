import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.invoices import make_invoice
from routstr.errors import (
    DepositsClosed,
    InsufficientLiquidity,
    InvalidParameter,
    LightningAddressRefused,
    PayoutUnderWay,
    SurplusTooSmall,
)
from routstr.ledger import verdict
from routstr.ledger.entries import AccountKind
from routstr.money import Unit, total
from routstr.payment.lightning_refund import LightningRefund
from routstr.payment.surplus import surplus
from routstr.wallet.mint_errors import MintUnclear
from routstr.wallet.models import SagaState
from tests.unit.payment.lightning import BOB, FIRST, SECOND, Desk, another_desk, open_desk
from tests.unit.wallet.paying_mint import PayingMint, fail
from tests.unit.wallet.signing import Signer

LOST = MintUnclear("no answer")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    mints = PayingMint(Signer()), PayingMint(Signer(), url=SECOND)
    async with open_desk(tmp_path, *mints) as desk:
        yield desk


async def own(desk: Desk) -> int:
    """The surplus in sat."""
    return (await desk.world.db.read(surplus)).sats_down


async def test_what_is_earned_is_payable_and_nothing_else(desk: Desk) -> None:
    owner = await desk.account(512)
    assert (await own(desk), await desk.payouts.payable()) == (0, [])
    await desk.earn(owner, 200)
    (place,) = await desk.payouts.payable()
    assert (await own(desk), place.mint, place.amount) == (200, FIRST, 200)


async def test_a_payout_takes_the_surplus_and_leaves_the_customers_money(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    saga = await desk.payouts.run(BOB)
    assert saga is not None
    assert (saga.state, saga.gross, saga.plan.pay, saga.spent) == (SagaState.DONE, 199, 196, 197)
    assert (await own(desk), await desk.available(owner)) == (3, 312_000)
    assert await desk.booked(AccountKind.PAYOUTS) == -197_000
    assert (await desk.refund(owner)).amount > 0, "the customer's money is there"


async def test_below_the_minimum_nothing_is_paid_out(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 99)
    assert await desk.payouts.run(BOB) is None
    assert desk.bob.contacts == 0


async def test_one_payout_takes_out_no_more_than_the_maximum(desk: Desk) -> None:
    owner = await desk.account(4_096)
    await desk.earn(owner, 3_000)
    saga = await desk.payouts.run(BOB)
    assert saga is not None
    assert 980 < saga.gross <= 1_000
    assert await own(desk) == 3_000 - (saga.spent or 0)


async def test_a_place_pays_what_it_has(desk: Desk) -> None:
    owner = await desk.account(128)
    other = await desk.account(512, mint=SECOND)
    await desk.earn(other, 300)
    await desk.earn(owner, 10)
    found = [(place.mint, place.amount) for place in await desk.payouts.payable()]
    assert found == [(SECOND, 310), (FIRST, 128)]


async def test_while_the_books_are_broken_nothing_is_paid_out(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    await desk.world.db.write(lambda tx: verdict.close(tx, 1, "an equation"))
    assert await desk.payouts.run(BOB) is None
    assert desk.bob.contacts == 0
    with pytest.raises(DepositsClosed):
        await desk.payouts.to_address(BOB, 50, None)
    with pytest.raises(DepositsClosed):
        await desk.payouts.as_token(50, FIRST, Unit.SAT)
    assert await own(desk) == 200


async def test_two_are_never_open_at_once(desk: Desk) -> None:
    owner = await desk.account(4_096)
    await desk.earn(owner, 3_000)
    mint = desk.mint()
    mint.outcome = "pending"
    saga = await desk.payouts.run(BOB)
    assert saga is not None
    assert saga.state is SagaState.OPEN
    assert await desk.payouts.run(BOB) is None
    with pytest.raises(PayoutUnderWay):
        await desk.payouts.to_address(BOB, 100, None)
    other = await another_desk(desk)
    assert await other.payouts.run(BOB) is None
    with pytest.raises(PayoutUnderWay):
        await other.payouts.to_invoice(make_invoice(100_000), None)
    assert mint.calls["melt"] == 1

    mint.settle(*(name for name, job in mint.jobs.items() if job.inputs))
    mint.outcome = "paid"
    again = await desk.payouts.run(BOB)
    assert again is not None, "the outcome is known: the rest goes now"
    assert (again.state, len(mint.paid)) == (SagaState.DONE, 2)


async def test_a_lost_answer_pays_once(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    desk.mint().next_melts(fail(LOST), fail(LOST))
    saga = await desk.payouts.run(BOB)
    assert saga is not None
    assert saga.state is SagaState.OPEN
    assert await desk.payouts.run(BOB) is None, "looked at: that was the payment"
    assert (len(desk.mint().paid), await own(desk)) == (1, 3)


async def test_a_failed_payout_returns_to_the_surplus(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    desk.mint().outcome = "failed"
    assert await desk.payouts.run(BOB) is None
    assert await own(desk) == 200
    desk.bob.refuses = True
    assert await desk.payouts.run(BOB) is None


async def test_an_amount_by_hand(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    saga = await desk.payouts.to_address(BOB, 50, FIRST)
    assert (saga.plan.pay, saga.spent) == (50, 51)
    paid = await desk.payouts.to_invoice(make_invoice(20_000), None)
    assert (paid.plan.pay, paid.spent) == (20, 21)
    everything = await desk.payouts.to_address(BOB, None, None)
    assert (everything.gross, await own(desk)) == (128, 200 - 51 - 21 - (everything.spent or 0))


@pytest.mark.parametrize("sats", [201, 10**9])
async def test_more_than_the_surplus_is_refused(desk: Desk, sats: int) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    for work in (
        desk.payouts.to_address(BOB, sats, None),
        desk.payouts.to_invoice(make_invoice(sats * 1_000), None),
        desk.payouts.as_token(sats, FIRST, Unit.SAT),
    ):
        with pytest.raises((SurplusTooSmall, InsufficientLiquidity)):
            await work
    assert (await own(desk), await desk.available(owner)) == (200, 312_000)


async def test_what_cannot_be_paid_by_hand(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    desk.bob.least, desk.bob.most = 60_000, 90_000
    for sats in (59, 91):
        with pytest.raises(InvalidParameter, match="60 to 90 sat"):
            await desk.payouts.to_address(BOB, sats, None)
    for text in ("lnbc1", "bob", make_invoice(0)):
        with pytest.raises(InvalidParameter):
            await desk.payouts.to_invoice(text, None)
    with pytest.raises(LightningAddressRefused):
        await desk.payouts.to_address("nobody", 70, None)
    with pytest.raises(SurplusTooSmall):
        await desk.payouts.to_address(BOB, 70, "https://other.example")


async def test_a_token_out_of_the_surplus(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.earn(owner, 200)
    saga, text = await desk.payouts.as_token(150, FIRST, Unit.SAT)
    assert (saga.state, saga.gross, text[:6]) == (SagaState.DONE, 150, "cashuB")
    assert (await own(desk), await desk.available(owner)) == (50, 312_000)
    assert await desk.booked(AccountKind.UNCLAIMED) == 150_000, "owed until it is redeemed"
    with pytest.raises(SurplusTooSmall):
        await desk.payouts.as_token(51, FIRST, Unit.SAT)


async def test_payouts_and_refunds_race_and_no_customer_loses(desk: Desk) -> None:
    owners = [await desk.account(64) for _ in range(4)]
    spender = await desk.account(512)
    await desk.earn(spender, 300)
    other = await another_desk(desk)
    work = [
        *(desk.refund(owner) for owner in owners),
        *(one.payouts.run(BOB) for one in (desk, other) for _ in range(4)),
        *(desk.payouts.as_token(100, FIRST, Unit.SAT) for _ in range(4)),
        *(other.payouts.to_address(BOB, 40, None) for _ in range(4)),
    ]
    answers = await asyncio.gather(*work, return_exceptions=True)

    assert await own(desk) >= 0
    owed = [await desk.available(owner) for owner in owners]
    paid = [answer for answer in answers if isinstance(answer, LightningRefund)]
    given = int(total(one.amount + one.lightning_fee + one.mint_fee for one in paid))
    assert sum(owed) + given == 4 * 64_000
    assert await desk.available(spender) == 212_000
    assert await desk.booked(AccountKind.PAYOUTS) >= -300_000
    assert await desk.booked(AccountKind.PAYOUTS) < 0, "something was paid out"
