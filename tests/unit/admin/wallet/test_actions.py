"""What an operator does with the wallet."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from routstr.wallet.mint_errors import MintUnclear
from tests.unit.admin.wallet.bank import BOB, FIRST, Bank, open_bank
from tests.unit.wallet.paying_mint import fail


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(tmp_path) as bank:
        yield bank


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


async def test_tidying_up_tells_what_it_did(bank: Bank) -> None:
    assert await bank.told("POST", "/admin/api/wallet/tidy") == {"swaps": 0}
