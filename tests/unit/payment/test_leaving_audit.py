from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from sqlalchemy import text

from routstr.errors import RefundWithheld
from routstr.payment.audit import audit
from routstr.payment.leaving_audit import IN_FLIGHT, PAID
from tests.unit.payment.lightning import BOB, Desk, open_desk


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path, checked=False) as desk:
        yield desk


async def broken(desk: Desk) -> set[str]:
    outcome = await desk.world.db.read(audit)
    return {check.name for check in outcome.checks if not check.holds}


async def change(desk: Desk, statement: str) -> None:
    await desk.world.db.write(lambda tx: tx.sql.execute(text(statement)))


async def test_refunds_and_payouts_in_every_state_hold(desk: Desk) -> None:
    owner = await desk.account(512)
    other = await desk.account(512)
    await desk.earn(owner, 200)
    await desk.payouts.run(BOB)
    await desk.refund(owner)
    desk.mint().outcome = "pending"
    with pytest.raises(RefundWithheld):
        await desk.refund(other)
    assert await broken(desk) == set()


async def test_a_payment_that_was_booked_wrongly_is_found(desk: Desk) -> None:
    owner = await desk.account(512)
    await desk.refund(owner)
    await change(desk, "UPDATE sagas SET spent = spent - 1 WHERE kind = 4")
    assert await broken(desk) == {PAID}
    await change(desk, "UPDATE sagas SET spent = spent + 1, state = 2 WHERE kind = 4")
    assert await broken(desk) == {PAID}, "what failed has left nothing"


async def test_a_payment_that_is_under_way_is_in_flight(desk: Desk) -> None:
    owner = await desk.account(512)
    desk.mint().outcome = "pending"
    with pytest.raises(RefundWithheld):
        await desk.refund(owner)
    await change(desk, "UPDATE sagas SET gross = gross + 1 WHERE kind = 4")
    assert await broken(desk) == {IN_FLIGHT}
