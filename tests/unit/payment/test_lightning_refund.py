import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import (
    BalanceTooSmall,
    InsufficientLiquidity,
    LightningAddressRefused,
    LightningFailed,
    NothingToRefund,
    RefundBlocked,
    RefundUnderWay,
    RefundWithheld,
    RoutstrError,
)
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.money import Unit
from routstr.payment.lightning_refund import LightningRefund
from routstr.wallet.mint_errors import MintDown, MintUnclear
from routstr.wallet.models import SagaState
from tests.unit.payment.lightning import BOB, FIRST, SECOND, Desk, another_desk, open_desk
from tests.unit.wallet.paying_mint import PayingMint, fail, lose_answer, wait_for
from tests.unit.wallet.played_mint import Gate
from tests.unit.wallet.played_mint import wait_for as wait_for_swap
from tests.unit.wallet.signing import Signer

LOST = MintUnclear("no answer")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    mints = PayingMint(Signer(), Signer(unit="msat")), PayingMint(Signer(), url=SECOND)
    async with open_desk(tmp_path, *mints) as desk:
        yield desk


@pytest.fixture
async def dear(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path, PayingMint(Signer(fee=100))) as desk:
        yield desk


async def test_the_most_that_fits_is_paid_and_the_rest_stays(desk: Desk) -> None:
    owner = await desk.account(512)
    paid = await desk.refund(owner)

    assert desk.bob.asked == [512, 505], "first everything, then what the quote leaves"
    assert (paid.amount, paid.lightning_fee, paid.mint_fee) == (505_000, 1_000, 0)
    assert (paid.recipient, paid.mint, paid.repeated) == (BOB, FIRST, False)
    assert await desk.available(owner) == 512_000 - 506_000
    assert await desk.moved(owner) == [
        (TransferKind.DEPOSIT, 512_000),
        (TransferKind.LIGHTNING_REFUND, -512_000),
        (TransferKind.LIGHTNING_RETURN, 6_000),
    ]
    assert await desk.booked(AccountKind.IN_FLIGHT) == 0


async def test_every_fee_is_borne_by_the_owner_and_told(dear: Desk) -> None:
    owner = await dear.account(256, 128)
    before = await dear.available(owner)
    paid = await dear.refund(owner)
    assert (paid.mint_fee, paid.lightning_fee) == (1_000, 1_000)
    assert await dear.available(owner) == before - int(paid.amount) - 2_000


async def test_msat_are_paid_in_whole_sat(desk: Desk) -> None:
    owner = await desk.account(*[1 << place for place in range(17)], unit="msat")
    paid = await desk.refund(owner, unit=Unit.MSAT)
    assert paid.unit is Unit.MSAT
    assert paid.amount % 1_000 == 0
    assert paid.lightning_fee == 1, "the played mint's cost is one of its unit"
    assert await desk.available(owner) == 131_071 - int(paid.amount) - 1


async def test_the_same_refund_is_told_again_until_money_comes_in(desk: Desk) -> None:
    owner = await desk.account(64)
    first = await desk.refund(owner)
    again = await desk.refund(owner)
    assert (again.refund_id, again.amount, again.repeated) == (first.refund_id, first.amount, True)
    assert len(desk.mint().paid) == 1

    await desk.deposit(owner, 64)
    second = await desk.refund(owner)
    assert (second.refund_id != first.refund_id, second.repeated) == (True, False)
    assert len(desk.mint().paid) == 2


async def test_another_recipient_gets_what_is_left(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.refund(owner)
    left = await desk.available(owner)
    with pytest.raises(BalanceTooSmall):
        await desk.refund(owner, "carol@example.com")
    assert await desk.available(owner) == left


async def test_nothing_is_asked_of_anyone_without_a_balance(desk: Desk) -> None:
    owner = await desk.account()
    with pytest.raises(NothingToRefund):
        await desk.refund(owner)
    owner = await desk.account(256, 128, unit="msat")
    with pytest.raises(BalanceTooSmall):
        await desk.refund(owner, unit=Unit.MSAT)
    owner = await desk.account(64)
    await desk.hold(owner, 1)
    with pytest.raises(RefundBlocked, match="ongoing requests for this api key"):
        await desk.refund(owner)
    assert (desk.bob.contacts, desk.mint().calls["melt_quote"]) == (0, 0)


async def test_an_address_that_cannot_be_paid(desk: Desk) -> None:
    owner = await desk.account(64)
    desk.bob.refuses = True
    with pytest.raises(LightningAddressRefused):
        await desk.refund(owner)
    desk.bob.refuses, desk.bob.least = False, 65_000
    with pytest.raises(BalanceTooSmall):
        await desk.refund(owner)
    assert await desk.available(owner) == 64_000


async def test_what_an_address_takes_at_most_is_paid(desk: Desk) -> None:
    owner = await desk.account(512)
    desk.bob.most = 100_999
    assert (await desk.refund(owner)).amount == 100_000
    assert await desk.available(owner) == 411_000
    amounts = []
    while not (paid := await desk.refund(owner)).repeated:
        amounts.append(int(paid.amount))
    assert amounts[:3] == [100_000] * 3
    assert sum(amounts) + await desk.available(owner) + 1_000 * len(amounts) == 411_000
    assert int(paid.amount) == amounts[-1], "what is too little to be paid is no new refund"
    assert await desk.available(owner) < 10_000


async def test_what_came_back_of_the_fees_is_paid_to_who_asks_for_the_rest(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.refund(owner)
    assert await desk.available(owner) == 6_000
    assert (await desk.refund(owner)).repeated
    assert not (await desk.refund(owner, rest=True)).repeated
    assert await desk.available(owner) < 6_000


async def test_a_payment_that_fails_leaves_the_balance_as_it_was(desk: Desk) -> None:
    owner = await desk.account(64)
    desk.mint().outcome = desk.mint(SECOND).outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.refund(owner)
    assert await desk.available(owner) == 64_000
    desk.mint().outcome = "paid"
    assert (await desk.refund(owner)).amount > 0


async def test_a_failure_is_told_though_other_mints_have_too_little_to_try(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.account(1, mint=SECOND)
    desk.mint().outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.refund(owner)
    assert await desk.available(owner) == 64_000


async def test_a_little_elsewhere_is_not_paid_instead_of_all(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.account(16, 8, mint=SECOND)
    desk.mint().outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.refund(owner)
    assert (await desk.available(owner), desk.mint(SECOND).calls["melt_quote"]) == (64_000, 0)


async def test_what_had_to_be_left_out_is_paid_by_asking_again(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.account(32, 8, mint=SECOND)
    desk.mint().outcome = "failed"
    part = await desk.refund(owner)
    assert (part.mint, part.repeated) == (SECOND, False)
    left = await desk.available(owner)
    assert left > 20_000

    with pytest.raises(LightningFailed):  # and not "paid already"
        await desk.refund(owner)
    assert await desk.available(owner) == left

    desk.mint().outcome = "paid"
    others = await desk.refund(owner)
    assert (others.mint, others.repeated) == (FIRST, False)
    assert others.refund_id != part.refund_id
    again = await desk.refund(owner)
    assert (again.refund_id, again.repeated) == (others.refund_id, True)


async def test_another_mint_pays_when_ones_own_cannot(desk: Desk) -> None:
    owner = await desk.account(64)
    await desk.account(512, mint=SECOND)
    desk.mint().broken["melt_quote"] = MintDown("away")
    paid = await desk.refund(owner)
    assert (paid.mint, len(desk.mint(SECOND).paid)) == (SECOND, 1)


async def test_where_no_mint_has_it_all_the_fullest_pays_what_it_has(desk: Desk) -> None:
    owner = await desk.account(256)
    await desk.deposit(owner, 128, mint=SECOND)
    paid = await desk.refund(owner, mint=SECOND)
    assert (paid.mint, paid.amount) == (FIRST, 252_000)
    assert await desk.available(owner) == 384_000 - 253_000


async def test_no_liquidity_is_said_so(desk: Desk) -> None:
    owner = await desk.account(64)
    for url in (FIRST, SECOND):
        desk.mint(url).nuts.pop("5")
    with pytest.raises(RoutstrError):
        await desk.refund(owner)
    assert await desk.available(owner) == 64_000
    assert InsufficientLiquidity.status == 503


async def test_while_nobody_knows_it_is_withheld_and_then_told(desk: Desk) -> None:
    owner = await desk.account(64)
    mint = desk.mint()
    mint.outcome = "pending"
    with pytest.raises(RefundWithheld) as withheld:
        await desk.refund(owner)
    refund_id = withheld.value.fields["refund_id"]
    assert withheld.value.fields["status"] == "pending"
    assert await desk.booked(AccountKind.IN_FLIGHT) == 64_000 - await desk.available(owner)
    assert await desk.leaving(owner) == await desk.booked(AccountKind.IN_FLIGHT)

    for address in (BOB, "carol@example.com"):
        with pytest.raises(RefundUnderWay) as open_one:
            await desk.refund(owner, address)
        assert open_one.value.fields == {"refund_id": refund_id, "status": "pending"}
    with pytest.raises(RefundUnderWay):
        await desk.refunds.require_none(owner)
    assert mint.calls["melt"] == 1

    mint.settle(*(name for name, job in mint.jobs.items() if job.inputs))
    told = await desk.refund(owner)
    assert (told.refund_id, told.repeated, len(mint.paid)) == (refund_id, True, 1)
    assert await desk.leaving(owner) == 0
    await desk.refunds.require_none(owner)


async def test_a_withheld_refund_that_fails_is_paid_anew(desk: Desk) -> None:
    owner = await desk.account(64)
    mint = desk.mint()
    mint.outcome = "pending"
    with pytest.raises(RefundWithheld) as withheld:
        await desk.refund(owner)
    mint.give_up(*(name for name, job in mint.jobs.items() if job.inputs))
    mint.outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.refund(owner)
    assert await desk.available(owner) == 64_000
    mint.outcome = "paid"
    paid = await desk.refund(owner)
    assert paid.refund_id != withheld.value.fields["refund_id"]
    assert len(mint.paid) == 1


async def test_an_open_refund_at_a_silent_mint_is_under_way(desk: Desk) -> None:
    owner = await desk.account(64)
    mint = desk.mint()
    mint.next_melts(lose_answer(LOST))
    mint.broken["check_state"] = MintDown("away")
    with pytest.raises(RefundWithheld):
        await desk.refund(owner)
    with pytest.raises(RefundUnderWay):
        await desk.refund(owner)
    mint.broken.clear()
    await desk.house.wallet.recover(frozenset())
    assert ((await desk.refund(owner)).repeated, len(mint.paid)) == (True, 1)


async def test_another_instance_finishes_it_after_a_crash(desk: Desk) -> None:
    owner = await desk.account(64)
    mint = desk.mint()
    mint.next_melts(fail(LOST), fail(LOST))
    with pytest.raises(RefundWithheld):
        await desk.refund(owner)
    other = await another_desk(desk)
    await other.house.wallet.recover(frozenset())
    assert (await other.refund(owner)).repeated
    assert len(mint.paid) == 1


async def test_a_token_on_its_way_goes_first(desk: Desk) -> None:
    owner = await desk.account(64)
    gate = Gate()
    await desk.deposit(owner, 4)
    desk.mint().next(wait_for_swap(gate))
    await desk.earn(owner, 3)
    giving = asyncio.create_task(desk.tokens.refund(owner, FIRST, Unit.SAT))
    await gate.reached.wait()
    with pytest.raises(RefundUnderWay):
        await desk.refund(owner)
    gate.open.set()
    await giving


async def test_of_many_at_once_one_is_paid(desk: Desk) -> None:
    owner = await desk.account(512)
    gate = Gate()
    desk.mint().next_melts(wait_for(gate))
    asked = [asyncio.create_task(desk.refund(owner)) for _ in range(20)]
    await gate.reached.wait()
    gate.open.set()
    answers = await asyncio.gather(*asked, return_exceptions=True)

    paid = [answer for answer in answers if isinstance(answer, LightningRefund)]
    others = {type(answer) for answer in answers} - {LightningRefund}
    assert len({one.refund_id for one in paid}) == 1
    assert others <= {RefundUnderWay}, others
    assert len(desk.mint().paid) == 1
    assert (await desk.world.states()).count(SagaState.DONE) == 2, "the deposit and the refund"


async def test_refund_against_spending(desk: Desk) -> None:
    owner = await desk.account(512)
    work = [desk.refund(owner), *(desk.earn(owner, 1) for _ in range(20))]
    await asyncio.gather(*work, return_exceptions=True)
    assert await desk.available(owner) >= 0


async def test_nothing_private_is_logged(desk: Desk, caplog: pytest.LogCaptureFixture) -> None:
    owner = await desk.account(64)
    await desk.refund(owner)
    assert "bob" not in caplog.text
    assert "lnbc" not in caplog.text
