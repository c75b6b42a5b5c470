"""What is under way, who works on it, and why it is not done."""

import json

from routstr.core.clock import SystemClock
from routstr.money import Unit
from routstr.wallet.models import SagaKind, SagaState
from tests.unit.cli.stage import LISTED, NEXT_BOOT, SECRET, Stage

LONG = "https://a-mint-with-quite-a-name.example.org/Bitcoin/and/further/path"


def test_nothing_open_says_so(database: Stage) -> None:
    database.end(database.saga(), SagaState.DONE)
    done = database.run("sagas")
    assert (done.status, done.output) == (0, "No saga is open.\n")


def test_an_open_saga_is_told_with_its_owner_and_problem(database: Stage) -> None:
    database.instance(NEXT_BOOT)
    database.saga(problem="no connection: [red]ClientConnectorError", gross=21_000, fee=1)
    done = database.run("sagas")
    assert done.status == 0
    for word in ("receive", "topup", "21,000 sat", "fee 1 sat", "open", "alive", LISTED):
        assert word in done.output
    assert "[red]ClientConnectorError" in done.output
    assert SECRET not in done.output


def test_age_is_counted_from_the_intent(database: Stage) -> None:
    database.saga(created_at=SystemClock().now_ms() - 7_250_000)
    assert " 2 h " in database.run("sagas").output
    (saga,) = json.loads(database.run("sagas", "--json").output)["sagas"]
    assert 7_250 <= saga["age_s"] < 7_350


def test_owners_that_are_silent_or_crashed_here_are_gone(database: Stage) -> None:
    living = database.instance(NEXT_BOOT)
    silent = database.instance(NEXT_BOOT)
    database.sql(f"UPDATE instances SET seen_at = seen_at - 61000 WHERE id = {silent}")
    stopped = database.instance(NEXT_BOOT)
    database.sql(f"UPDATE instances SET stopped_at = seen_at WHERE id = {stopped}")
    crashed = database.instance()
    database.sql(f"UPDATE instances SET name = name || '0' WHERE id = {crashed}")
    for owner in (living, silent, stopped, crashed):
        database.saga(owner=owner)
    found = json.loads(database.run("sagas", "--json").output)["sagas"]
    assert [(saga["owner"], saga["owner_alive"]) for saga in found] == [
        (living, True),
        (silent, False),
        (stopped, False),
        (crashed, False),
    ]


def test_machines_get_everything_and_no_plan(database: Stage) -> None:
    database.saga(problem="busy", mint="https://other.example", unit=Unit.MSAT, kind=SagaKind.SEND)
    outcome = json.loads(database.run("sagas", "--json").output)
    (saga,) = outcome["sagas"]
    assert saga.pop("age_s") > 0
    assert saga == {
        "id": 1,
        "kind": "send",
        "purpose": "topup",
        "state": "open",
        "mint": "https://other.example",
        "listed": False,
        "unit": "msat",
        "gross": 21_000,
        "fee": 1,
        "created_at": 1_700_000_000_000,
        "ended_at": None,
        "owner": 1,
        "owner_alive": False,
        "problem": "busy",
    }
    assert outcome["more"] == 0


def test_a_mint_off_the_list_is_pointed_out_with_the_remedy(database: Stage) -> None:
    database.saga(mint="https://other.example")
    assert "not in CASHU_MINTS: nodes leave" in database.run("sagas").line


def test_all_shows_the_newest_first_and_the_limit_holds(database: Stage) -> None:
    first, second, third = [database.saga() for _ in range(3)]
    database.end(second, SagaState.FAILED)
    every = json.loads(database.run("sagas", "--all", "--limit", "2", "--json").output)["sagas"]
    assert [(saga["id"], saga["state"]) for saga in every] == [(third, "open"), (second, "failed")]
    opened = json.loads(database.run("sagas", "--limit", "1", "--json").output)
    assert ([saga["id"] for saga in opened["sagas"]], opened["more"]) == ([first], 1)
    assert "1 more: --limit shows them." in database.run("sagas", "--limit", "1").output


def test_long_names_and_problems_fit_into_eighty_columns(database: Stage) -> None:
    database.saga(
        problem="the mint counts the inputs as spent and has signed nothing for them " * 2,
        mint=LONG,
        unit=Unit.MSAT,
        gross=1_000_000_000,
        fee=100_000,
        owner=123_456,
    )
    done = database.run("sagas")
    assert max(map(len, done.output.splitlines())) <= 80
    lines = done.output.splitlines()
    start = next(line.index("mint, problem") for line in lines if "mint, problem" in line)
    last_column = "".join(line[start:].strip() for line in lines)
    assert LONG in last_column
    assert "1,000,000,000 msat" in done.output
    assert "fee 100,000 msat" in done.output
