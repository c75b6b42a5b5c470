"""Movements, payouts and the books, as they are told."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.errors import InvalidParameter
from tests.unit.admin.wallet.bank import Bank, open_bank


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(tmp_path) as bank:
        yield bank


async def test_movements_are_listed_in_pages(bank: Bank) -> None:
    for amount in (1, 2, 4):
        await bank.told("POST", "/admin/withdraw", {"amount": amount})
    newest = await bank.told("GET", "/admin/api/wallet/sagas?limit=2")
    assert len(newest["sagas"]) == 2
    older = await bank.told("GET", f"/admin/api/wallet/sagas?before={newest['next']}")
    ids = [one["id"] for one in (*newest["sagas"], *older["sagas"])]
    assert ids == sorted(ids, reverse=True)
    assert older["next"] is None


async def test_the_books_are_verified_on_demand(bank: Bank) -> None:
    assert (await bank.told("GET", "/admin/api/wallet/verification"))["at"] is None
    begun = await bank.told("POST", "/admin/api/wallet/verification", {"full": True})
    assert begun["running_since"] is not None
    while (found := await bank.told("GET", "/admin/api/wallet/verification"))["running_since"]:
        pass
    assert (found["holds"], found["full"], found["deposits_open"]) == (True, True, True)
    assert (found["assets_msat"], found["owed_msat"]) == (512_000, 312_000)
    assert all(one["holds"] for one in found["checks"])


async def test_payouts_are_listed_in_pages(bank: Bank) -> None:
    for amount in (1, 2, 4):
        await bank.told("POST", "/admin/withdraw", {"amount": amount})
    desk = bank.actions.desk
    newest = await desk.list_payouts(limit=2)
    older = await desk.list_payouts(before=newest.next)
    assert [one.amount for one in (*newest.payouts, *older.payouts)] == [4, 2, 1]
    assert older.next is None
    assert (await desk.payout(newest.payouts[0].saga)).amount == 4


async def test_what_is_no_payout_and_no_movement_is_not_found(bank: Bank) -> None:
    desk = bank.actions.desk
    (deposit,) = (await desk.sagas()).sagas
    with pytest.raises(InvalidParameter):
        await desk.payout(deposit.id)
    with pytest.raises(InvalidParameter):
        await desk.saga(deposit.id + 1)
