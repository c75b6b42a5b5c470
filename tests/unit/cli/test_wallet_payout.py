"""Paying out, as far as that needs no mint."""

import json

import msgspec
import pytest

from devkit.invoices import make_invoice
from routstr.cli import wallet_payout
from routstr.errors import SurplusTooSmall
from routstr.wallet.models import SagaKind, SagaState
from routstr.wallet.sagas import Plan
from tests.unit.cli.stage import DRAFT, LISTED, Stage

PAID = msgspec.structs.replace(
    DRAFT,
    id=7,
    kind=SagaKind.MELT,
    state=SagaState.DONE,
    purpose="payout",
    gross=44,
    fee=1,
    spent=42,
    plan=Plan(keyset="00", first_counter=0, amounts=[], pay=40),
)


def test_nobody_to_pay_to_is_wrong_usage(database: Stage) -> None:
    said = database.run("payout")
    assert (said.status, said.error) == (2, "Say where to with --to, or set RECEIVE_LN_ADDRESS.\n")


def test_an_invoice_has_its_amount(database: Stage) -> None:
    said = database.run("payout", "--to", make_invoice(5_000), "--amount", "5")
    assert (said.status, "leave --amount out" in said.error) == (2, True)


@pytest.mark.parametrize(
    "arguments",
    [
        ("withdraw",),
        ("withdraw", "--amount", "5", "--saga", "1"),
        ("withdraw", "--amount", "0"),
        ("withdraw", "--amount", "5", "--unit", "usd"),
        ("payout", "--amount", "0"),
    ],
)
def test_wrong_usage(database: Stage, arguments: tuple[str, ...]) -> None:
    assert database.run(*arguments).status == 2


def test_an_empty_wallet_pays_nothing_out(database: Stage) -> None:
    for to in ("bob@example.com", make_invoice(5_000)):
        said = database.run("payout", "--to", to)
        assert said.status == 1
        assert said.error.startswith("Nothing was paid out: The node's own money")
        assert "payable_sat 0" in said.error


def test_the_address_of_the_settings_is_the_usual_one(
    database: Stage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RECEIVE_LN_ADDRESS", "bob@example.com")
    assert "payable_sat 0" in database.run("payout").error


def test_a_saga_that_made_no_token_has_none_to_tell(database: Stage) -> None:
    saga = database.saga()
    for number in (saga, 99):
        said = database.run("withdraw", "--saga", str(number))
        assert (said.status, "There is no token to tell" in said.error) == (1, True)


def test_what_was_paid_is_told(capsys: pytest.CaptureFixture[str]) -> None:
    assert wallet_payout.report(PAID, json=False)
    assert capsys.readouterr().out == (
        f"Paid 40,000 msat out of {LISTED}, fees 2,000 msat: saga 7.\n"
    )
    assert wallet_payout.report(PAID, json=True)
    assert json.loads(capsys.readouterr().out) == {
        "saga": 7,
        "state": "done",
        "mint": LISTED,
        "unit": "sat",
        "paid": 40,
        "spent": 42,
        "mint_fee_msat": 1_000,
        "lightning_fee_msat": 1_000,
    }


def test_what_nobody_knows_is_told_so(capsys: pytest.CaptureFixture[str]) -> None:
    waiting = msgspec.structs.replace(PAID, state=SagaState.OPEN, spent=None)
    assert not wallet_payout.report(waiting, json=False)
    assert "Nobody knows yet whether it was paid: saga 7" in capsys.readouterr().out
    assert not wallet_payout.report(waiting, json=True)
    told = json.loads(capsys.readouterr().out)
    assert (told["state"], told["paid"], told["lightning_fee_msat"]) == ("open", None, None)


def test_an_error_tells_its_figures() -> None:
    error = SurplusTooSmall("Too little.", details={"payable_sat": 3})
    assert wallet_payout.why(error) == "Too little (payable_sat 3)"
    assert wallet_payout.why(ValueError("no")) == "no"
