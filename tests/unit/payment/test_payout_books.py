"""What a payout's intent takes out of the surplus, and what of it comes back."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import LightningFailed, SurplusTooSmall
from routstr.ledger.entries import AccountKind
from routstr.money import Unit
from routstr.payment.payout_books import WITHDRAW
from routstr.wallet.send import Withdrawal
from tests.unit.payment.lightning import BOB, FIRST, Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as desk:
        await desk.earn(await desk.account(512), 200)
        yield desk


async def test_the_intent_itself_refuses_what_the_surplus_does_not_cover(desk: Desk) -> None:
    account = await desk.payouts._account()
    wish = Withdrawal(FIRST, Unit.SAT, 201, WITHDRAW, account, {})
    with pytest.raises(SurplusTooSmall):
        await desk.house.wallet.send(wish)
    assert await desk.booked(AccountKind.PAYOUTS) == 0


async def test_what_failed_is_back_to_the_last_msat(desk: Desk) -> None:
    desk.mint().outcome = "failed"
    with pytest.raises(LightningFailed):
        await desk.payouts.to_address(BOB, 50, None)
    assert await desk.booked(AccountKind.PAYOUTS) == 0
    assert await desk.booked(AccountKind.IN_FLIGHT) == 0
