"""What is where, and whose it is."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.wallet.mint_health import MintHealth
from tests.unit.admin.wallet.bank import FIRST, SECOND, Bank, open_bank


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(tmp_path) as bank:
        yield bank


async def test_the_wallet_tells_whose_the_money_is(bank: Bank) -> None:
    told = await bank.told("GET", "/admin/api/wallet")
    sums = (told["held_msat"], told["owed_msat"], told["yours_msat"], told["between_msat"])
    assert sums == (512_000, 312_000, 200_000, 0)
    first, second = told["mints"]
    assert (first["url"], first["primary"], first["listed"]) == (FIRST, True, True)
    (place,) = first["places"]
    assert (place["liquid"], place["payable"], place["owed_msat"]) == (512, 200, 312_000)
    assert (place["yours_msat"], place["amounts"]) == (200_000, {"512": 1})
    assert (second["url"], second["places"][0]["liquid"]) == (SECOND, 0)
    assert [one["active"] for one in first["keysets"]] == [True]


async def test_the_contracts_balances_add_up(bank: Bank) -> None:
    first, second = await bank.told("GET", "/admin/api/balances")
    assert first == {
        "mint_url": FIRST,
        "unit": "sat",
        "wallet_balance": 512,
        "user_balance": 312,
        "owner_balance": 200,
        "error": None,
        "error_code": None,
        "retry_after_seconds": None,
    }
    assert (second["mint_url"], second["wallet_balance"]) == (SECOND, 0)


async def test_a_mint_in_trouble_says_when_it_is_asked_again(bank: Bank) -> None:
    bank.world.mint().served = MintHealth(problem="asks to wait (429)", failures=1, rest_s=9)
    first, second = await bank.told("GET", "/admin/api/balances")
    told = (first["error"], first["error_code"], first["retry_after_seconds"])
    assert told == ("asks to wait (429)", "cooldown", 9)
    assert second["error"] is None
    wallet = await bank.told("GET", "/admin/api/wallet")
    assert [mint["state"] for mint in wallet["mints"]] == ["resting", "unknown"]


async def test_what_is_owed_where_may_be_missing_but_no_sum_is(bank: Bank) -> None:
    desk = bank.actions.desk
    quick = await desk.overview(patient=False)
    assert quick.mints[0].places[0].owed_msat is None
    assert (quick.owed_msat, quick.yours_msat) == (312_000, 200_000)
    whole = await desk.overview()
    assert whole.mints[0].places[0].owed_msat == 312_000
