"""What the operator has, owes and owns."""

import json
from io import StringIO

from rich.console import Console

from routstr.cli.wallet_balance import show
from routstr.money import Unit
from routstr.payment.standing import MintStanding, Standing
from routstr.wallet.models import SagaKind
from tests.unit.cli.stage import LISTED, Stage

LONG = "https://mint.example.org/a/rather/long/path/that/does/not/fit/into/eighty/columns/at/all"


def shown(balance: Standing, *listed: str, width: int = 80) -> str:
    out = StringIO()
    show(balance, frozenset(listed), Console(file=out, width=width, highlight=False))
    return out.getvalue()


def at(mint: str, unit: Unit, *amounts: int, owed: int = 0) -> MintStanding:
    liquid, reserved, coming_in, going_out, given_out = amounts
    return MintStanding(
        mint=mint,
        unit=unit,
        liquid=liquid,
        reserved=reserved,
        coming_in=coming_in,
        going_out=going_out,
        given_out=given_out,
        owed_msat=owed,
        surplus_msat=-owed,
        payable=liquid,
    )


def balance(places: list[MintStanding], held: int, owed: int, own: int) -> Standing:
    return Standing(
        positions=places,
        held_msat=held,
        between_msat=0,
        owed_msat=owed,
        homeless_msat=0,
        surplus_msat=own,
    )


def test_an_empty_wallet_says_so(database: Stage) -> None:
    done = database.run("balance")
    assert done.status == 0
    assert "The wallet is empty." in done.output
    assert "yours 0 msat" in done.line


def test_a_table_for_each_mint_and_a_line_for_each_unit() -> None:
    places = [
        at("https://a.example", Unit.MSAT, 1_000, 0, 0, 0, 0),
        at("https://a.example", Unit.SAT, 2_100_000_000, 8, 21, 5, 4_000),
        at("https://b.example", Unit.SAT, 1, 0, 0, 0, 0, owed=7_000),
    ]
    output = shown(balance(places, 2_500, 3_000, -500), "https://a.example")
    lines = [line.split() for line in output.splitlines() if line.strip()]
    assert ["https://a.example"] in lines
    assert ["https://b.example", "(not", "in", "CASHU_MINTS)"] in lines
    assert ["msat", "1,000", "0", "0", "0", "0"] in lines
    assert ["sat", "2,100,000,000", "8", "21", "5", "4,000"] in lines
    assert ["sat", "7,000", "-7,000", "1"] in lines
    assert lines[-3][:3] == ["held", "2,500", "msat"]
    assert lines[-2][:3] == ["owed", "3,000", "msat"]
    assert lines[-1] == ["yours", "-500", "msat"]


def test_large_amounts_and_long_names_fit_into_eighty_columns() -> None:
    place = at(LONG, Unit.MSAT, 100_000_000_000, 1_000_000_000, 99_000, 99_000, 1_000_000_000)
    output = shown(balance([place], *[2_100_000_000_000] * 3), LONG)
    name, *lines = output.splitlines()
    assert name == LONG, "in one piece, to be copied"
    assert max(map(len, lines)) <= 80
    assert output.count("2,100,000,000,000 msat") == 3
    assert "  100,000,000,000  " in output


def test_an_amount_is_never_cut_off() -> None:
    output = shown(balance([at(LONG, Unit.MSAT, *[2_100_000_000_000] * 5)], 1, 1, 1), width=60)
    assert "…" not in output
    assert "".join(output.split()).count("0") == 6 * 11 + 2


def test_machines_get_the_same_as_json(database: Stage) -> None:
    database.saga(gross=21, fee=1)
    database.saga(gross=7, fee=1, mint="https://other.example", kind=SagaKind.SEND)
    outcome = json.loads(database.run("balance", "--json").output)
    nothing = {
        "liquid": 0,
        "reserved": 0,
        "given_out": 0,
        "unit": "sat",
        "owed_msat": 0,
        "payable": 0,
    }
    assert outcome == {
        "positions": [
            {
                "mint": LISTED,
                "listed": True,
                **nothing,
                "coming_in": 20,
                "going_out": 0,
                "surplus_msat": 0,
            },
            {
                "mint": "https://other.example",
                "listed": False,
                **nothing,
                "coming_in": 0,
                "going_out": 7,
                "surplus_msat": -7_000,
            },
        ],
        "held_msat": 0,
        "between_msat": 0,
        "owed_msat": 0,
        "homeless_msat": -7_000,
        "surplus_msat": 0,
    }


def test_what_is_owed_is_what_the_ledger_owes(database: Stage) -> None:
    database.sql(
        "INSERT INTO accounts (kind, overdraft, closed, posted, held, deposited, spent, requests,"
        " created_at) VALUES (1, 0, 0, 777, 0, 0, 0, 0, 1)"
    )
    done = database.run("balance", "--json")
    assert done.status == 0, "verifying is another command's"
    outcome = json.loads(done.output)
    assert (outcome["owed_msat"], outcome["surplus_msat"]) == (777, -777)
    assert outcome["homeless_msat"] == 777
