"""The routes of the wallet."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.unit.admin.wallet.bank import FIRST, Bank, open_bank
from tests.unit.core.asgi import ask


@pytest.fixture
async def bank(tmp_path: Path) -> AsyncIterator[Bank]:
    async with open_bank(tmp_path) as bank:
        yield bank


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


async def test_an_idempotency_key_names_a_withdrawal_too(bank: Bank) -> None:
    wish = {"amount": 5, "operation_id": "monday"}
    made = await bank.told("POST", "/admin/withdraw", wish)
    headers = [("Content-Type", "application/json"), ("Idempotency-Key", "monday")]
    again = await ask(
        bank.app, "POST", "/admin/withdraw", headers=headers, chunks=(b'{"amount":5}',)
    )
    assert again.json() == made
