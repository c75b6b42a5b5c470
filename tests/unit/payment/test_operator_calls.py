"""What is asked for by name happens once."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from devkit.invoices import make_invoice
from routstr.errors import IdempotencyMismatch, SurplusTooSmall
from routstr.money import Unit
from routstr.payment.operator_calls import Call
from routstr.wallet.models import SagaState
from tests.unit.payment.lightning import BOB, FIRST, Desk, open_desk

MONDAY = Call.of("monday", 50, FIRST, "sat")


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path) as desk:
        await desk.earn(await desk.account(512), 200)
        yield desk


async def test_a_withdrawal_by_name_gives_one_token(desk: Desk) -> None:
    async def once() -> str:
        _, token = await desk.payouts.as_token(50, FIRST, Unit.SAT, MONDAY)
        return token

    tokens = {await once(), *await asyncio.gather(once(), once()), await once()}
    assert len(tokens) == 1
    assert [saga.gross for saga in await desk.payouts.recent(None, 9)] == [50]


async def test_the_name_of_another_request_is_refused(desk: Desk) -> None:
    await desk.payouts.as_token(50, FIRST, Unit.SAT, MONDAY)
    with pytest.raises(IdempotencyMismatch):
        await desk.payouts.as_token(60, FIRST, Unit.SAT, Call.of("monday", 60, FIRST, "sat"))
    assert len(await desk.payouts.recent(None, 9)) == 1


async def test_what_was_refused_or_undone_may_be_asked_for_again(desk: Desk) -> None:
    with pytest.raises(SurplusTooSmall):
        await desk.payouts.as_token(300, FIRST, Unit.SAT, MONDAY)
    desk.mint().outcome = "failed"
    with pytest.raises(Exception, match="Lightning payment failed"):
        await desk.payouts.to_address(BOB, 50, None, MONDAY)
    desk.mint().outcome = "paid"
    paid = await desk.payouts.to_address(BOB, 50, None, MONDAY)
    again = await desk.payouts.to_address(BOB, 50, None, MONDAY)
    assert (paid.state, again.id) == (SagaState.DONE, paid.id)
    assert len(desk.mint().paid) == 1


async def test_an_invoice_is_paid_once_by_name(desk: Desk) -> None:
    bolt11 = make_invoice(20_000)
    call = Call.of("tuesday", bolt11)
    first = await desk.payouts.to_invoice(bolt11, None, call)
    assert (await desk.payouts.to_invoice(bolt11, None, call)).id == first.id
    listed = await desk.payouts.recent(None, 9)
    assert [saga.id for saga in listed] == [first.id]
    assert await desk.payouts.recent(first.id, 9) == []
