from collections.abc import AsyncIterator
from pathlib import Path

import msgspec
import pytest

from routstr.errors import InsufficientBalance
from routstr.ledger.entries import AccountKind, TransferKind
from routstr.payment.leaving import (
    book_back,
    book_leaving,
    book_paid,
    lightning_fee_msat,
    spent_msat,
)
from routstr.wallet.models import SagaKind
from routstr.wallet.sagas import Plan, Saga
from tests.unit.payment.lightning import FIRST, Desk, open_desk
from tests.unit.wallet.world import DRAFT

OUT, BACK = TransferKind.LIGHTNING_REFUND, TransferKind.LIGHTNING_RETURN
SAGA = msgspec.structs.replace(
    DRAFT,
    id=900,
    kind=SagaKind.MELT,
    mint=FIRST,
    gross=43,
    fee=1,
    spent=42,
    plan=Plan(keyset="00", first_counter=0, amounts=[], pay=40),
)
"""40 sat were paid, for one sat over Lightning and one of input fee; one was not needed."""


@pytest.fixture
async def desk(tmp_path: Path) -> AsyncIterator[Desk]:
    async with open_desk(tmp_path, checked=False) as desk:
        yield desk


async def book(desk: Desk, owner: int, *steps: str, saga: Saga = SAGA) -> None:
    for step in steps:
        match step:
            case "leaving":
                await desk.world.db.write(lambda tx: book_leaving(tx, saga, owner, OUT, 7))
            case "paid":
                await desk.world.db.write(lambda tx: book_paid(tx, saga, owner, BACK, 8))
            case "back":
                await desk.world.db.write(lambda tx: book_back(tx, saga, owner, BACK, 9))


def test_what_a_payment_cost() -> None:
    assert (spent_msat(SAGA), lightning_fee_msat(SAGA), SAGA.fee_msat) == (42_000, 1_000, 1_000)


async def test_until_it_is_known_it_is_in_flight(desk: Desk) -> None:
    owner = await desk.account(64)
    await book(desk, owner, "leaving")
    assert (await desk.available(owner), await desk.booked(AccountKind.IN_FLIGHT)) == (
        21_000,
        43_000,
    )


async def test_what_was_not_needed_returns_and_the_rest_leaves_the_assets(desk: Desk) -> None:
    owner = await desk.account(64)
    await book(desk, owner, "leaving", "paid")
    assert (await desk.available(owner), await desk.booked(AccountKind.IN_FLIGHT)) == (22_000, 0)
    assert await desk.booked(AccountKind.ASSET) == -22_000


async def test_a_failed_payment_returns_as_a_whole(desk: Desk) -> None:
    owner = await desk.account(64)
    await book(desk, owner, "leaving", "back")
    assert (await desk.available(owner), await desk.booked(AccountKind.IN_FLIGHT)) == (64_000, 0)


async def test_nothing_is_booked_twice(desk: Desk) -> None:
    owner = await desk.account(64)
    await book(desk, owner, "leaving", "leaving", "paid", "paid")
    assert (await desk.available(owner), await desk.booked(AccountKind.IN_FLIGHT)) == (22_000, 0)


async def test_a_payment_that_needed_everything_returns_nothing(desk: Desk) -> None:
    owner = await desk.account(64)
    all_of_it = msgspec.structs.replace(SAGA, spent=43)
    await book(desk, owner, "leaving", "paid", saga=all_of_it)
    assert [kind for kind, _ in await desk.moved(owner)] == [TransferKind.DEPOSIT, OUT]


async def test_more_than_the_balance_does_not_leave(desk: Desk) -> None:
    owner = await desk.account(32)
    with pytest.raises(InsufficientBalance):
        await book(desk, owner, "leaving")
    assert await desk.available(owner) == 32_000
