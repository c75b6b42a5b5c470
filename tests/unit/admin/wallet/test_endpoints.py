"""The wallet over the admin API."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.wallet.mint_errors import MintUnclear
from tests.unit.admin.wallet.bank import BOB, FIRST, SECOND, Bank, open_bank
from tests.unit.wallet.paying_mint import fail


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


async def test_the_surplus_is_withdrawn_once_by_name_and_nothing_beyond_it(bank: Bank) -> None:
    wish = {"amount": 150, "unit": "sat", "operation_id": "monday"}
    made = await bank.told("POST", "/admin/withdraw", wish)
    assert (made["token"][:6], made["mint_url"], made["amount"]) == ("cashuB", FIRST, 150)
    assert await bank.told("POST", "/admin/withdraw", wish) == made
    assert await bank.told("GET", f"/admin/api/wallet/withdrawals/{made['saga']}") == made
    refused = await bank.call("POST", "/admin/withdraw", {"amount": 51})
    assert (refused.status, refused.json()["error"]["code"]) == (409, "surplus_too_small")
    (listed,) = (await bank.told("GET", "/admin/api/wallet/payouts"))["payouts"]
    assert (listed["kind"], listed["amount"], listed["state"]) == ("token", 150, "done")


@pytest.mark.parametrize(
    ("path", "body", "status", "code"),
    [
        ("/admin/withdraw", {"amount": 0}, 422, "invalid_parameter"),
        ("/admin/withdraw", {"amount": 5, "mint_url": "https://x.example"}, 400, "untrusted_mint"),
        ("/admin/api/wallet/withdrawals/77", None, 400, "invalid_parameter"),
        ("/admin/api/wallet/sagas/77/resolve", {}, 400, "invalid_parameter"),
        ("/admin/api/wallet/payouts", {"to": "nobody"}, 400, "invalid_lightning_address"),
        ("/admin/api/wallet/moves", {"source": FIRST, "amount_sat": 9}, 400, "invalid_parameter"),
        ("/admin/api/wallet/recovered", {}, 402, "insufficient_balance"),
        ("/admin/api/wallet/recovered", {"key": "key_x"}, 404, "no_such_key"),
    ],
)
async def test_what_cannot_be_done_is_told(
    bank: Bank, path: str, body: object, status: int, code: str
) -> None:
    answer = await bank.call("GET" if body is None else "POST", path, body)
    assert (answer.status, answer.json()["error"]["code"]) == (status, code)


async def test_a_payout_without_an_answer_waits_and_is_asked_about(bank: Bank) -> None:
    lost = fail(MintUnclear("no answer"))
    bank.world.mint().next_melts(lost, lost)
    payout = await bank.told("POST", "/admin/api/wallet/payouts", {"amount_sat": 50})
    assert (payout["state"], payout["amount"], payout["fees_msat"]) == ("open", 50, None)
    (waiting,) = (await bank.told("GET", "/admin/api/wallet/sagas/open"))["sagas"]
    assert (waiting["id"], waiting["kind"], waiting["purpose"]) == (
        payout["saga"],
        "melt",
        "payout",
    )
    assert waiting["waits_for"] is not None
    path = f"/admin/api/wallet/sagas/{payout['saga']}/resolve"
    resolved = await bank.told("POST", path)
    assert (resolved["open"], resolved["sagas"][0]["saga"]["state"]) == (0, "done")
    assert await bank.told("POST", "/admin/api/wallet/sagas/resolve") == {"sagas": [], "open": 0}
    again = await bank.told("POST", path)
    assert again["sagas"][0]["saga"]["state"] == "done"


async def test_an_address_is_paid_and_an_invoice_has_its_amount(bank: Bank) -> None:
    wish = {"to": BOB, "amount_sat": 40, "operation_id": "tuesday"}
    paid = await bank.told("POST", "/admin/api/wallet/payouts", wish)
    assert (paid["state"], paid["amount"], paid["fees_msat"]) == ("done", 40, 1_000)
    assert await bank.told("POST", "/admin/api/wallet/payouts", wish) == paid


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


async def test_tidying_up_tells_what_it_did(bank: Bank) -> None:
    assert await bank.told("POST", "/admin/api/wallet/tidy") == {"swaps": 0}
